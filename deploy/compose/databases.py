"""Makes each service's database and its two roles, and gives those their present passwords.

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
from deploy.postgres.databases import SERVICES, prepare


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: python -m deploy.compose.databases SECRETS")
    folder = Path(sys.argv[1])
    passwords = {s: secrets.read(folder, secrets.DATABASE.format(s)) for s in SERVICES}
    owners = {s: secrets.read(folder, secrets.OWNER.format(s)) for s in SERVICES}

    def psql(sql: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(
            host="postgres", user="postgres", dbname=database, connect_timeout=10,
            password=secrets.read(folder, DATABASE_ADMINISTRATOR),
        )  # fmt: skip
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    made = prepare(psql, passwords, owners)
    print(f"databases made: {', '.join(made) or 'none, all are there'}")


if __name__ == "__main__":
    main()
