"""Tells the Ombudsman's receiver that a stream has moved: a poke never carries what is in it.

Standard Webhooks, signed by the feed's key. A poke is a row; it is tried until it is taken, for
three days, under one id. One at a time for each stream: who is told late reads all of it anyway. A
try is committed before it is made, so a crash costs at most one poke more, recognisable by its id.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.clock import Clock
from chassis.database import Transactions
from chassis.logs import log
from services.escalation import events, metrics
from services.escalation.models import STREAMS, FeedPoke, FeedStream, FeedTarget
from services.escalation.ombudsman import outward, webhooks
from services.escalation.ombudsman.doors import cursor
from services.escalation.ombudsman.signing import Signer, Signers

KEPT_UP = timedelta(days=3)
LEASE = timedelta(seconds=3 * outward.SECONDS)
SOONEST, LATEST = 5.0, 3600.0  # seconds until the next try
MOVED = "feed.moved"


@dataclass(frozen=True)
class Try:
    """One attempt: where to, and what is said with which signature."""

    id: UUID
    url: str
    headers: dict[str, str]
    body: bytes


def target(tx: Session) -> FeedTarget | None:
    """Where pokes go: what was confirmed last, if that is an address."""
    confirmed = sa.select(FeedTarget).where(FeedTarget.confirmed_at.is_not(None))
    newest = tx.scalars(confirmed.order_by(FeedTarget.id.desc()).limit(1)).one_or_none()
    return newest if newest and newest.url else None


def turn(db: Transactions, clock: Clock, signers: Signers, *, inside: bool = False) -> bool:
    """Makes the pokes that are due and tries one; whether it did."""
    with db.begin() as tx:
        now = clock.now()
        chosen = target(tx)
        if chosen is None:
            _withdraw(tx, now)
            return False
        for stream in STREAMS:
            _make(tx, stream, chosen, now)
        attempt = _claim(tx, str(chosen.url), signers.current(tx, now), clock)
    if attempt is None:
        return False
    result = _send(attempt, inside=inside)
    metrics.POKES.labels(result).inc()
    with db.begin() as tx:
        _settle(tx, attempt.id, result, clock.now())
    return True


def pause(attempts: int) -> timedelta:
    """How long to wait after so many tries: longer each time, and never for all alike."""
    seconds = min(SOONEST * 2.0 ** min(attempts - 1, 20), LATEST)
    return timedelta(seconds=seconds * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, no secret


def _make(tx: Session, stream: str, chosen: FeedTarget, now: datetime) -> None:
    """A poke if the stream has moved since the last and no other is open."""
    of_stream = sa.select(FeedPoke).where(FeedPoke.stream == stream)
    newest = of_stream.order_by(FeedPoke.epoch.desc(), FeedPoke.position.desc()).limit(1)
    last, end = tx.scalars(newest).one_or_none(), tx.get_one(FeedStream, stream)
    told = (last.epoch, last.position) if last else (1, 0)
    if (last and last.next_try_at) or (end.epoch, end.position) <= told:
        return
    tx.execute(
        sa.dialects.postgresql.insert(FeedPoke)
        .values(
            id=uuid4(), stream=stream, epoch=end.epoch, position=end.position, made_at=now,
            next_try_at=now, attempts=0,
        )
        .on_conflict_do_nothing()
    )  # fmt: skip


def _claim(tx: Session, url: str, signer: Signer, clock: Clock) -> Try | None:
    now = clock.now()
    due = sa.select(FeedPoke).where(FeedPoke.next_try_at <= now).order_by(FeedPoke.next_try_at)
    poke = tx.scalars(due.limit(1).with_for_update(skip_locked=True)).one_or_none()
    if poke is None:
        return None
    poke.attempts, poke.next_try_at = poke.attempts + 1, now + LEASE
    body = json.dumps(
        {
            "type": MOVED,
            "timestamp": events.rfc3339(poke.made_at),
            "data": {
                "stream": poke.stream,
                "cursor": cursor(poke.stream, poke.epoch, poke.position),
            },
        }
    ).encode()
    # the machine's own time: the receiver compares it with its own
    headers = webhooks.sign(f"msg_{poke.id.hex}", clock.real(), body, [signer.sign])
    return Try(poke.id, url, headers | {"Content-Type": "application/json"}, body)


def _send(attempt: Try, *, inside: bool) -> str:
    """How it went, in a word."""
    try:
        status = outward.post(attempt.url, attempt.headers, attempt.body, inside=inside)
    except outward.NotOutside:
        log.error("poke_forbidden")
        return "forbidden"
    except outward.Unreachable:
        return "unreachable"
    return "delivered" if 200 <= status < 300 else "refused"


def _settle(tx: Session, id: UUID, result: str, now: datetime) -> None:
    poke = tx.get_one(FeedPoke, id, with_for_update=True)
    if result == "delivered":
        poke.next_try_at, poke.settled_at, poke.outcome = None, now, "delivered"
    elif poke.outcome is None and now >= poke.made_at + KEPT_UP:
        poke.next_try_at, poke.settled_at, poke.outcome = None, now, "expired"
    elif poke.outcome is None:
        poke.next_try_at = now + pause(poke.attempts)


def _withdraw(tx: Session, now: datetime) -> None:
    """Nobody is to be told any more."""
    tx.execute(
        sa.update(FeedPoke)
        .where(FeedPoke.next_try_at.is_not(None))
        .values(next_try_at=None, settled_at=now, outcome="withdrawn")
    )


def oldest(tx: Session, now: datetime) -> float:
    """For how many seconds the oldest poke has not been taken."""
    untaken = FeedPoke.next_try_at.is_not(None)  # as the index says it
    made = tx.scalar(sa.select(sa.func.min(FeedPoke.made_at)).where(untaken))
    return (now - made).total_seconds() if made else 0.0
