"""Open breaches, and their place on the monitoring stream of the feed.

A breach is open exactly while a government limit has passed and its clock still runs: not when the
clock stands (an answer is being weighed, the reporter is asked) and not once it has stopped.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from services.escalation import models
from services.escalation.domain import What
from services.escalation.events import rfc3339
from services.escalation.models import CaseState, ClockRun
from services.escalation.ombudsman import feed, happened
from services.escalation.watch.clockwork import GOVERNMENT

OPENED, CLOSED = "feed.breach.opened.v1", "feed.breach.closed.v1"


def begin(tx: Session, case: CaseState, row: ClockRun, now: datetime) -> None:
    """Opens the breach of a limit that has passed. `settle` closes it, at once if the clock stood
    after the end, before anybody looked."""
    if row.clock in GOVERNMENT and _standing(row) is None:
        row.open_breaches.append(models.Breach(opened_at=now))
        about = _about(case, row, _whose(tx, case, row))
        feed.write(tx, "monitoring", OPENED, case.number, about, now)


def record(tx: Session, case: CaseState, row: ClockRun, agency: str | None, now: datetime) -> None:
    """A breach that was over before anybody looked: the clock stopped after its limit, which was
    that of `agency`."""
    row.open_breaches.append(models.Breach(opened_at=now, closed_at=now, how="stopped"))
    about = _about(case, row, agency)
    feed.write(tx, "monitoring", OPENED, case.number, about, now)
    feed.write(tx, "monitoring", CLOSED, case.number, about | {"how": "stopped"}, now)


def settle(tx: Session, case: CaseState, row: ClockRun, now: datetime, *, paused: bool) -> None:
    """Opens or closes the clock's breach, so that what the module promises holds."""
    if row.clock not in GOVERNMENT:
        return
    standing = _standing(row)
    is_late = row.passed_at is not None and row.stopped_at is None and not paused
    if is_late:
        begin(tx, case, row, now)
    elif standing is not None:
        how = "stopped" if row.stopped_at else "paused" if paused else "recomputed"
        standing.closed_at, standing.how = now, how
        data = _about(case, row, _whose(tx, case, row)) | {"how": how}
        feed.write(tx, "monitoring", CLOSED, case.number, data, now)


def acquit(tx: Session, case: CaseState, row: ClockRun, now: datetime) -> None:
    """A limit that was said to have passed had not: each breach of it closes as that, also one that
    is closed already, for it was none."""
    of_row = sa.select(models.Breach).where(models.Breach.clock_id == row.id)
    since = models.Breach.opened_at >= row.passed_at
    for breach in tx.scalars(of_row.where(since).order_by(models.Breach.id)):
        breach.closed_at, breach.how = breach.closed_at or now, "kept"
        data = _about(case, row, _whose(tx, case, row)) | {"how": "kept"}
        feed.write(tx, "monitoring", CLOSED, case.number, data, now)


def _whose(tx: Session, case: CaseState, row: ClockRun) -> str | None:
    """The agency that had the case when its limit ended: who got it later was not late."""
    over = (wake.due_at for wake in row.wakes if wake.what == What.PASSED)
    end = row.due_at or next(over, None)  # a clock that stands has none
    return happened.agency_at(tx, case.number, end) if end else case.agency


def _standing(row: ClockRun) -> models.Breach | None:
    return next((breach for breach in row.open_breaches if breach.closed_at is None), None)


def _about(case: CaseState, row: ClockRun, agency: str | None) -> dict[str, object]:
    """What the overseer sees of a breach: no person, and nothing that leads to one."""
    return {
        "clock": row.clock,
        "cycle": row.cycle,
        "kind": case.kind,
        "class": case.klass,
        "agency": agency,
        "due_at": rfc3339(row.due_at),
    }
