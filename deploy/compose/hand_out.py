"""Gives every container its own secrets and nobody else's.

    python -m deploy.compose.hand_out VAULT HANDED

VAULT keeps all secrets (made once by deploy.secrets) and is mounted by this job only. HANDED has
one folder per owner, each a volume that only this job and its owner mount: whoever breaks into
intake does not find notify's private key, nor does who breaks into notify's own API. Alertmanager's
configuration is handed out with its password to the mail server. The folder
`intake` is that of the API and of the job that seeds, `intake-worker` the worker's, `intake-owner`
that of the job that migrates. Files are readable by the owner's user alone. A second run changes
what has changed, and takes away what is no longer needed.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import deploy.secrets
from chassis.config import Misconfigured
from deploy.alertmanager.configuration import configuration
from deploy.postgres.databases import owner
from deploy.rabbitmq.definitions import SERVICES, VHOST

LAPOR, POSTGRES, RABBITMQ, GRAFANA, ALERTMANAGER = 10001, 999, 999, 472, 65534  # the images' users
DATABASE_ADMINISTRATOR = "database-administrator-password"
GRAFANA_ADMINISTRATOR = "grafana-administrator-password"
SMTP_PASSWORD = "smtp-password"  # noqa: S105 - a file's name; empty until the operator fills it
CALLING = "alertmanager.yml"
OF_INTAKE = (
    "notify-public-key.json", "ombudsman-public-keys.json", "tracking-pepper", "idempotency-pepper",
)  # fmt: skip
OF_API = {
    "intake": (*OF_INTAKE, "reporter-token-key.json", "receipt-key.json"),
    "routing": ("staff-token-key.json",),
    "escalation": (
        "ombudsman-key-hash",
        "ombudsman-signing-keys.json",
        "staff-token-public-keys.json",
        "reporter-token-public-keys.json",
    ),
}
OF_MIGRATION = {"intake": OF_INTAKE}  # which reads its settings whole, for migrating too
OF_WORKER = {
    "intake": OF_INTAKE,
    "notify": ("notify-private-key.json", "kek.json", SMTP_PASSWORD),
    "escalation": ("feed-signing-key.json",),
}


@dataclass(frozen=True)
class Owner:
    """Who reads a folder, and the text of each file in it."""

    user: int
    files: Mapping[str, str]


def owners(vault: Path, calling: str) -> dict[str, Owner]:
    """Every owner by the name of its folder. `calling`: Alertmanager's configuration."""
    kinds = (deploy.secrets.DATABASE, deploy.secrets.OWNER)
    passwords = [kind.format(service) for service in SERVICES for kind in kinds]
    shared = {
        "postgres": Owner(POSTGRES, _copies(vault, [DATABASE_ADMINISTRATOR])),
        "rabbitmq": Owner(RABBITMQ, _copies(vault, ["definitions.json"])),
        "grafana": Owner(GRAFANA, _copies(vault, [GRAFANA_ADMINISTRATOR])),
        "alertmanager": Owner(ALERTMANAGER, {CALLING: calling, **_copies(vault, [SMTP_PASSWORD])}),
        "databases": Owner(LAPOR, _copies(vault, [DATABASE_ADMINISTRATOR, *passwords])),
    }
    apis = {s: Owner(LAPOR, _of_api(vault, s)) for s in SERVICES}
    workers = {f"{s}-worker": Owner(LAPOR, _of_worker(vault, s)) for s in SERVICES}
    migrations = {f"{s}-owner": Owner(LAPOR, _of_migration(vault, s)) for s in SERVICES}
    return shared | apis | workers | migrations


def hand_out(folder: Path, to: Owner, *, as_root: bool = True) -> None:
    """Makes `folder` hold exactly that owner's files."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for stale in folder.iterdir():
        if stale.name not in to.files:
            stale.unlink()
    for name, text in to.files.items():
        _write(folder / name, text, to.user if as_root else -1)
    if as_root:
        os.chown(folder, to.user, to.user)
    folder.chmod(0o500)


def make(vault: Path) -> None:
    """Makes what is missing in the vault."""
    deploy.secrets.make(vault)
    for name in (DATABASE_ADMINISTRATOR, GRAFANA_ADMINISTRATOR):
        if not (vault / name).exists():
            _write(vault / name, secrets.token_urlsafe(24), -1)
    if not (vault / SMTP_PASSWORD).exists():
        _write(vault / SMTP_PASSWORD, "", -1)


def _copies(vault: Path, names: Iterable[str]) -> dict[str, str]:
    return {name: deploy.secrets.read(vault, name) for name in names}


def _of_api(vault: Path, service: str) -> dict[str, str]:
    url = _url(vault, service, service, deploy.secrets.DATABASE)
    return {"database-url": url, **_copies(vault, OF_API.get(service, ()))}


def _of_migration(vault: Path, service: str) -> dict[str, str]:
    url = _url(vault, service, owner(service), deploy.secrets.OWNER)
    return {"database-url": url, **_copies(vault, OF_MIGRATION.get(service, ()))}


def _url(vault: Path, service: str, role: str, kind: str) -> str:
    password = deploy.secrets.read(vault, kind.format(service))
    return f"postgresql+psycopg2://{role}:{password}@postgres:5432/{service}"


def _of_worker(vault: Path, service: str) -> dict[str, str]:
    password = deploy.secrets.read(vault, deploy.secrets.BROKER.format(service))
    return {
        "database-url": _of_api(vault, service)["database-url"],
        "amqp-uri": f"amqp://{service}:{password}@rabbitmq:5672/{VHOST}",
        **_copies(vault, OF_WORKER.get(service, ())),
    }


def _write(file: Path, text: str, user: int) -> None:
    """Replaces a file at once; nobody but its owner can read it, not even for a moment."""
    fresh = file.with_name(f".{file.name}.new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w") as target:
        target.write(text)
        os.fchown(target.fileno(), user, user)
    fresh.rename(file)


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit("usage: python -m deploy.compose.hand_out VAULT HANDED")
    vault, handed = map(Path, sys.argv[1:])
    try:
        calling = configuration(os.environ, files="/run/secrets", templates="/etc/alertmanager")
    except Misconfigured as error:
        sys.exit(str(error))
    make(vault)
    for name, to in owners(vault, calling).items():
        hand_out(handed / name, to)
        print(f"{name}: {', '.join(sorted(to.files))}")


if __name__ == "__main__":
    main()
