"""Publishes what may be promised, whenever that may have changed: a new day, another regime."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from chassis.logs import log
from chassis.outbox import emit
from services.escalation import events, metrics
from services.escalation.models import Publication
from services.escalation.rules.promises import promises
from services.escalation.rules.regime import Regime
from services.escalation.watch.workdays import Undecidable


def publish(tx: Session, in_force: Regime, now: datetime) -> bool:
    """Publishes the promises of the days to come unless that was done; whether it did. Promises
    that cannot be told are an alarm: receipts then go without dates."""
    today = in_force.calendar.day_of(now)

    def is_told(last: Publication | None) -> bool:
        return last is not None and (last.regime, last.day) == (in_force.version, today)

    # a lock is written to the disk, so the first look takes none
    if is_told(tx.get(Publication, 1)) or is_told(
        tx.get(Publication, 1, with_for_update=True, populate_existing=True)
    ):
        metrics.NO_PROMISES.set(0)  # another worker may have told what this one could not
        return False
    try:
        days = promises(in_force.calendar, in_force.rules, today)
    except Undecidable as error:
        metrics.NO_PROMISES.set(1)
        log.error("promises_unknown", error=type(error).__name__)
        return False
    metrics.NO_PROMISES.set(0)
    tx.merge(Publication(id=1, regime=in_force.version, day=today))
    emit(tx, events.published(days, now))
    return True
