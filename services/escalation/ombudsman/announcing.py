"""The feed's next key is announced on both streams before it signs, by an entry that the one before
it signs: whoever follows the chain may trust it for that, and rejects nothing when keys change. It
signs on both at once when its turn comes: from there the one before it is worth nothing on either,
however long nothing else is told there. One that will never sign is withdrawn in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from chassis.errors import NotAllowed
from services.escalation.models import STREAMS, FeedStream
from services.escalation.ombudsman import checkpoints, feed
from services.escalation.ombudsman.signing import KeyMissing, Signer, Signers

ANNOUNCED = "feed.key.announced.v1"
SWITCHED = "feed.key.switched.v1"
WITHDRAWN = "feed.key.withdrawn.v1"


def introduce(tx: Session, signers: Signers, now: datetime) -> dict[str, bool]:
    """Shows the public half of every key that has not been shown; their names, and whether each was
    announced as well. It is not when the key that signs is lost: then people must compare it.
    Raises NotAllowed for one that is not called by its thumbprint, and Restored."""
    _locked(tx)  # before it is asked who signs: another may have begun to switch
    fresh = signers.introduce(tx, now)
    try:
        current = signers.current(tx, now)
    except KeyMissing:
        return {one.kid: False for one in fresh}
    for stream in STREAMS if fresh else ():
        end = feed.locked(tx, stream)
        for one in fresh:
            _say(tx, end, ANNOUNCED, {"key": one.public()}, current, now)
        checkpoints.cover(tx, stream, current, now)
    return {one.kid: True for one in fresh}


def switch(tx: Session, signers: Signers, now: datetime, *, at_once: bool = False) -> str:
    """From now on the newest key signs, and says on both streams which one it follows; its name.
    Raises NotAllowed when it was not shown, or for less than a day and not `at_once`; and in a
    restored database, where nothing may be appended before an epoch is opened. Only where the key
    that would have to open it is lost does another take its place: then that opens the epoch."""
    ends = _locked(tx)
    restored = any(feed.is_restored(tx, end) for end in ends)
    if restored and signers.hold_current(tx, now):
        raise NotAllowed(
            "the database was restored and no epoch was opened: run open-epoch, then this again"
        )
    before, turns = signers.switch(tx, now, at_once=at_once)
    for end in () if restored else ends:
        take_turns(tx, end, before, turns, now)
        checkpoints.cover(tx, end.stream, turns[-1], now)
    return turns[-1].kid


def withdraw(tx: Session, signers: Signers, kid: str, now: datetime) -> None:
    """A key that was shown will never sign: nobody holds its private half any more, or somebody who
    should not. The one that signs says so on both streams, and whoever reads on trusts it no more.
    Raises NotAllowed, for one that has signed too; KeyMissing; and Restored."""
    ends = [feed.locked(tx, stream) for stream in STREAMS]
    current = signers.withdraw(tx, kid, now)
    for end in ends:
        _say(tx, end, WITHDRAWN, {"kid": kid}, current, now)
        checkpoints.cover(tx, end.stream, current, now)


def take_turns(
    tx: Session, end: FeedStream, before: str, turns: Sequence[Signer], now: datetime
) -> None:
    """Each says which one it follows: what signed before it is worth nothing from there. Whoever
    calls holds the stream's lock."""
    names = [before, *(one.kid for one in turns)]
    for followed, one in zip(names, turns, strict=False):
        _say(tx, end, SWITCHED, {"follows": followed}, one, now)


def _locked(tx: Session) -> list[FeedStream]:
    """The ends of both streams, once nobody else appends to either."""
    return [feed.locked(tx, stream, restored=True) for stream in STREAMS]


def _say(
    tx: Session,
    end: FeedStream,
    type: str,
    data: Mapping[str, Any],
    signer: Signer,
    now: datetime,
) -> None:
    feed.append_one(tx, end, feed.pending(end.stream, type, end.stream, data, now), signer, now)
    tx.flush()
