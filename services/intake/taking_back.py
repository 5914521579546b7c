"""A reporter takes a consent to a hand-over back: by itself, or with their report, also where the
case goes on for others whose reports follow it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.outbox import emit
from services.intake import events, latecomers
from services.intake.domain import Action
from services.intake.models import Report, TimelineEntry

SAID = {
    Action.WITHDRAW: latecomers.ENDED,
    Action.WITHDRAW_CONSENT: latecomers.ENDED_ALONE,
}


def end(tx: Session, report: Report, by: Action, now: datetime) -> None:
    """Ends a consent, and tells of one that stood here. It is said in any case: a restore may have
    taken the consent from here, and escalation would still hand over by it."""
    emit(tx, events.consent_withdrawn(report.number, now))
    if report.consented_at is None:
        return
    report.consented_at, report.consent_form = None, False
    said = SAID[by] if report.handed_over_at is None else latecomers.WAS_GONE
    tx.add(latecomers.consent_ended(report.number, now, said))


def end_if_withdrawn(tx: Session, report: Report, now: datetime) -> bool:
    """Ends a consent that stands though its reporter has withdrawn since, as it did before
    2026-11-30 if the withdrawal was refused; whether it did."""
    at = report.consented_at
    if at is None or not latecomers.taken_back(tx, report.number, at):
        return False
    end(tx, report, Action.WITHDRAW, latecomers.later(tx, report.number, now))
    return True


def suspected(tx: Session, after: str, how_many: int) -> Sequence[str]:
    """Reports with a consent that stands, and a withdrawal, in the order of their numbers."""
    withdrew = sa.exists().where(
        TimelineEntry.number == Report.number, TimelineEntry.what == latecomers.WITHDREW
    )
    found = sa.select(Report.number).where(
        Report.consented_at.is_not(None), withdrew, Report.number > after
    )
    return tx.scalars(found.order_by(Report.number).limit(how_many)).all()
