"""Pulses: a stream's end with the moment, signed anew though nothing is appended.

A feed that is held back and one to which nothing happens look the same; but nobody who only stands
between can say that it still ends so. Each stream has its newest pulse alone, and by the key that
signs now: an older one proves nothing more.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy.orm import Session

from services.escalation import events
from services.escalation.models import FeedEntry, FeedPulse, FeedStream
from services.escalation.ombudsman import chain
from services.escalation.ombudsman.signing import Signer

TYPE = "feed.pulse"  # in what is signed: a checkpoint has no type
EVERY = timedelta(minutes=10)


def beat(tx: Session, stream: str, signer: Signer, now: datetime) -> None:
    """Signs a stream's end anew, if that is due. Whoever calls holds the stream's lock."""
    end, last = tx.get_one(FeedStream, stream), tx.get(FeedPulse, stream)
    if last is not None and not _is_due(last, end, signer, now):
        return
    pulse = last or FeedPulse(stream=stream)
    pulse.epoch, pulse.position, pulse.hash = end.epoch, end.position, end.hash
    pulse.at, pulse.kid = now, signer.kid
    pulse.signature = signer.sign(chain.canonical(document(pulse)))
    tx.add(pulse)
    tx.flush()


def holds(
    tx: Session, stream: str, keys: Mapping[str, Ed25519PublicKey], followed: Container[str]
) -> bool:
    """Whether the pulse is of an entry of the stream, and signed by a key that none has followed
    there. There may be none yet."""
    pulse = tx.get(FeedPulse, stream)
    if pulse is None:
        return True
    entry = tx.get(FeedEntry, (stream, pulse.epoch, pulse.position))
    hash = entry.hash if entry else None if pulse.position else chain.GENESIS
    key = None if pulse.kid in followed else keys.get(pulse.kid)
    if key is None or pulse.hash != hash:
        return False
    return chain.is_signed(key, pulse.signature, chain.canonical(document(pulse)))


def document(pulse: FeedPulse) -> dict[str, Any]:
    """What is signed, in its RFC 8785 form."""
    return {
        "type": TYPE,
        "stream": pulse.stream,
        "epoch": pulse.epoch,
        "position": pulse.position,
        "hash": pulse.hash.hex(),
        "time": events.rfc3339(pulse.at),
        "kid": pulse.kid,
    }


def _is_due(last: FeedPulse, end: FeedStream, signer: Signer, now: datetime) -> bool:
    """Also one of a clock that has been set back since."""
    told, true = (last.epoch, last.kid), (end.epoch, signer.kid)
    return told != true or abs(now - last.at) >= EVERY
