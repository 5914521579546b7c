"""The clocks of history, as values: read page by page, so that millions cost no more memory than a
few thousand."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping

import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload

from services.escalation.domain import Desk, What
from services.escalation.models import CaseState, ClockRun
from services.escalation.rules.hindsight import Life
from services.escalation.rules.staffing import desks_of
from services.escalation.watch import counting

NOWHERE: Mapping[str, Desk] = {}
A_PAGE = 2000
LONGEST = 10.0  # seconds that somebody waits for what clocks would come to, who asks over HTTP


class Bounded:
    """The first `most` of some clocks, as long as `LONGEST` is not over; `complete`: those were
    all. In a transaction that says nothing for longer than PostgreSQL allows, nothing would be
    told."""

    def __init__(self, lives: Iterable[Life], most: int) -> None:
        self._lives, self._most, self.complete = lives, most, False

    def __iter__(self) -> Iterator[Life]:
        until = time.monotonic() + LONGEST
        for n, life in enumerate(self._lives):
            if n == self._most or time.monotonic() >= until:
                return
            yield life
        self.complete = True


def lives(
    tx: Session, seats: Mapping[str, Desk] = NOWHERE, *, only_open: bool = False
) -> Iterator[Life]:
    """Every clock with its case's kind, class, agency and desks, newest first; or only those that
    are not stopped. `seats`: which desk sits in which agency, for whom a limit is brought to."""
    last: int | None = None
    while True:
        asked = (
            sa.select(ClockRun, CaseState)
            .join(CaseState, CaseState.number == ClockRun.number)
            .options(selectinload(ClockRun.wakes))
            .order_by(ClockRun.id.desc())
            .limit(A_PAGE)
        )
        if only_open:
            asked = asked.where(ClockRun.stopped_at.is_(None))
        rows = tx.execute(asked if last is None else asked.where(ClockRun.id < last)).all()
        for clock, case in rows:
            yield _life(clock, case, seats)
        if len(rows) < A_PAGE:
            return
        last = rows[-1][0].id
        tx.expunge_all()


def _life(clock: ClockRun, case: CaseState, seats: Mapping[str, Desk]) -> Life:
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
        desks=desks_of(case, seats),
        told=counting.told_by(clock),
    )
