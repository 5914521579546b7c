"""Refuses a mass firing: better late than wrong, and a person looks first.

Nothing fires while more is due than five times what is usual on a day; nor while more than that was
moved into the past within an hour, what of it has fired included; nor while this machine's real
clock and the database's disagree; nor after it jumped; nor after the database was restored, for
what was decreed since the backup is lost. What was due when an operator released it does not count,
unless its time was moved since; nor what was due when firing it was tried and failed: it was let
through then, and for how long it stays due says nothing about the others.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.clock import Clock
from chassis.errors import NotAllowed
from chassis.logs import log
from services.escalation import metrics
from services.escalation.domain import (
    SKEW_SECONDS,
    Backlog,
    last_over,
    most_at_once,
    why_refuse,
)
from services.escalation.models import REFUSALS, Breaker
from services.escalation.ombudsman import feed
from services.escalation.watch.pace import Pace

MEASURED_FOR = timedelta(minutes=10)
USUAL_DAYS = 7
LATELY = timedelta(hours=1)
AHEAD = timedelta(seconds=SKEW_SECONDS)  # by less, clocks may differ

# Each wake-up counts on the day on which it was due, whenever it fired: a backlog is several days'.
# What was moved into the past never does, nor what was due since last night, or a mass would make
# itself usual; and days without any say nothing, or holidays would.
_DAILY = sa.text("""
SELECT count(*) FROM due
WHERE fired_at > :now - interval '35 days' AND due_at > :now - interval '35 days'
  AND due_at <= :now - interval '23 hours' AND coalesce(armed_at <= due_at, true)
