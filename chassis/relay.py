"""Takes committed outbox rows to the broker, at least once, in the order of their ids.

Rows are picked by state and never by `id > last`: ids are given before commit, so a cursor would
skip a slow transaction. One relay per service works at a time (an advisory lock); that is for
thrift only, receivers bear duplicates.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import sqlalchemy as sa

from chassis import metrics
from chassis.database import Prepared
from chassis.events import read
from chassis.failpoints import failpoint
from chassis.wire import InDoubt, Publisher

BATCH = 500
_LOCK = sa.text("SELECT pg_try_advisory_lock(hashtext('chassis.relay'))")
_PICK = sa.text(
    "SELECT id AS place, event_id::text AS id, source, type, subject, sequence, correlationid,"
    " time, data FROM outbox WHERE published_at IS NULL ORDER BY place LIMIT :batch"
)
# What is asked twenty times a second, day and night, and mostly answered with no.
_ANY = Prepared("look", "SELECT id FROM outbox WHERE published_at IS NULL ORDER BY id LIMIT :some")
# An index that is read row by row is tidied up by that: entries of what was published are met once.
_READING = sa.text("SET enable_bitmapscan = off")
_MARK = sa.text(
    "UPDATE outbox SET published_at = clock_timestamp() WHERE id = ANY(:ids)"
    " RETURNING extract(epoch FROM published_at - emitted_at)"
)


class Relay:
    """One service's relay. `turn()` is called again and again by one thread."""

    def __init__(self, service: str, engine: sa.Engine, uri: str) -> None:
        self._service, self._engine, self._uri = service, engine, uri
        self._connection: sa.Connection | None = None
        self._publisher: Publisher | None = None
        self._locked = False

    def turn(self) -> int:
        """Publishes one batch and returns its size. On any doubt both connections are dropped,
        the rows stay, and the error is raised for the caller to wait and turn again."""
        try:
            connection = self._leading()
            return self._publish(connection) if connection else 0
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Drops both connections, and with them the advisory lock."""
        publisher, self._publisher = self._publisher, None
        connection, self._connection = self._connection, None
        if publisher:
            with suppress(Exception):
                publisher.close()
        if connection:
            with suppress(Exception):
                connection.invalidate()
                connection.close()

    def _leading(self) -> sa.Connection | None:
        if self._connection is None:
            connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            self._connection, self._locked = connection, False
            connection.execute(_READING)
        if not self._locked:
            self._locked = bool(self._connection.scalar(_LOCK))
        return self._connection if self._locked else None

    def _publish(self, connection: sa.Connection) -> int:
        if self._publisher is None:
            self._publisher = Publisher(self._uri)
        if not _ANY.one(connection, {"some": 1}):
            self._publisher.beat()
            return 0
        rows = connection.execute(_PICK, {"batch": BATCH}).mappings().all()
        failpoint("relay.before_publish")
        stored = self._publisher.publish({row["place"]: _message(row) for row in rows})
        failpoint("relay.after_confirm")
        lags = connection.execute(_MARK, {"ids": list(stored)}).scalars().all()
        failpoint("relay.after_mark")
        for lag in lags:
            metrics.RELAY_LAG.labels(self._service).observe(float(lag))
        if len(stored) < len(rows):
            raise InDoubt(f"{len(rows) - len(stored)} refused")
        return len(stored)


def _message(row: Any) -> tuple[str, str, bytes]:
    event = read(row)
    return event.type, event.id, json.dumps(event.document()).encode()
