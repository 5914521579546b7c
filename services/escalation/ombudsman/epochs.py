"""Epochs: after the database was restored to an earlier state, the feed goes on under a new one.

What was appended after the backup is lost here, and perhaps read already. A place is epoch and
position, so none is given a second time: an epoch's number is the minute in which it was opened,
as a restored database cannot know which numbers were used in the future that it has lost. The
chain goes on from the last entry that both have, and so do positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.errors import Invalid, NotAllowed
from services.escalation.models import FeedEpoch, FeedStream
from services.escalation.ombudsman import checkpoints, feed
from services.escalation.ombudsman.signing import Signers

OPENED = "feed.epoch.opened.v1"


class Ahead(NotAllowed):
    """A reader has been further than we are: we were restored, and no epoch was opened."""

    code = how = "ahead"


class LostFuture(NotAllowed):
    """The place was lost when the feed was restored; another epoch goes on from before it."""

    code = "lost_future"


def open(tx: Session, stream: str, signers: Signers, by: str, now: datetime) -> FeedEpoch:
    """Begins a new epoch of a stream. Its first entry tells of the epoch before, of that one's last
    position and hash; it is signed as a checkpoint too."""
    end, signer = feed.locked(tx, stream), signers.current(tx, now)
    before = {"epoch": end.epoch, "position": end.position, "hash": end.hash.hex()}
    opened = FeedEpoch(
        stream=stream,
        epoch=max(end.epoch + 1, int(now.timestamp()) // 60),
        before_epoch=end.epoch,
        before_position=end.position,
        before_hash=end.hash,
        opened_at=now,
        opened_by=by,
    )
    tx.add(opened)
    end.epoch = opened.epoch
    first = feed.pending(stream, OPENED, stream, {"before": before}, now)
    feed.append_one(tx, end, first, signer, now)
    tx.flush()
    checkpoints.sign(tx, stream, end.epoch, end.position, end.hash, signer, now)
    return opened


def opened(tx: Session, stream: str) -> Sequence[FeedEpoch]:
    """The epochs that followed another, in order."""
    found = sa.select(FeedEpoch).where(FeedEpoch.stream == stream)
    return tx.scalars(found.order_by(FeedEpoch.epoch)).all()


def check(tx: Session, stream: str, epoch: int, position: int) -> None:
    """Raises LostFuture, Ahead, or Invalid unless this is a place of the feed, and one from where
    what follows has no gap."""
    place, end = (epoch, position), tx.get_one(FeedStream, stream)
    began = 0
    for later in opened(tx, stream):
        before = later.before_epoch, later.before_position
        if later.epoch > epoch and place > before:
            raise LostFuture(
                "this place was lost when the feed was restored: keep what you have read, and read"
                " on from the last cursor in /v1/ombudsman/epochs whose entry is the one you have"
            )
        if later.epoch == epoch:
            began = later.before_position
    if place > (end.epoch, end.position):
        raise Ahead(
            "you have read further than the feed goes: it was restored, and no new epoch has been"
            " opened yet; keep what you have read, and ask again later"
        )
    if position < began:
        raise Invalid("this is no cursor of that stream", "after", "cursor")
