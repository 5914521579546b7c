"""The environment of each process: what it is told, and nothing else of this machine."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from deploy import secrets
from deploy.rabbitmq.definitions import USERS

ROOT = Path(__file__).resolve().parents[2]
STATE = Path(os.environ.get("LAPOR_STATE", ROOT / ".lapor"))  # all that a run makes
CACHE = Path(os.environ.get("LAPOR_CACHE", STATE / "cache"))  # downloads; may be shared


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What is the same for every process of one system."""

    secrets: Path
    lapor_env: str = "demo"
    clock_file: Path | None = None
    smtp_port: int = 0
    public_url: str = ""
    extra: dict[str, str] = field(default_factory=dict)

    def environment(self, service: str, **more: str) -> dict[str, str]:
        """The whole environment of a process of `service`; `extra`, and before it `more`, win.

        Raises ValueError for production: here every process has the same user and reads every
        secret, so that nothing keeps identities from who breaks into one of them.
        """
        told = {
            **_passed_on(),
            "PYTHONUNBUFFERED": "1",
            "TZ": "UTC",
            "LAPOR_ENV": self.lapor_env,
            "DATA_DIR": str(ROOT / "data" / "kotabaru"),
            "TIME_ZONE": "Asia/Makassar",
            "NUMBER_PREFIX": "KTB",
            "LOG_LEVEL": "INFO",
            **self._secret_files(service),
        }
        if self.clock_file:
            told["CLOCK_FILE"] = str(self.clock_file)
        if service == "notify":
            told |= {
                "SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(self.smtp_port),
                "SMTP_FROM": "lapor@kotabaru.example", "PUBLIC_URL": self.public_url,
                "QUIET_HOURS": "",  # here the clock leaps, and nobody sleeps
                "MAILBOX_LIMIT": "0",  # and one person sends them all
            }  # fmt: skip
        told |= self.extra | more
        if told["LAPOR_ENV"] == "production":
            raise ValueError("the embedded run isolates nothing and is never production")
        return told

    def _secret_files(self, service: str) -> dict[str, str]:
        return {name: str(self.secrets / file) for name, file in SECRET_FILES[service].items()}


SECRET_FILES = {
    "intake": {
        "NOTIFY_PUBLIC_KEY_FILE": "notify-public-key.json",
        "OMBUDSMAN_PUBLIC_KEYS_FILE": "ombudsman-public-keys.json",
        "TRACKING_PEPPER_FILE": "tracking-pepper",
        "IDEMPOTENCY_PEPPER_FILE": "idempotency-pepper",
        "REPORTER_TOKEN_KEY_FILE": "reporter-token-key.json",
        "RECEIPT_KEY_FILE": "receipt-key.json",
    },
    "routing": {"STAFF_TOKEN_KEY_FILE": "staff-token-key.json"},
    "notify": {"NOTIFY_PRIVATE_KEY_FILE": "notify-private-key.json", "KEK_FILE": "kek.json"},
    "escalation": {
        "FEED_SIGNING_KEY_FILE": "feed-signing-key.json",
        "OMBUDSMAN_KEY_FILE": "ombudsman-key-hash",
        "STAFF_TOKEN_KEYS_FILE": "staff-token-public-keys.json",
        "REPORTER_TOKEN_KEYS_FILE": "reporter-token-public-keys.json",
        "OMBUDSMAN_SIGNING_KEYS_FILE": "ombudsman-signing-keys.json",
    },
}


def passwords(folder: Path) -> dict[str, str]:
    """The broker's passwords by user."""
    return {user: secrets.read(folder, secrets.BROKER.format(user)) for user in USERS}


def _passed_on() -> dict[str, str]:
    """Of the caller's environment only what a program needs to run at all."""
    names = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPYCACHEPREFIX")
    return {name: os.environ[name] for name in names if name in os.environ}
