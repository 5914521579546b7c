"""Which messages go next: those of a report, and those of a report to one post, one after the
other, in the order in which they were written. What goes where a reporter's news went formerly
waits for nothing, and nothing for it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from chassis.database import Prepared, Transactions
from services.notify.models import Message

_earlier = aliased(Message)
_EARLIER_IS_OPEN = (  # one that was written earlier, may be sent, and was not
    sa.select(_earlier.id)
    .where(
        _earlier.number == Message.number,
        _earlier.place.is_not_distinct_from(Message.place),
        _earlier.former.is_(False),
        _earlier.not_before <= sa.bindparam("now", type_=sa.DateTime(timezone=True)),
        _earlier.next_at.is_not(None),
        sa.tuple_(_earlier.written_at, _earlier.id) < sa.tuple_(Message.written_at, Message.id),
    )
    .exists()
)
# What is asked five times a second, day and night, and mostly answered with no.
_ANY = Prepared(
    "any_is_due", "SELECT id FROM message WHERE next_at <= :now ORDER BY next_at LIMIT 1"
)


def any_is_due(db: Transactions, now: datetime) -> bool:
    """Whether a look at `due` is worth it: one whose turn it is not yet counts too."""
    return db.once(_ANY, {"now": now}) is not None


def due(
    tx: Session, limit: int, now: datetime, sending: Collection[UUID], *, patient: bool
) -> Sequence[Message]:
    """Up to `limit` messages that are due and locked from here on, but for those that this process
    is `sending`; `patient`: no lease counts as ended."""
    return tx.scalars(
        sa.select(Message)
        .where(Message.next_at <= now, sa.or_(Message.former, ~_EARLIER_IS_OPEN))
        .where(Message.id.not_in(sorted(sending)))
        .where(sa.or_(Message.state != "sending", sa.literal(not patient)))
        .order_by(Message.next_at)
        .limit(limit)
        .with_for_update(skip_locked=True),
        {"now": now},
    ).all()
