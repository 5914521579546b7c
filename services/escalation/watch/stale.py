"""What was measured under older rules: the cases to measure again, and of those the clocks that
stopped before anybody could tell their end. "Not known" is never "not late"."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.clock import Clock
from chassis.database import Transactions
from services.escalation import models
from services.escalation.models import CaseState, ClockRun
from services.escalation.rules.reckoning import reckon
from services.escalation.rules.regime import Regime
from services.escalation.watch import turns
from services.escalation.watch.counting import came_true, run_of, watched
from services.escalation.watch.workdays import Undecidable

# A case with a clock that was measured under an older regime: an open one, or one that stopped
# before its end could be told. Asked for apart, each by its own index.
OPEN = "c.stopped_at IS NULL"
NEVER_KNOWN = "c.stopped_at IS NOT NULL AND c.problem IS NOT NULL AND NOT c.announced"
STALE = tuple(
    sa.text(f"""
SELECT s.number FROM clock c JOIN case_state s ON s.number = c.number
WHERE {which} AND c.regime < :version AND c.number <> ALL(:passed_over)
AND NOT EXISTS (SELECT 1 FROM failed_turn f WHERE f.work = :work AND f.number = c.number
                AND f.at <= :now AND f.at > :now - :rest)
ORDER BY c.regime LIMIT 1
FOR UPDATE OF s SKIP LOCKED
""")  # noqa: S608 - constants
    for which in (OPEN, NEVER_KNOWN)
)


def take(
    db: Transactions, clock: Clock, version: int, measure: Callable[[Session, CaseState], None]
) -> bool:
    """Has those cases measured that were under a regime before this one; whether there may be
    more."""
    asked = {"version": version}
    work = (turns.Turn(models.Work.MEASURE, which, asked, measure) for which in STALE)
    more = [turns.take(db, clock, turn) for turn in work]
    return any(more)


def measure_stopped_unknown(case: CaseState, now: datetime, regime: Regime) -> None:
    """Gives the clocks of a case that stopped without a known end the one that they had, if it can
    be told by now. One of the government's that stopped after it passes, and is raised as far as it
    would have been until then; nobody is told of another, for nobody waits for it any more."""
    for row in case.clocks:
        if row.stopped_at is not None and row.problem is not None and not row.announced:
            _measure(row, case, now, regime)


def _measure(row: ClockRun, case: CaseState, now: datetime, regime: Regime) -> None:
    row.regime = regime.version
    try:
        found = reckon(regime, watched(case, row), run_of(row))
    except Undecidable:
        return
    row.problem, row.due_at, row.provisional = None, found.end.at, found.end.provisional
    row.rule_id = row.told_rule_id = found.rule.id
    row.told_regime = found.basis.regime
    for what, at in found.wakes.at.items():
        wake = models.Due(number=row.number, what=what, due_at=at, armed_at=now)
        if came_true(row, wake):
            row.wakes.append(wake)
