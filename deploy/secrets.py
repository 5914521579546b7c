"""Makes every secret of an installation as a file of its own, once.

    python -m deploy.secrets DIR

Files that exist are kept, so a second run rotates nothing and a deleted file is a rotated one; what
only follows from others (public halves, hashes, the broker's definitions) is written anew. Each is
readable by its owner only. `ombudsman-bearer-key` is the Ombudsman's and leaves the machine after
hand-over; all else stays.
"""

import base64
import hashlib
import json
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

from joserfc.jwk import ECKey, OKPKey

from deploy.rabbitmq.definitions import OPERATOR, SERVICES, definitions

DATABASE = "{}-database-password"
BROKER = "{}-amqp-password"


def make(folder: Path) -> None:
    """Makes what is missing in `folder`, which is the owner's alone."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for service in SERVICES:
        _once(folder / DATABASE.format(service), _password)
    for user in (*SERVICES, OPERATOR):
        _once(folder / BROKER.format(user), _password)
    for name in ("tracking-pepper", "idempotency-pepper"):
        _once(folder / name, lambda: base64.b64encode(os.urandom(32)).decode())
    _once(folder / "kek.json", _key_encryption_keys)
    _once(folder / "notify-private-key.json", lambda: _exported(ECKey.generate_key("P-256")))
    _once(folder / "feed-signing-key.json", lambda: _exported(OKPKey.generate_key("Ed25519")))
    _once(folder / "ombudsman-bearer-key", lambda: secrets.token_urlsafe(32))
    _derive(folder)


def read(folder: Path, name: str) -> str:
    """One secret, as text."""
    return (folder / name).read_text().strip()


def _derive(folder: Path) -> None:
    """Rewrites what follows from the other files, so that rotating one of those is enough."""
    private = json.loads(read(folder, "notify-private-key.json"))
    _write(folder / "notify-public-key.json", json.dumps(_without_secret(private)))
    bearer = hashlib.sha256(read(folder, "ombudsman-bearer-key").encode()).hexdigest()
    _write(folder / "ombudsman-key-hash", bearer)
    passwords = {user: read(folder, BROKER.format(user)) for user in (*SERVICES, OPERATOR)}
    _write(folder / "definitions.json", json.dumps(definitions(passwords), indent=1))


def _once(file: Path, value: Callable[[], str]) -> None:
    if not file.exists():
        _write(file, value())


def _write(file: Path, value: str) -> None:
    """Replaces a file at once; never readable by others, not even for a moment."""
    fresh = file.with_name(file.name + ".new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w") as target:
        target.write(value)
    fresh.rename(file)


def _password() -> str:
    return secrets.token_urlsafe(24)  # also safe inside an address


def _key_encryption_keys() -> str:
    return json.dumps({"current": 1, "keys": {"1": base64.b64encode(os.urandom(32)).decode()}})


def _exported(key: ECKey | OKPKey) -> str:
    """A private JWK with its thumbprint as key id."""
    return json.dumps({**key.as_dict(private=True), "kid": key.thumbprint()})


def _without_secret(jwk: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in jwk.items() if name != "d"}


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: python -m deploy.secrets DIR")
    make(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
