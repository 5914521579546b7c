"""The feed's next key is announced on both streams before it signs, by an entry that the one before
it signs: whoever follows the chain may trust it for that, and rejects nothing when keys change."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from services.escalation.models import STREAMS
from services.escalation.ombudsman import checkpoints, feed
from services.escalation.ombudsman.signing import KeyMissing, Signer, Signers

ANNOUNCED = "feed.key.announced.v1"


def introduce(tx: Session, signers: Signers, now: datetime) -> dict[str, bool]:
    """Shows the public half of every key that has not been shown; their names, and whether each was
    announced as well. It is not when the key that signs is lost: then people must compare it.
    Raises NotAllowed for one that is not called by its thumbprint."""
    fresh = signers.introduce(tx, now)
    try:
        current = signers.current(tx, now)
    except KeyMissing:
        return {one.kid: False for one in fresh}
    for stream in STREAMS if fresh else ():
        _announce(tx, stream, fresh, current, now)
    return {one.kid: True for one in fresh}


def _announce(
    tx: Session, stream: str, fresh: list[Signer], current: Signer, now: datetime
) -> None:
    end = feed.locked(tx, stream)
    for one in fresh:
        row = feed.pending(stream, ANNOUNCED, stream, {"key": one.public()}, now)
        feed.append_one(tx, end, row, current, now)
    tx.flush()
    checkpoints.cover(tx, stream, current, now)
