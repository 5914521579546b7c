"""What a receipt promised about S, beside what S is when it begins.

S begins with the first disposition, late perhaps, and by the limit of the class that the case has
been given by then: a receipt knows neither. Whoever was promised an earlier day is told so.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy.orm import Session

from chassis.outbox import emit
from services.escalation import events, models
from services.escalation.models import CaseState, ClockRun
from services.escalation.rules.promises import settle_by
from services.escalation.rules.regime import Regime
from services.escalation.watch.clockwork import Clock
from services.escalation.watch.counting import day_of
from services.escalation.watch.workdays import Undecidable


def promised(kind: str, received_at: datetime, regime: Regime) -> date | None:
    """The last day for S on the receipt of a report; None if none could be told then."""
    calendar = regime.calendar
    try:
        return settle_by(calendar, regime.rules, kind, calendar.day_of(received_at))
    except Undecidable:
        return None


def compare(tx: Session, case: CaseState, row: ClockRun, now: datetime, regime: Regime) -> None:
    """To be asked when a clock's first end is told. Tells once if the first S ends later than was
    promised; an earlier end stands with the case's limits, as any does."""
    if row.clock != Clock.SETTLE or row.due_at is None or case.settle_by is None:
        return
    before, ends_on = regime.calendar.end_of(case.settle_by), day_of(row, row.due_at, regime)
    if ends_on > case.settle_by:
        change = models.ClockChange(clock=row, at=now, before=before, after=row.due_at)
        change.reason, change.regime = "promise", regime.version
        tx.add(change)
        emit(tx, events.recomputed(change, ends_on))
    case.settle_by = None
