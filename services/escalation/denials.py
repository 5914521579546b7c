"""Whoever shows routing's token and is refused leaves a record: who, what, when.

`callers` is the one place that refuses an officer. Of a number only one that exists is kept, for
anything may be asked for. The Ombudsman's feed proves the record (`records`). Who tries by the
thousand fills no disk (`chassis.repeats`): how many more there were comes with the next denial.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.clock import Clock
from chassis.database import Transactions
from chassis.repeats import Repeats
from services.escalation import metrics
from services.escalation.models import CaseState, Denial
from services.escalation.ombudsman import records


class Kind(NamedTuple):
    """Who was refused which operation, and how."""

    officer_id: UUID
    method: str
    route: str
    status: int


class Ledger:
    """Writes each denial down before it is answered."""

    def __init__(self, db: Transactions, clock: Clock) -> None:
        self._db, self._clock = db, clock
        self._repeats: Repeats[Kind] = Repeats()

    def keep(self, kind: Kind, number: str | None = None) -> None:
        """Puts it down, in a transaction of its own."""
        metrics.DENIALS.inc()
        now = self._clock.now()
        alone, more = self._repeats.count(kind, now)
        with self._db.begin() as tx:
            rows = [Denial(**k._asdict(), at=now, times=times) for k, times in more]
            if alone:
                existing = _existing(tx, number)
                rows.append(Denial(**kind._asdict(), at=now, times=1, number=existing))
            for row in rows:
                tx.add(row)
                records.tell(tx, row)


def _existing(tx: Session, number: str | None) -> str | None:
    """The number, if there is such a case. One row for every number: how long it takes tells
    nothing."""
    asked = sa.select(CaseState.number).where(CaseState.number == number)
    return tx.scalar(sa.select(asked.scalar_subquery()))


def told(tx: Session, since: datetime) -> Iterator[tuple[Any, ...]]:
    """Every record from `since` on, oldest first: when, who, what, how, which case, how often."""
    columns = (
        Denial.at, Denial.officer_id, Denial.method, Denial.route, Denial.status, Denial.number,
        Denial.times,
    )  # fmt: skip
    found = sa.select(*columns).where(Denial.at >= since).order_by(Denial.id)
    yield from map(tuple, tx.execute(found))
