"""The reporter is offered the Ombudsman once a limit that gives the right to it has passed. If it
had not, that is taken back, and offered anew as soon as a limit gives the right: another one may.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from chassis.outbox import emit
from chassis.together import held
from services.escalation import events
from services.escalation.domain import offer_reason
from services.escalation.models import CaseState, Consent
from services.escalation.watch.clockwork import OVER


def make(tx: Session, case: CaseState, now: datetime) -> None:
    """Tells the reporter once that the Ombudsman may take over; not who has consented already, nor
    of a case that is over or there. To be asked whenever a limit may give the right."""
    if case.offered_at or case.handed_over_at or case.status in OVER:
        return
    passed = (run.clock for run in case.clocks if run.passed_at and not run.stopped_at)
    reason = next(filter(None, map(offer_reason, passed)), None)
    if reason and held(tx, Consent, case.number) is None:
        case.offered_at = now
        emit(tx, events.offered(case, reason, now))


def take_back(
    tx: Session, case: CaseState, clock: str, passed_at: datetime | None, now: datetime
) -> None:
    """A limit has not passed that was said to have, at `passed_at`. An offer that was made before
    rests on another one."""
    if passed_at is None or case.offered_at is None or offer_reason(clock) is None:
        return
    if case.offered_at >= passed_at:
        emit(tx, events.offer_taken_back(case, now))
        case.offered_at = None
