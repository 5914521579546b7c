"""One database per service, and no way from one into another's.

Each has two roles. The owner makes the tables, and only the job that migrates has its password. The
service's own role reads and writes rows, where `chassis.migrations` lets it: it can neither lift a
guard that a table has nor rewrite what is only added to.
"""

import re
from collections.abc import Mapping
from typing import Any, Protocol

from deploy.rabbitmq.definitions import SERVICES

SHARED = ("postgres", "template1")

__all__ = ["SERVICES", "SHARED", "only_for", "owner", "prepare", "role"]


class Psql(Protocol):
    """Runs one statement as the administrator outside of a transaction."""

    def __call__(self, sql: str, database: str = ..., /) -> list[tuple[Any, ...]]: ...


def prepare(psql: Psql, passwords: Mapping[str, str], owners: Mapping[str, str]) -> list[str]:
    """Brings a server to what the services need; by service, the passwords of its own role and of
    its owner. Returns which databases are new; a role gets its present password in any case, so
    that a rotated one takes effect, and an owner what was once the service's."""
    there = {name for (name,) in psql("SELECT rolname FROM pg_roles")}
    databases = {name for (name,) in psql("SELECT datname FROM pg_database")}
    for service, password in passwords.items():
        for name, word in ((owner(service), owners[service]), (service, password)):
            statement = role(name, word)
            psql(statement.replace("CREATE", "ALTER", 1) if name in there else statement)
        if service not in databases:
            psql(f"CREATE DATABASE {service} OWNER {owner(service)}")
        psql(f"REASSIGN OWNED BY {service} TO {owner(service)}", service)
        for statement in only_for(service, service):
            psql(statement)
    for shared in SHARED:
        for statement in only_for(shared):
            psql(statement)
    return [service for service in passwords if service not in databases]


def owner(service: str) -> str:
    """The role that a service's database and all in it belong to."""
    return f"{service}_owner"


def role(name: str, password: str) -> str:
    """SQL for a new role that may log in."""
    if not re.fullmatch(r"[a-z_]+", name) or not re.fullmatch(r"[\w-]+", password):
        raise ValueError("a role's name is a word, its password made by deploy.secrets")
    return f"CREATE ROLE {name} LOGIN PASSWORD '{password}'"


def only_for(database: str, service: str = "") -> list[str]:
    """SQL that keeps every role but the owner out of a database, and lets a service in."""
    let_in = [f"GRANT CONNECT ON DATABASE {database} TO {service}"] if service else []
    return [f"REVOKE ALL ON DATABASE {database} FROM PUBLIC", *let_in]