GROUP BY ceil(extract(epoch FROM :now - due_at) / 86400)
ORDER BY ceil(extract(epoch FROM :now - due_at) / 86400) LIMIT :days
""")
# Counts no further than it must: a sweep costs what is due, not what waits. The planner does not
# know that what lies in the past has been fired, and takes it for due: "no more than so many" of
# that looks soonest found by reading the whole table, where many are usual. So it may not.
_BY_INDEX = "SET LOCAL enable_seqscan = off"
_BACKLOG = """
SELECT count(*) AS due, count(*) FILTER (WHERE moved) AS moved, (
    SELECT count(*) FROM (
        SELECT 1 FROM due
        WHERE fired_at > :since AND fired_at <= :now AND armed_at > due_at AND what <> 'handover'
          AND armed_at > :released AND armed_at <= :ahead
        LIMIT :enough
    ) AS lately
) AS fired
FROM (
    SELECT armed_at > due_at AND armed_at <= :ahead AND what <> 'handover' AS moved FROM due
    WHERE fired_at IS NULL AND due_at <= :through
      AND (due_at > :released OR armed_at > :released AND armed_at <= :ahead)
      AND NOT EXISTS (SELECT 1 FROM failed_turn f WHERE f.work = 'fire'
                      AND f.number = due.number AND greatest(due.due_at, due.armed_at) <= f.at)
    ORDER BY due_at, id LIMIT :enough
) AS counted
"""
_COUNT = sa.text(f"{_BY_INDEX}; {_BACKLOG}")  # one round trip
_DATABASE_CLOCK = sa.text("SELECT clock_timestamp()")


def may_fire(tx: Session, clock: Clock, pace: Pace, floor: int, now: datetime) -> bool:
    """Whether what is due by `now` may fire; a refusal is recorded, shown and logged. It is
    asked each second and locks nothing, for a lock is written to the disk: of two workers that find
    the same, both may write it down."""
    row, real, skew = tx.get_one(Breaker, 1), clock.real(), skew_seconds(tx, clock)
    agree = abs(skew) <= SKEW_SECONDS
    if agree:
        _forget_release_ahead(row, now)
    _measure(tx, row, floor, now)
    most = max(row.most or 0, floor)
    backlog, jumped = _backlog(tx, row, now, most), pace.jumped(row, real, sure=agree)
    restored = awaits_decrees(tx)
    reason = why_refuse(backlog, most, skew, jumped=jumped, restored=restored)
    if not restored and row.reason == "mass_firing" and backlog.exceeds(most):
        reason = row.reason  # another one would forget since when it is a mass
    if reason != row.reason:
        row.reason, row.refused_at = reason, now if reason else None
        row.due_now = _backlog(tx, row, now).due if reason else None
        if reason:
            log.error("breaker_refuses", reason=reason, count=row.due_now)
    if not jumped and agree and _is_old(row.looked_at, real):
        row.looked_at = real
    for known in REFUSALS:
        metrics.BREAKER.labels(known).set(known == reason)
    return reason is None


def awaits_decrees(tx: Session) -> bool:
    """Whether the database was restored, and no operator has said since that all is decreed again:
    then nothing is done, promised or told by what is decreed here."""
    return tx.get_one(Breaker, 1).restored_at is not None or feed.awaits_epoch(tx)


def refuses(tx: Session) -> bool:
    """Whether it refused at its last look, or the database was restored since."""
    return tx.get_one(Breaker, 1).reason is not None or feed.awaits_epoch(tx)


def hold(tx: Session, now: datetime) -> None:
    """After the database was restored: nothing fires until an operator has released it. Decrees may
    be lost that gave people more time than is counted here."""
    row = tx.get_one(Breaker, 1, with_for_update=True)
    row.restored_at, row.reason, row.refused_at = now, "restored", now
    row.told_through = None  # of a restore before the backup
    row.due_now = _backlog(tx, row, now).due


def release(tx: Session, by: str, clock: Clock) -> int:
    """Lets everything fire that is due by now, takes this machine's clock for right, and what was
    decreed for entered again: how clocks stand is told anew. Returns how many wake-ups are due.
    Raises NotAllowed while clocks disagree, for a release in the future would let through what
    falls due until then; and if the database was restored and no epoch was opened."""
    if abs(skew_seconds(tx, clock)) > SKEW_SECONDS:
        raise NotAllowed("the clocks of this machine and of the database disagree")
    if feed.awaits_epoch(tx):
        raise NotAllowed("the database was restored and no epoch was opened: open-epoch first")
    row, now = tx.get_one(Breaker, 1, with_for_update=True), clock.now()
    released = _backlog(tx, row, now).due
    row.released_through, row.released_by = now, by
    if row.restored_at is not None:
        row.restored_at, row.told_through = None, ""  # not before: by decrees that are lost
    row.looked_at = clock.real()
    if row.reason in ("clock_jump", "restored"):
        row.reason = row.refused_at = row.due_now = None
    return released


def skew_seconds(tx: Session, clock: Clock) -> float:
    """How far the database's clock is ahead of this machine's real one."""
    before = clock.real()
    theirs = tx.scalars(_DATABASE_CLOCK).one()
    return float((theirs - (before + (clock.real() - before) / 2)).total_seconds())


def _forget_release_ahead(row: Breaker, now: datetime) -> None:
    """One that was given while a clock was ahead."""
    released = row.released_through
    if released is not None and released > now + AHEAD:
        log.warning("release_ahead_forgotten", seconds=(released - now).total_seconds())
        row.released_through = None


def _measure(tx: Session, row: Breaker, floor: int, now: datetime) -> None:
    """What is usual; not while more than that is refused, which ends by no measure."""
    if row.most is None or (row.reason != "mass_firing" and _is_old(row.measured_at, now)):
        daily = list(tx.scalars(_DAILY, {"days": USUAL_DAYS, "now": now}))
        row.most, row.measured_at = most_at_once(daily, floor), now


def _is_old(at: datetime | None, now: datetime) -> bool:
    return at is None or not at <= now < at + MEASURED_FOR


def _backlog(tx: Session, row: Breaker, now: datetime, most: int | None = None) -> Backlog:
    """What is due that was not released, and what was moved: no further than one more than `most`.
    While it is refused, what had fired before that does not come of age."""
    until = row.refused_at if row.reason == "mass_firing" and row.refused_at else now
    asked: dict[str, Any] = {"now": now, "through": last_over(now), "since": until - LATELY}
    asked |= {"released": row.released_through or "-infinity", "ahead": now + AHEAD}
    asked |= {"enough": None if most is None else most + 1}
    return Backlog(*tx.execute(_COUNT, asked).one())
