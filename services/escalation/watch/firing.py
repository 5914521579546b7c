"""Fires what is due: once, in the order of its due times, together with what is said of it.

Timers only wake; what is due is rows. Its outbox rows are written in the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.outbox import emit
from services.escalation import events, metrics, models
from services.escalation.domain import (
    LEVELS,
    RAISED,
    RANK,
    SKEW_SECONDS,
    Addressee,
    Desk,
    What,
    is_over,
    last_over,
    rungs_for,
)
from services.escalation.models import CaseState, ClockRun
from services.escalation.ombudsman import handovers, happened, offers
from services.escalation.rules import staffing
from services.escalation.rules.posts import EMPTY, NOT_HELD, Reached, Standing, reach
from services.escalation.rules.regime import Regime
from services.escalation.watch import breaches, clocks, counting

# What was armed since the breaker looked waits for its next look. What seems to be armed later than
# that by more than clocks may differ was armed long ago, before the clock went back.
AHEAD = timedelta(seconds=SKEW_SECONDS)

# The case whose wake-up is oldest. Costs what is due, not what waits. The wake-up is locked too,
# which looks at it again: what another process has just fired is not picked for its case's later
# ones, before the turn of other cases.
OLDEST = sa.text("""
SELECT c.number FROM due d JOIN case_state c ON c.number = d.number
WHERE d.fired_at IS NULL AND d.due_at <= :through AND d.number <> ALL(:passed_over)
AND (d.armed_at IS NULL OR d.armed_at <= :looked OR d.armed_at > :ahead)
AND NOT EXISTS (SELECT 1 FROM failed_turn f WHERE f.work = :work AND f.number = d.number
                AND f.at <= :now AND f.at > :now - :rest)
