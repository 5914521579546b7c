"""Epochs: after the database was restored to an earlier state, the feed goes on under a new one.

What was appended after the backup is lost here, and perhaps read already. A place is epoch and
position, so none is given a second time. A restored database cannot know which numbers were used in
the future that it has lost, nor can its clock: an epoch's number is drawn by lot, above the last
one. The chain goes on from the last entry that both have, and so do positions.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.errors import Invalid, NotAllowed
from services.escalation.models import FeedEntry, FeedEpoch, FeedStream
from services.escalation.ombudsman import announcing, checkpoints, feed, pulses
from services.escalation.ombudsman.signing import Signers

OPENED = "feed.epoch.opened.v1"
FIRST = 1
LOTS = 2**15  # one for each day's worth of numbers: they last until 2149


class Ahead(NotAllowed):
    """A reader has been further than we are: we were restored, and no epoch was opened."""

    code = how = "ahead"

    def __init__(self) -> None:
        super().__init__(
            "you have read further than the feed goes: it was restored, and no new epoch has been"
            " opened yet; keep what you have read, and ask again later"
        )


class LostFuture(NotAllowed):
    """The place was lost when the feed was restored; another epoch goes on from before it."""

    code = "lost_future"

    def __init__(self) -> None:
        super().__init__(
            "this place was lost when the feed was restored: keep what you have read, and read"
            " on from the last cursor in /v1/ombudsman/epochs whose entry is the one you have"
        )


def open(tx: Session, stream: str, signers: Signers, by: str, now: datetime) -> FeedEpoch:
    """Begins a new epoch of a stream. Its first entry tells of the epoch before, of that one's last
    position and hash; its end is signed as a checkpoint too. Keys whose turn came when nothing
    could be appended take it: the first by opening the epoch."""
    end = feed.locked(tx, stream, restored=True)
    last = tx.get(FeedEntry, (stream, end.epoch, end.position))
    opener, *later = signers.since(tx, last.kid if last else None, now)
    before = {"epoch": end.epoch, "position": end.position, "hash": end.hash.hex()}
    opened = FeedEpoch(
        stream=stream,
        epoch=number(end.epoch, now),
        before_epoch=end.epoch,
        before_position=end.position,
        before_hash=end.hash,
        opened_at=now,
        opened_by=by,
    )
    tx.add(opened)
    end.epoch, end.origin = opened.epoch, feed.here(tx)
    first = feed.pending(stream, OPENED, stream, {"before": before}, now)
    feed.append_one(tx, end, first, opener, now)
    tx.flush()
    announcing.take_turns(tx, end, opener.kid, later, now)
    signer = later[-1] if later else opener
    checkpoints.sign(tx, stream, end.epoch, end.position, end.hash, signer, now)
    pulses.beat(tx, stream, signer, now)
    return opened


def number(last: int, now: datetime) -> int:
    """A number above the last one. Restored again, even in the same second, another one is drawn,
    but for once in `LOTS` times."""
    return max(last, int(now.timestamp()) // 86400 * LOTS) + 1 + secrets.randbelow(LOTS)


def opened(tx: Session, stream: str) -> Sequence[FeedEpoch]:
    """The epochs that followed another, in order."""
    found = sa.select(FeedEpoch).where(FeedEpoch.stream == stream)
    return tx.scalars(found.order_by(FeedEpoch.epoch)).all()


def check(tx: Session, stream: str, epoch: int, position: int) -> None:
    """Raises LostFuture, Ahead, or Invalid unless this is a place of the feed, and one from where
    what follows has no gap."""
    place, end = (epoch, position), tx.get_one(FeedStream, stream)
    began, known = 0, {FIRST}
    for later in opened(tx, stream):
        known.add(later.epoch)
        before = later.before_epoch, later.before_position
        if later.epoch > epoch and place > before:
            raise LostFuture
        if later.epoch == epoch:
            began = later.before_position
    if epoch not in known and len(known) > 1 and not feed.is_restored(tx, end):
        raise LostFuture  # an epoch of it, whose number may be above all of ours
    if epoch not in known or place > (end.epoch, end.position):
        raise Ahead
    if position < began:
        raise Invalid("this is no cursor of that stream", "after", "cursor")
