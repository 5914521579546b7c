"""How far the Ombudsman says it has the feed, and that it has the same entries as we."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.errors import Invalid, NotAllowed
from services.escalation.models import FeedAcknowledgement, FeedEntry, FeedStream
from services.escalation.ombudsman import epochs

_LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtext('escalation.acknowledge.' || :stream))")


class Forked(NotAllowed):
    """Two different entries at one place: somebody has changed one of them."""

    code = how = "forked"


class Further(NotAllowed):
    """What is acknowledged stays so."""

    code = "acknowledged_further"


def acknowledge(
    tx: Session, stream: str, epoch: int, position: int, hash: bytes, now: datetime
) -> datetime:
    """Notes that everything up to an entry is theirs; since when it is. Raises Forked when that
    entry has another hash here, Further when more was acknowledged before, and as `epochs.check`.
    """
    tx.execute(_LOCK, {"stream": stream})
    epochs.check(tx, stream, epoch, position)
    entry = tx.get(FeedEntry, (stream, epoch, position))
    if entry is None:
        raise Invalid("acknowledge an entry, by the cursor after it", "cursor", "entry")
    if entry.hash != hash:
        raise Forked(
            "the entry at this place has another hash here: one of the two feeds was changed. Keep"
            " yours; we are alarmed"
        )
    if known := tx.get(FeedAcknowledgement, (stream, epoch, position)):
        return known.at
    if (epoch, position) < newest(tx, stream):
        raise Further("more than this was acknowledged before")
    row = {"stream": stream, "epoch": epoch, "position": position, "hash": hash, "at": now}
    tx.add(FeedAcknowledgement(**row))
    return now


def newest(tx: Session, stream: str) -> tuple[int, int]:
    """The place up to which everything is acknowledged."""
    place = FeedAcknowledgement.epoch, FeedAcknowledgement.position
    found = sa.select(*place).where(FeedAcknowledgement.stream == stream)
    row = tx.execute(found.order_by(*(column.desc() for column in place)).limit(1)).one_or_none()
    return (row.epoch, row.position) if row else (0, 0)


def lag(tx: Session, stream: str, now: datetime) -> tuple[int, float]:
    """How many entries are not acknowledged, and for how many seconds the oldest has not been."""
    place = FeedEntry.epoch, FeedEntry.position
    acknowledged = newest(tx, stream)
    missing = sa.select(FeedEntry.appended_at).where(FeedEntry.stream == stream)
    missing = missing.where(sa.tuple_(*place) > acknowledged).order_by(*place).limit(1)
    oldest = tx.scalars(missing).one_or_none()
    entries = tx.get_one(FeedStream, stream).position - acknowledged[1]
    return entries, (now - oldest).total_seconds() if oldest else 0.0
