"""The reporter is offered the Ombudsman once a limit that gives the right to it has passed. If it
had not, or its case ends for good, that is taken back, and offered anew as soon as a limit gives
the right.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.outbox import emit
from chassis.together import held
from services.escalation import events
from services.escalation.domain import FORMERLY_WITHIN, offer_reason
from services.escalation.models import CaseState, ClockRun, Consent
from services.escalation.watch.clockwork import OVER

A_TURN = 50
# Cases that were set aside too long ago, found by an index that holds no others. What did so set
# their open clocks aside, and H was one.
_EXPIRED = sa.text("""
SELECT s.number FROM case_state s
WHERE s.offered_at IS NOT NULL AND s.handed_over_at IS NULL
AND s.status IN ('archived', 'forwarded_externally')
AND CASE WHEN s.reopen_until IS NOT NULL THEN s.reopen_until < :now
    ELSE NOT EXISTS (SELECT FROM clock c WHERE c.number = s.number AND c.set_aside
                     AND c.stopped_at >= :formerly) END
LIMIT :most FOR UPDATE OF s SKIP LOCKED
""")


def make(tx: Session, case: CaseState, now: datetime) -> None:
    """Tells the reporter once that the Ombudsman may take over; not who has consented already, nor
    of a case that is over or there. To be asked whenever a limit may give the right."""
    if case.offered_at or case.handed_over_at or case.status in OVER:
        return
    basis = next((run for run in case.clocks if run.passed_at and _gives_right(run)), None)
    if basis is not None and held(tx, Consent, case.number) is None:
        case.offered_at = now
        emit(tx, events.offered(case, str(offer_reason(basis.clock)), now))


def take_back(
    tx: Session, case: CaseState, row: ClockRun, passed_at: datetime | None, now: datetime
) -> None:
    """A limit has not passed that was said to have, at `passed_at`. The offer stands if another one
    had passed when it was made, and in a case that was handed over."""
    offered_at, others = case.offered_at, [run for run in case.clocks if run is not row]
    if passed_at is None or offered_at is None or offer_reason(row.clock) is None:
        return
    gave = [run for run in others if _gives_right(run) and run.passed_at]
    stands = passed_at > offered_at or any(run.passed_at <= offered_at for run in gave)
    if not stands and not case.handed_over_at:
        _end(tx, case, now)


def lapse(tx: Session, case: CaseState, now: datetime) -> None:
    """No limit gives the right any more: the case is over, or S counts with the one that it was
    merged into. What was set aside may be objected to: its offer stands so long, for consent to it
    does."""
    if case.offered_at is None or case.handed_over_at:
        return
    may_give = (run for run in case.clocks if run.set_aside or run.stopped_at is None)
    if not any(run.passed_at and offer_reason(run.clock) for run in may_give):
        _end(tx, case, now)


def expire(tx: Session, now: datetime) -> bool:
    """Takes back what is offered in cases that were set aside, once the time to object to that is
    over; whether there may be more of them."""
    asked = {"now": now, "formerly": now - FORMERLY_WITHIN, "most": A_TURN}
    numbers = tx.scalars(_EXPIRED, asked).all()
    for number in numbers:
        _end(tx, tx.get_one(CaseState, number), now)
    return len(numbers) == A_TURN


def _end(tx: Session, case: CaseState, now: datetime) -> None:
    emit(tx, events.offer_taken_back(case, now))
    case.offered_at = None


def _gives_right(run: ClockRun) -> bool:
    return run.stopped_at is None and offer_reason(run.clock) is not None
