"""What needs a person: the events that an inbox has parked, listed, shown and tried again."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

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


def show(tx: Session, event_id: str, *, data: bool = False) -> str:
    """A filed event as indented JSON, its data only if asked for. Raises LookupError."""
    found = tx.execute(
        sa.text("SELECT body, reason, state FROM inbox WHERE event_id = CAST(:id AS uuid)"),
        {"id": event_id},
    ).one_or_none()
    if found is None or found.body is None:
        raise LookupError(f"no event {event_id} is filed here")
    try:
        document = decode(bytes(found.body)).document()
    except Poison:
        document = {"data": bytes(found.body).decode("utf-8", "backslashreplace")}
    if not data:
        document["data"] = "(hidden; ask with --data)"
    return json.dumps(document | {"state": found.state, "reason": found.reason}, indent=1)


def replay(tx: Session, event_id: str | None, now: datetime) -> int:
    """Has one parked event (or all) tried again at once, with all its tries; returns how many."""
    replayed = rows(
        tx,
        "UPDATE inbox SET state = 'waiting', attempts = 0, next_try_at = :now"
        " WHERE state = 'parked' AND type IS NOT NULL"
        " AND (CAST(:id AS uuid) IS NULL OR event_id = CAST(:id AS uuid)) RETURNING 1",
        id=event_id,
        now=now,
    )
    return len(replayed)
