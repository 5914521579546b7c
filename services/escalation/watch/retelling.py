"""After a restore, how clocks stand is said once more: of what was told in the lost time nothing is
known here, and what does not change would never be said again."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.events import Fact
from chassis.outbox import emit
from services.escalation import events
from services.escalation.domain import is_over
from services.escalation.models import Breaker, CaseState, ClockChange, ClockRun
from services.escalation.rules.regime import Regime
from services.escalation.watch import breaker, clocks
from services.escalation.watch.counting import day_of, run_of

CASES_A_TURN = 50
# Whoever moves one of its clocks holds the case's lock.
_NEXT = sa.text("""
SELECT number FROM case_state s WHERE number > :after AND EXISTS (
    SELECT 1 FROM clock c WHERE c.number = s.number AND c.stopped_at IS NULL AND c.announced)
ORDER BY number LIMIT :most FOR UPDATE OF s
""")


def turn(tx: Session, regime: Regime, now: datetime) -> bool:
    """Says how the clocks of the next cases stand, by number, if that is to be said; whether there
    may be more. It locks nothing while nothing is."""
    if tx.get_one(Breaker, 1).told_through is None or breaker.awaits_decrees(tx):
        return False
    row = tx.get_one(Breaker, 1, with_for_update=True, populate_existing=True)
    if row.told_through is None:  # another worker was last
        return False
    asked = {"after": row.told_through, "most": CASES_A_TURN}
    numbers = tx.scalars(_NEXT, asked).all()
    for number in numbers:
        case = tx.get_one(CaseState, number)
        if clocks.are_stale(case, regime):  # or an end would be said by what was decreed before
            clocks.measure_again(tx, case, "calendar", now, regime)
        for run in clocks.open_runs(case):
            if run.announced:
                emit(tx, as_it_stands(run, now, regime))
    row.told_through = numbers[-1] if len(numbers) == CASES_A_TURN else None
    return row.told_through is not None


def as_it_stands(row: ClockRun, now: datetime, regime: Regime) -> Fact:
    """What brings others up to date, and is news to nobody: that a clock runs; of one that stands
    or is over, an end that did not move."""
    stands = run_of(row).is_paused
    ends_on = row.due_at and day_of(row, row.due_at, regime)
    if ends_on and row.due_at and not stands and not is_over(row.due_at, now):
        return events.started(row, ends_on, now)
    reason = "paused" if stands else "resumed"
    same = {"before": row.due_at, "after": row.due_at, "reason": reason}
    return events.recomputed(ClockChange(clock=row, at=now, **same), ends_on)
