"""Checkpoints: a stream's end with its time, signed, for others to keep as witnesses.

Whoever kept one can tell that nothing up to it was changed, cut off or told differently to
somebody else: the hash of its position must be the same for ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from services.escalation import events
from services.escalation.models import FeedCheckpoint, FeedEntry, FeedStream
from services.escalation.ombudsman import chain, pulses
from services.escalation.ombudsman.signing import Signer

LONGEST = timedelta(minutes=10)
_Place = tuple[int, int]


def cover(tx: Session, stream: str, signer: Signer, now: datetime) -> None:
    """Signs what is due: every `chain.CHECKPOINT_EVERY` entries, and what has stood for `LONGEST`
    with no checkpoint at or after it; then a pulse. Whoever calls holds the stream's lock."""
    covered = _newest(tx, stream)
    while full := _uncovered(tx, stream, covered, chain.CHECKPOINT_EVERY - 1):
        sign(tx, stream, full.epoch, full.position, full.hash, signer, now)
        covered = full.epoch, full.position
    oldest = _uncovered(tx, stream, covered, 0)
    if oldest and oldest.appended_at <= now - LONGEST:
        end = tx.get_one(FeedStream, stream)
        sign(tx, stream, end.epoch, end.position, end.hash, signer, now)
    pulses.beat(tx, stream, signer, now)


def sign(
    tx: Session, stream: str, epoch: int, position: int, hash: bytes, signer: Signer, now: datetime
) -> None:
    """Adds one checkpoint."""
    row = FeedCheckpoint(
        stream=stream, epoch=epoch, position=position, hash=hash, at=now, kid=signer.kid,
        signature=b"",
    )  # fmt: skip
    row.signature = signer.sign(chain.canonical(told(row).document()))
    tx.add(row)
    tx.flush()


def told(row: FeedCheckpoint) -> chain.Checkpoint:
    """A row as what its signature is over, with its signature."""
    time = str(events.rfc3339(row.at))
    return chain.Checkpoint(
        row.stream, row.epoch, row.position, row.hash, time, row.kid, row.signature
    )


def read(tx: Session, stream: str, after: _Place, limit: int) -> list[chain.Checkpoint]:
    """The checkpoints after a place, in order."""
    return [told(row) for row in tx.scalars(_after(stream, after).limit(limit))]


def each(tx: Session, stream: str) -> Iterator[chain.Checkpoint]:
    """All of a stream's, in order."""
    for row in tx.scalars(_after(stream, (0, 0)).execution_options(yield_per=1000)):
        yield told(row)


def _after(stream: str, after: _Place) -> sa.Select[tuple[FeedCheckpoint]]:
    place = FeedCheckpoint.epoch, FeedCheckpoint.position
    found = sa.select(FeedCheckpoint).where(FeedCheckpoint.stream == stream)
    return found.where(sa.tuple_(*place) > after).order_by(*place)


def _newest(tx: Session, stream: str) -> _Place:
    place = FeedCheckpoint.epoch, FeedCheckpoint.position
    found = sa.select(*place).where(FeedCheckpoint.stream == stream)
    row = tx.execute(found.order_by(*(column.desc() for column in place)).limit(1)).one_or_none()
    return (row.epoch, row.position) if row else (0, 0)


def _uncovered(tx: Session, stream: str, covered: _Place, skipped: int) -> FeedEntry | None:
    """The first entry after the newest checkpoint, or one further on."""
    place = FeedEntry.epoch, FeedEntry.position
    found = sa.select(FeedEntry).where(FeedEntry.stream == stream, sa.tuple_(*place) > covered)
    return tx.scalars(found.order_by(*place).offset(skipped).limit(1)).one_or_none()
