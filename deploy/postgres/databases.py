"""One database and one login role per service, and no way from one into another's."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from deploy.rabbitmq.definitions import SERVICES

SHARED = ("postgres", "template1")

__all__ = ["SERVICES", "SHARED", "only_for", "prepare", "statements"]


def prepare(
    psql: Callable[[str], list[tuple[Any, ...]]], passwords: Mapping[str, str]
) -> list[str]:
    """Brings a server to what the services need, through `psql`, which runs one statement as the
    administrator outside of a transaction. Returns which databases are new; a role gets its
    present password in any case, so that a rotated one takes effect."""
    roles = {name for (name,) in psql("SELECT rolname FROM pg_roles")}
    databases = {name for (name,) in psql("SELECT datname FROM pg_database")}
    for service, password in passwords.items():
        role, database, *rights = statements(service, password)
        psql(role.replace("CREATE", "ALTER", 1) if service in roles else role)
        for statement in (*([] if service in databases else [database]), *rights):
            psql(statement)
    for shared in SHARED:
        for statement in only_for(shared):
            psql(statement)
    return [service for service in passwords if service not in databases]


def statements(service: str, password: str) -> list[str]:
    """SQL for a new service: its role, its database, and then the rights on that."""
    if not re.fullmatch(r"[a-z_]+", service) or not re.fullmatch(r"[\w-]+", password):
        raise ValueError("a service's name is a word, its password made by deploy.secrets")
    return [
        f"CREATE ROLE {service} LOGIN PASSWORD '{password}'",
        f"CREATE DATABASE {service} OWNER {service}",
        *only_for(service),
    ]


def only_for(database: str) -> list[str]:
    """SQL that keeps every role but the owner out of a database."""
    return [f"REVOKE ALL ON DATABASE {database} FROM PUBLIC"]
