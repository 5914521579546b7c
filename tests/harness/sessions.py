"""The administrator's sessions, kept for the next statement: most cost less than to log in."""

import re
import threading
from collections.abc import Sequence
from select import select
from typing import Any

from deploy.local.postgres import Postgres, rows

LASTING = re.compile(r"^\s*SET\b|advisory_lock|\btemp", re.IGNORECASE | re.MULTILINE)

_kept: dict[tuple[int, str, int], Any] = {}  # by the server's port, the database and the thread


def ask(
    server: Postgres, database: str, sql: str, parameters: Sequence[object] | None = None
) -> list[tuple[Any, ...]]:
    """Rows of one statement; what it does to its session ends with it."""
    if LASTING.search(sql):
        return server.psql(sql, database, parameters)
    own = server.port, database, threading.get_ident()
    kept = _kept.get(own)
    if kept is None or kept.closed or select([kept], [], [], 0)[0]:  # the server said farewell
        kept = _kept[own] = server.login(database)
    return rows(kept, sql, parameters)


def end(server: Postgres, database: str) -> None:
    """Closes them all, where nobody may be connected."""
    for own in [own for own in _kept if own[:2] == (server.port, database)]:
        _kept.pop(own).close()
