"""Configuration: read once, whole, at start, into a frozen dataclass.

A service subclasses `Settings` and adds fields; a field `smtp_host` is the variable `SMTP_HOST`.
`Secret` and `SecretText` fields are read from the file that `NAME_FILE` names (`SecretText` may
also be given directly, as `NAME`). What is missing or wrong stops the start and names itself.
"""

from __future__ import annotations

import os
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, NewType, Self, get_type_hints

import environs

Secret = NewType("Secret", bytes)
SecretText = NewType("SecretText", str)

SHORTEST = 32  # bytes of a secret

ROOT = Path(__file__).resolve().parent.parent


class Misconfigured(SystemExit):
    """The process cannot start; the text says which variables to set, and never their values."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Settings:
    """What every process of every service needs."""

    service: str
    lapor_env: str  # production, demo or test
    database_url: SecretText
    amqp_uri: SecretText = SecretText("")
    http_host: str = "127.0.0.1"
    http_port: int = 0
    http_threads: int = 8
    internal_port: int = 0
    clock_file: Path | None = None
    data_dir: Path = ROOT / "data" / "kotabaru"
    time_zone: str = "Asia/Makassar"
    log_level: str = "INFO"
    broker_accounts: bool = True  # each service has its own account with the broker
    failpoints: str = ""

    @classmethod
    def read(cls, service: str) -> Self:
        """Reads the environment. Raises `Misconfigured` naming all that is missing or wrong."""
        env, missing = environs.Env(), list[str]()
        values: dict[str, Any] = {"service": service}
        for field, kind in _fields(cls):
            try:
                values[field.name] = _value(env, field.name.upper(), kind)
            except (environs.EnvError, OSError, ValueError):
                if field.default is MISSING:
                    missing.append(field.name.upper() + ("_FILE" if kind is Secret else ""))
                elif _is_set(field.name):
                    missing.append(f"{field.name.upper()} (its value cannot be used)")
        if missing:
            raise Misconfigured(f"{service}: set {', '.join(missing)}")
        settings = cls(**values)
        settings.check()
        return settings

    def __repr__(self) -> str:
        """Nothing that is configured, for some of it is secret."""
        return f"<settings of {self.service}>"

    def check(self) -> None:
        """Refuses what must not be combined; subclasses add to it."""
        if self.lapor_env not in ("production", "demo", "test"):
            raise Misconfigured("LAPOR_ENV must be production, demo or test")
        if self.lapor_env == "production" and (self.clock_file or self.failpoints):
            raise Misconfigured("CLOCK_FILE and FAILPOINTS are refused in production")
        if self.lapor_env == "production" and not self.broker_accounts:
            raise Misconfigured("BROKER_ACCOUNTS=false is refused in production")


def _fields(cls: type[Settings]) -> list[tuple[Any, Any]]:
    hints = get_type_hints(cls)
    return [(f, hints[f.name]) for f in fields(cls) if f.name != "service"]


def _is_set(name: str) -> bool:
    return name.upper() in os.environ or f"{name.upper()}_FILE" in os.environ


def _value(env: environs.Env, name: str, kind: Any) -> Any:
    if kind is Secret:
        secret = env.path(f"{name}_FILE").read_bytes().strip()
        if len(secret) < SHORTEST:
            raise ValueError(name)
        return Secret(secret)
    if kind is SecretText:
        file = env.path(f"{name}_FILE", None)
        return SecretText(file.read_text().strip() if file else env.str(name))
    if kind in (int, bool):
        return env.int(name) if kind is int else env.bool(name)
    return env.str(name) if kind is str else env.path(name)
