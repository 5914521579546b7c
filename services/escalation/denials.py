"""Whoever shows routing's token and is refused leaves a record: who, what, when.

`callers` is the one place that refuses an officer. Of a number only one that exists is kept, for
anything may be asked for. Of one kind, `MOST` in a minute have their own record; the next denial
after that minute brings how many more there were.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from threading import Lock
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.clock import Clock
from chassis.database import Transactions
from services.escalation import metrics
from services.escalation.models import CaseState, Denial

MOST = 10


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
        self._minute: datetime | None = None
        self._counted: Counter[Kind] = Counter()
        self._lock = Lock()

    def keep(self, kind: Kind, number: str | None = None) -> None:
        """Puts it down, in a transaction of its own."""
        metrics.DENIALS.inc()
        now = self._clock.now()
        alone, more = self._count(kind, now.replace(second=0, microsecond=0))
        with self._db.begin() as tx:
            tx.add_all(Denial(**k._asdict(), at=now, times=times) for k, times in more)
            if alone:
                tx.add(Denial(**kind._asdict(), at=now, times=1, number=_existing(tx, number)))

    def _count(self, kind: Kind, minute: datetime) -> tuple[bool, list[tuple[Kind, int]]]:
        more = []
        with self._lock:
            if minute != self._minute:
                more = [(k, n - MOST) for k, n in self._counted.items() if n > MOST]
                self._minute, self._counted = minute, Counter()
            self._counted[kind] += 1
            return self._counted[kind] <= MOST, more


def _existing(tx: Session, number: str | None) -> str | None:
    return tx.scalar(sa.select(CaseState.number).where(CaseState.number == number))


def told(tx: Session, since: datetime) -> Iterator[tuple[Any, ...]]:
    """Every record from `since` on, oldest first: when, who, what, how, which case, how often."""
    columns = (
        Denial.at, Denial.officer_id, Denial.method, Denial.route, Denial.status, Denial.number,
        Denial.times,
    )  # fmt: skip
    found = sa.select(*columns).where(Denial.at >= since).order_by(Denial.id)
    yield from map(tuple, tx.execute(found))