ORDER BY d.due_at, d.id LIMIT 1
FOR UPDATE OF c, d SKIP LOCKED
""")


@dataclass(frozen=True)
class Firing:
    """One wake-up being fired."""

    due: models.Due
    clock: ClockRun
    case: CaseState
    regime: Regime
    seats: Mapping[str, Desk]
    now: datetime

    @property
    def ends_on(self) -> date:
        """The local day on whose end the limit ends."""
        return counting.day_of(self.clock, self.clock.due_at or self.due.due_at, self.regime)


def asked(looked: datetime) -> dict[str, datetime]:
    """Of `OLDEST`, for what the breaker has `looked` at."""
    return {"through": last_over(looked), "looked": looked, "ahead": looked + AHEAD}


def fire(
    tx: Session,
    case: CaseState,
    regime: Regime,
    seats: Mapping[str, Desk],
    looked: datetime,
    now: datetime,
) -> None:
    """Fires what is due of a case by the rules in force, at its oldest due time, of what the
    breaker has `looked` at; `seats`: which desk sits in which agency. What is due of it later waits
    for its turn among the other cases': after a downtime everything fires in the order of its due
    times."""
    if clocks.are_stale(case, regime):  # or a limit that has just been moved would fire
        clocks.measure_again(tx, case, "calendar", now, regime)
    oldest: datetime | None = None
    while found := _next(tx, case, looked):
        due, clock = found
        stale = clock.stopped_at is not None and clock.regime < regime.version
        if stale and clocks.measure_stopped(tx, case, clock, regime):
            continue
        if oldest is not None and due.due_at > oldest:
            return
        oldest = due.due_at
        _fire(tx, Firing(due, clock, case, regime, seats, looked))


def _next(tx: Session, case: CaseState, looked: datetime) -> tuple[models.Due, ClockRun] | None:
    """Read again after each: firing one may make another due at once."""
    armed_at = models.Due.armed_at
    found = (
        sa.select(models.Due)
        .where(models.Due.number == case.number, models.Due.fired_at.is_(None))
        .where(models.Due.due_at <= last_over(looked))
        .where(armed_at.is_(None) | (armed_at <= looked) | (armed_at > looked + AHEAD))
        .order_by(models.Due.due_at, models.Due.id)
    )
    due = min(tx.scalars(found), key=lambda due: (due.due_at, RANK[due.what]), default=None)
    return due and (due, next(clock for clock in case.clocks if clock.id == due.clock_id))


def _fire(tx: Session, firing: Firing) -> None:
    firing.due.fired_at = firing.now
    DOES[What(firing.due.what)](tx, firing)
    tx.flush()
    could_fire_at = max(firing.due.due_at, firing.due.armed_at or firing.due.due_at)
    late = (firing.now - could_fire_at).total_seconds()
    metrics.LATENESS.labels(firing.due.what).observe(max(0.0, late))


def _remind(tx: Session, firing: Firing) -> None:
    """Says nothing of a limit that is over already: that it passed is told, and may be answered."""
    if firing.clock.due_at is not None and is_over(firing.clock.due_at, firing.now):
        return
    raised = firing.clock.clock in RAISED
    holder = Addressee.HOLDER
    reached = _reach(tx, firing, holder, firing.case.agency, EMPTY) if raised else None
    emit(tx, events.approaching(firing.clock, firing.ends_on, firing.case, reached, firing.now))


def _pass(tx: Session, firing: Firing) -> None:
    clock, case, now = firing.clock, firing.case, firing.now
    clock.passed_at = now
    emit(tx, events.passed(clock, firing.ends_on, now))
    if clock.stopped_at is not None:
        breaches.record(tx, case, clock, _holder(tx, firing), now)
        return
    breaches.begin(tx, case, clock, now)
    breaches.settle(tx, case, clock, now, paused=counting.run_of(clock).is_paused)
    offers.make(tx, case, now)
    handovers.arrange(tx, case, firing.due.due_at, now)


def _raise(tx: Session, firing: Firing) -> None:
    """Whom it goes to is looked up now: ladder, case and posts may have changed meanwhile."""
    clock, case = firing.clock, firing.case
    begun = counting.day_of(clock, clock.started_at, firing.regime)
    rungs = rungs_for(firing.regime.ladder, clock.clock, case.klass, begun)
    if rung := rungs.get(What(firing.due.what)):
        agency = _holder(tx, firing)
        late = _late(tx, firing) if rung.level > 1 else None  # who hears of it first
        reached = _reach(tx, firing, rung.to, agency, NOT_HELD, late)
        raised = events.raised(clock, firing.ends_on, agency, rung.level, reached, firing.now)
        happened.note(tx, case.number, "escalation.raised", raised.data, firing.now)
        emit(tx, raised)


def _holder(tx: Session, firing: Firing) -> str | None:
    """The agency whose limit it was: of a clock that stopped, not who has the case since."""
    clock = firing.clock
    if clock.stopped_at is None or clock.due_at is None:
        return firing.case.agency
    return happened.agency_at(tx, clock.number, clock.due_at)


def _late(tx: Session, firing: Firing) -> Addressee | None:
    """Who heads the unit that had the case when the limit passed, if that is a post of the ladder
    and is known: of a desk it is not, once the case has come into other hands."""
    number, due_at = firing.case.number, firing.clock.due_at
    if due_at is None:
        return None
    agency = happened.agency_at(tx, number, due_at)
    if agency is None and happened.changed_hands(tx, number, due_at):
        return None
    return staffing.desks_of(firing.case, firing.seats).head(agency)


def _reach(
    tx: Session,
    firing: Firing,
    meant: str,
    agency: str | None,
    passed_by: frozenset[Standing],
    late: Addressee | None = None,
) -> Reached:
    today = firing.regime.calendar.day_of(firing.now)
    desks = staffing.desks_of(firing.case, firing.seats)
    return reach(staffing.read(tx), meant, agency, today, passed_by, desks, late)


def _hand_over(tx: Session, firing: Firing) -> None:
    handovers.hand_over(tx, firing.case, firing.regime, firing.now)


DOES: dict[What, Callable[[Session, Firing], None]] = {
    What.REMINDER: _remind,
    What.PASSED: _pass,
    **dict.fromkeys(LEVELS[1:], _raise),
    What.HANDOVER: _hand_over,
}
