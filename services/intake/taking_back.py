"""A reporter takes a consent to a hand-over back by withdrawing their report, also where the case
goes on for others whose reports follow it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.outbox import emit
from services.intake import events, latecomers
from services.intake.models import Report, TimelineEntry


def end(tx: Session, report: Report, now: datetime) -> None:
    """Ends a consent that stands."""
    if report.consented_at is None:
        return
    report.consented_at, report.consent_form = None, False
    emit(tx, events.consent_withdrawn(report.number, now))
    gone = report.handed_over_at is not None
    tx.add(latecomers.consent_ended(report.number, now, gone=gone))


def end_if_withdrawn(tx: Session, report: Report, now: datetime) -> bool:
    """Ends a consent that stands though its reporter has withdrawn since, as it did before
    2026-11-30 if the withdrawal was refused; whether it did."""
    at = report.consented_at
    if at is None or not latecomers.taken_back(tx, report.number, at):
        return False
    end(tx, report, now)
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
