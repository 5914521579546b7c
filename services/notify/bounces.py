"""What comes back: a mail that was taken by a relay, which could not bring it.

A relay says so by a mail to the envelope's sender (RFC 3464, in the form of RFC 6522). It repeats
the address that it could not reach, so that nothing of it is kept, logged or shown: only which of
our messages it is about.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from email import message_from_bytes
from email.message import Message
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.clock import Clock
from services.notify import letters, models
from services.notify.domain import Reply
from services.notify.ledger import Outcome, record, settle

RETURNS = timedelta(days=10)  # a relay gives up after five (RFC 5321, 4.5.4.1)
LOOKED_AT = 1000  # ids in memory at once
RETURNED = Outcome("rejected", Reply.PERMANENT, "failed", "rejected")
_ID = re.compile(r"<([0-9a-f]{32})@")


def take(tx: Session, keys: Collection[bytes], mail: bytes, clock: Clock) -> int:
    """How many messages were counted as delivered and are counted as failed from now on, as `mail`
    says of them; the same once more changes nothing. `keys`: what their public ids may be made
    with."""
    lost = list(_lost(tx, keys, set(public_ids(mail)), clock.real() - RETURNS))
    for id in lost:
        message = tx.get_one(models.Message, id, with_for_update=True)
        if message.state == "delivered":
            attempt = tx.get_one(models.Attempt, (message.id, message.attempts))
            record(tx, attempt, RETURNED, clock.real())
            settle(tx, message, "failed", "rejected", clock)
    return len(lost)


def _lost(
    tx: Session, keys: Collection[bytes], returned: set[str], since: datetime
) -> Iterator[UUID]:
    """The messages that were delivered `since` and have these public ids; the latest first, for it
    is the one that comes back. Anybody can send us an id: none costs more than a look at the ids of
    those days."""
    if not returned:
        return
    delivered = models.Message.state == "delivered", models.Message.settled_at > since
    found = sa.select(models.Message.id).where(*delivered)
    latest = found.order_by(models.Message.settled_at.desc())
    with tx.execute(latest, execution_options={"yield_per": LOOKED_AT}) as rows:
        for id in rows.scalars():
            if theirs := returned.intersection(letters.public_id(id, key) for key in keys):
                yield id
                returned = returned - theirs
                if not returned:
                    return


def public_ids(mail: bytes) -> Iterator[str]:
    """The ids of our mails that a report says could not be brought; none if it only says that one
    is late, or if it is no report."""
    report = message_from_bytes(mail)
    parts = list(report.walk())
    if report.get_content_type() != "multipart/report" or not any(map(_failed, parts)):
        return
    for part in parts:
        for original in _originals(part):
            yield from _ID.findall(str(original.get("Message-ID", "")))


def _failed(part: Message) -> bool:
    """Whether it is about a recipient who was given up."""
    if part.get_content_type() != "message/delivery-status":
        return False
    groups = part.get_payload()
    return isinstance(groups, list) and any(
        str(group.get("Action", "")).strip().lower() == "failed" for group in groups
    )


def _originals(part: Message) -> Iterator[Message]:
    """The mail that a report is about, or its header alone."""
    kind, inside = part.get_content_type(), part.get_payload()
    if kind == "message/rfc822" and isinstance(inside, list):
        yield from inside
    elif kind == "text/rfc822-headers":
        head = part.get_payload(decode=True)
        yield message_from_bytes(head if isinstance(head, bytes) else b"")
