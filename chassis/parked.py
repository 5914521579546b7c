"""What needs a person: the events that an inbox has parked, listed, shown and tried again."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.database import rows
from chassis.errors import Poison
from chassis.inbox import decode


def listed(tx: Session) -> list[Any]:
    """All parked events, oldest first: what and why, without their content."""
    return rows(
        tx,
        "SELECT event_id::text, type, reason, attempts, received_at, length(body) AS size"
        " FROM inbox WHERE state = 'parked' ORDER BY received_at",
    )


def show(tx: Session, event_id: UUID, *, data: bool = False) -> str:
    """A filed event as indented JSON, its data only if asked for. Raises LookupError."""
    filed = "SELECT body, reason, state FROM inbox WHERE event_id = :id AND body IS NOT NULL"
    found = tx.execute(sa.text(filed), {"id": event_id}).one_or_none()
    if found is None:
        raise LookupError(f"no event {event_id} is filed here")
    try:
        document = decode(bytes(found.body)).document()
    except Poison:
        document = {"data": bytes(found.body).decode("utf-8", "backslashreplace")}
    if not data:
        document["data"] = "(hidden; ask with --data)"
    return json.dumps(document | {"state": found.state, "reason": found.reason}, indent=1)


def replay(tx: Session, event_id: UUID | None, now: datetime) -> int:
    """Has one parked event (or all) tried again at once, with all its tries; returns how many.
    Raises LookupError where that one is none."""
    again = (
        "UPDATE inbox SET state = 'waiting', attempts = 0, next_try_at = :now"
        " WHERE state = 'parked' AND type IS NOT NULL AND event_id = coalesce(:id, event_id)"
    )
    count = len(rows(tx, f"{again} RETURNING 1", id=event_id, now=now))
    if event_id is not None and not count:
        raise LookupError(f"no event {event_id} is parked here that can be tried again")
    return count


_GIVE_UP = """
UPDATE inbox SET state = 'done', next_try_at = NULL, body = NULL
WHERE event_id = CAST(:id AS uuid) AND state = 'parked' AND reason <> 'gap'
RETURNING type, source, subject, sequence, reason
"""
_PASS_BY = sa.text("""
WITH passed AS (
    INSERT INTO position AS p (source, subject, sequence) VALUES (:source, :subject, :sequence)
    ON CONFLICT (source, subject) DO UPDATE SET sequence = greatest(p.sequence, :sequence)
)
UPDATE inbox SET state = 'waiting', next_try_at = :now WHERE source = :source AND subject = :subject
AND sequence = :sequence + 1 AND (state = 'waiting' OR state = 'parked' AND reason = 'gap')
""")


def give_up(tx: Session, event_id: UUID, now: datetime) -> Any:
    """Closes a parked event that no try can help, without its effect: what waited behind it goes
    on, and its content is not kept. Returns its type, None if it never was an event, and why it was
    parked. Raises LookupError, also for one that only waits for an earlier event."""
    given_up = rows(tx, _GIVE_UP, id=event_id)
    if not given_up:
        but = "one that waits for an earlier event cannot"
        raise LookupError(f"no event {event_id} is parked here that can be given up: {but}")
    if given_up[0].type:
        place = {name: getattr(given_up[0], name) for name in ("source", "subject", "sequence")}
        tx.execute(_PASS_BY, place | {"now": now})
    return given_up[0]
