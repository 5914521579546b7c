"""The clocks of history, as values: read page by page, so that millions cost no more memory than a
few thousand."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload

from services.escalation.domain import What
from services.escalation.models import CaseState, ClockRun
from services.escalation.rules.hindsight import Life
from services.escalation.rules.staffing import desks_of
from services.escalation.watch import counting

A_PAGE = 2000


def lives(tx: Session, most: int | None = None, *, only_open: bool = False) -> Iterator[Life]:
    """Every clock with its case's kind, class, agency and desks, newest first; at most `most`, or
    only those that are not stopped."""
    last: int | None = None
    while most is None or most > 0:
        size = A_PAGE if most is None else min(A_PAGE, most)
        asked = (
            sa.select(ClockRun, CaseState)
            .join(CaseState, CaseState.number == ClockRun.number)
            .options(selectinload(ClockRun.wakes))
            .order_by(ClockRun.id.desc())
            .limit(size)
        )
        if only_open:
            asked = asked.where(ClockRun.stopped_at.is_(None))
        rows = tx.execute(asked if last is None else asked.where(ClockRun.id < last)).all()
        for clock, case in rows:
            yield _life(clock, case)
        if len(rows) < size:
            return
        last, most = rows[-1][0].id, None if most is None else most - size
        tx.expunge_all()


def _life(clock: ClockRun, case: CaseState) -> Life:
    fired = frozenset(
        (wake.what, wake.due_at)
        for wake in clock.wakes
        if wake.fired_at is not None and wake.what != What.HANDOVER
    )
    return Life(
        number=case.number,
        clock=clock.clock,
        kind=case.kind,
        klass=case.klass,
        agency=case.agency,
        calendar=clock.calendar,
        run=counting.run_of(clock),
        fired=fired,
        desks=desks_of(case),
        told=counting.told_by(clock),
    )
