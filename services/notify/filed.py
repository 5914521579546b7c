"""Sealed contacts that the inbox keeps for another try, and what erasing makes of them."""

from __future__ import annotations

import json

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis import database
from chassis.inbox import decode

CONTACTS = ["report.contact_sealed.v1", "report.contact_replaced.v1"]
_EMPTIED = sa.text("UPDATE inbox SET body = :body WHERE event_id = :id")
_TRIED_AGAIN = sa.text(
    "UPDATE inbox SET state = 'waiting', attempts = 0, next_try_at = received_at"
    " WHERE event_id = :id AND state = 'parked' AND reason <> 'gap'"
)


def empty(tx: Session, number: str) -> int:
    """Takes the sealed contact out of every event of this report that waits or is parked, and has
    those tried again that could not be taken in; how many there were.

    Each still comes in its turn, and a gap waits on: an event that was taken out whole would leave
    another gap in its stream, which nothing closes.
    """
    filed = database.rows(
        tx,
        "SELECT event_id, body FROM inbox WHERE type = ANY(:types) AND subject = :number"
        " AND state <> 'done' ORDER BY event_id FOR UPDATE",
        types=CONTACTS,
        number=number,
    )
    for row in filed:
        document = decode(bytes(row.body)).document()
        document["data"] |= {"sealed": ""}
        tx.execute(_EMPTIED, {"id": row.event_id, "body": json.dumps(document).encode()})
        tx.execute(_TRIED_AGAIN, {"id": row.event_id})
    return len(filed)
