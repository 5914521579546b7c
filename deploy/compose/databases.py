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
from deploy.postgres.databases import SERVICES, prepare


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: python -m deploy.compose.databases SECRETS")
    folder = Path(sys.argv[1])
    connection = psycopg2.connect(
        host="postgres", user="postgres", dbname="postgres", connect_timeout=10,
        password=secrets.read(folder, DATABASE_ADMINISTRATOR),
    )  # fmt: skip
    connection.autocommit = True
    passwords = {s: secrets.read(folder, secrets.DATABASE.format(s)) for s in SERVICES}

    def psql(sql: str) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []

    try:
        made = prepare(psql, passwords)
    finally:
        connection.close()
    print(f"databases made: {', '.join(made) or 'none, all are there'}")


if __name__ == "__main__":
    main()
