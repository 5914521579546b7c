"""Refuses a mass firing: better late than wrong, and a person looks first.

Nothing fires while more is due than five times what is usual on a day, or while this machine's
real clock and the database's disagree. What was due when an operator released it does not count,
unless its time was moved since; nor what was due when firing it was tried and failed: it was let
through then, and for how long it stays due says nothing about the others.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.clock import Clock
from chassis.logs import log
from services.escalation import metrics
from services.escalation.domain import last_over, most_at_once, why_refuse
from services.escalation.models import Breaker

MEASURED_FOR = timedelta(minutes=10)
USUAL_DAYS = 7

_DAILY = sa.text("""
SELECT count(due.id)
FROM generate_series(1, :days) AS back
LEFT JOIN due ON due.fired_at > :now - make_interval(days => back)
             AND due.fired_at <= :now - make_interval(days => back - 1)
GROUP BY back
""")
# Counts no further than it must: a sweep costs what is due, not what waits. The planner does not
# know that what lies in the past has been fired, and takes it for due: "no more than so many" of
# that looks soonest found by reading the whole table, where many are usual. So it may not.
_BY_INDEX = "SET LOCAL enable_seqscan = off"
_DUE_NOW = """
SELECT count(*) FROM (
    SELECT 1 FROM due
    WHERE fired_at IS NULL AND due_at <= :through
      AND greatest(due_at, armed_at) > coalesce(CAST(:released AS timestamptz), '-infinity')
      AND NOT EXISTS (SELECT 1 FROM failed_turn f WHERE f.work = 'fire'
                      AND f.number = due.number AND greatest(due.due_at, due.armed_at) <= f.at)
    ORDER BY due_at, id LIMIT :enough
) AS counted
"""
_COUNT = sa.text(f"{_BY_INDEX}; {_DUE_NOW}")  # one round trip
_DATABASE_CLOCK = sa.text("SELECT clock_timestamp()")


def may_fire(tx: Session, clock: Clock, floor: int, now: datetime) -> bool:
    """Whether what is due by `now` may fire; a refusal is recorded, shown and logged. It is
    asked each second and locks nothing, for a lock is written to the disk: of two workers that find
    the same, both may write it down."""
    row = tx.get_one(Breaker, 1)
    if row.most is None or row.measured_at is None or _is_old(row.measured_at, now):
        row.most, row.measured_at = most_at_once(_daily(tx, now), floor), now
    due_now = _due_now(tx, now, row.released_through, row.most)
    reason = why_refuse(due_now, row.most, skew_seconds(tx, clock))
    if reason != row.reason:
        row.reason, row.refused_at = reason, now if reason else None
        row.due_now = _due_now(tx, now, row.released_through) if reason else None
        if reason:
            log.error("breaker_refuses", reason=reason, count=row.due_now)
    for known in metrics.REFUSALS:
        metrics.BREAKER.labels(known).set(known == reason)
    return reason is None


def release(tx: Session, by: str, now: datetime) -> int:
    """Lets everything fire that is due by now; returns how many wake-ups that are. Clocks that
    disagree cannot be released."""
    row = tx.get_one(Breaker, 1, with_for_update=True)
    released = _due_now(tx, now, row.released_through)
    row.released_through, row.released_by = now, by
    return released


def skew_seconds(tx: Session, clock: Clock) -> float:
    """How far the database's clock is ahead of this machine's real one."""
    before = clock.real()
    theirs = tx.scalars(_DATABASE_CLOCK).one()
    return float((theirs - (before + (clock.real() - before) / 2)).total_seconds())


def _is_old(measured_at: datetime, now: datetime) -> bool:
    return not measured_at <= now < measured_at + MEASURED_FOR


def _daily(tx: Session, now: datetime) -> list[int]:
    return list(tx.scalars(_DAILY, {"days": USUAL_DAYS, "now": now}))


def _due_now(tx: Session, now: datetime, released: datetime | None, most: int | None = None) -> int:
    """How many are due that were not released: no further than one more than `most`."""
    asked: dict[str, Any] = {"released": released, "enough": None if most is None else most + 1}
    asked["through"] = last_over(now)
    return int(tx.scalars(_COUNT, asked).one())
