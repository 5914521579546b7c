"""Makes each service's database and login role, and gives the role its present password.

    python -m deploy.compose.databases SECRETS

Runs at every start: a service that was added gets its database, a rotated password takes effect.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import psycopg2

from deploy import secrets
from deploy.compose.hand_out import DATABASE_ADMINISTRATOR
from deploy.postgres.databases import SERVICES, only_for, statements

SHARED = ("postgres", "template1")


def prepare(connection: Any, passwords: dict[str, str]) -> list[str]:
    """Brings the server to what the services need; returns which databases are new."""
    with connection.cursor() as cursor:
        roles = _names(cursor, "SELECT rolname FROM pg_roles")
        databases = _names(cursor, "SELECT datname FROM pg_database")
        for service, password in passwords.items():
            role, database, *rights = statements(service, password)
            cursor.execute(role.replace("CREATE", "ALTER", 1) if service in roles else role)
            for statement in (*([] if service in databases else [database]), *rights):
                cursor.execute(statement)
        for shared in SHARED:
            for statement in only_for(shared):
                cursor.execute(statement)
    return [service for service in passwords if service not in databases]


def _names(cursor: Any, query: str) -> set[str]:
    cursor.execute(query)
    return {name for (name,) in cursor.fetchall()}


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: python -m deploy.compose.databases SECRETS")
    folder = Path(sys.argv[1])
    passwords = {s: secrets.read(folder, secrets.DATABASE.format(s)) for s in SERVICES}
    connection = psycopg2.connect(
        host="postgres", user="postgres", dbname="postgres", connect_timeout=10,
        password=secrets.read(folder, DATABASE_ADMINISTRATOR),
    )  # fmt: skip
    connection.autocommit = True
    try:
        made = prepare(connection, passwords)
    finally:
        connection.close()
    print(f"databases made: {', '.join(made) or 'none, all are there'}")


if __name__ == "__main__":
    main()
