"""What the tries of a message so far say: is it tried again, and when."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from services.notify import pace
from services.notify.domain import Reply
from services.notify.ledger import HINDERED, UNANSWERED, UNREADABLE, Outcome
from services.notify.models import Attempt, Message

_NOT_ITS_OWN = (HINDERED, UNREADABLE)
# May be about the message or its address alone; of a process that died, too: it may be why.
_OWN = Attempt.outcome.in_(("unavailable", "unknown"))
_SILENT = sa.and_(Attempt.outcome == UNANSWERED.attempt, Attempt.reply == Reply.NONE.value)


def next_try(tx: Session, message: Message, last: Outcome, now: datetime) -> datetime | None:
    """When to try `message` again, whose `last` try is on record; None: not again."""
    if last.attempt in _NOT_ITS_OWN:
        hindered = _count(tx, message.id, Attempt.outcome.in_(_NOT_ITS_OWN))
        return pace.after_hindrance(hindered, now, message.not_before)
    if last == UNANSWERED:
        return pace.after_silence(_count(tx, message.id, _SILENT), now)
    own = _count(tx, message.id, _OWN)
    if own <= pace.RETRIES:
        return pace.after_refusal(own, now)
    return _given_up(tx, message, own, now)


def _count(tx: Session, message: UUID, which: sa.ColumnElement[bool]) -> int:
    """How many tries ended so; also what `tx` did not flush."""
    tx.flush()
    found = sa.select(sa.func.count()).where(Attempt.message_id == message, which)
    return tx.scalar(found) or 0


def _given_up(tx: Session, message: Message, own: int, now: datetime) -> datetime | None:
    """None, unless the server may have refused whoever was tried: what is to be mended there ends
    nobody's message. Once it took another's mail, tries count from then; while it takes none, they
    are its own if nobody else's failed meanwhile."""
    tries = sa.select(sa.func.min(Attempt.started_at)).where(Attempt.message_id == message.id, _OWN)
    began = tx.scalar(tries)
    taken = Message.state == "delivered", Message.settled_at >= began
    since = tx.scalar(sa.select(sa.func.min(Message.settled_at)).where(*taken))
    if since is not None:
        lately = sa.and_(_OWN, Attempt.started_at >= since)
        return pace.after_refusal(_count(tx, message.id, lately), now)
    others = sa.exists().where(
        Message.next_at.is_not(None),
        sa.func.coalesce(Message.place, Message.number) != (message.place or message.number),
        sa.exists().where(Attempt.message_id == Message.id, _OWN, Attempt.started_at >= began),
    )
    return pace.after_refusal(own, now, of_all=bool(tx.scalar(sa.select(others))))
