"""Whoever is signed in and refused leaves a record: who, what, when. One place, every request.

A denial is a 403, or a case that is not shown because it is others' (to the officer it does not
exist). Of a number only one that exists is kept, for anything may be typed as one. Who tries by the
thousand fills no disk: of one kind, `MOST` in a minute have their own record, and the next denial
after that minute, of anybody's, brings how many more there were.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from threading import Lock
from typing import Any, NamedTuple
from uuid import UUID

import falcon
import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.clock import Clock
from chassis.database import Transactions
from services.routing import metrics
from services.routing.models import Case, Denial, Officer
from services.routing.sessions import SignedIn

MOST = 10


class Kind(NamedTuple):
    """Who was refused which operation, and how."""

    officer_id: UUID
    method: str
    route: str
    status: int


class Tally:
    """How often each kind was refused in the minute that runs."""

    def __init__(self) -> None:
        self._minute: datetime | None = None
        self._counted: Counter[Kind] = Counter()
        self._lock = Lock()

    def count(self, kind: Kind, at: datetime) -> tuple[bool, list[tuple[Kind, int]]]:
        """Whether this one has a record of its own; and how many had none in a minute before."""
        minute, more = at.replace(second=0, microsecond=0), []
        with self._lock:
            if minute != self._minute:
                more = [(k, n - MOST) for k, n in self._counted.items() if n > MOST]
                self._minute, self._counted = minute, Counter()
            self._counted[kind] += 1
            return self._counted[kind] <= MOST, more


class Ledger:
    """Middleware that writes each denial down before it is answered."""

    def __init__(self, db: Transactions, clock: Clock) -> None:
        self._db, self._clock, self._tally = db, clock, Tally()

    def process_resource(
        self, req: falcon.Request, resp: falcon.Response, resource: object, params: dict[str, str]
    ) -> None:
        req.context.number = params.get("number")

    def process_response(
        self, req: falcon.Request, resp: falcon.Response, resource: object, succeeded: bool
    ) -> None:
        who: SignedIn | None = req.context.get("officer")
        if who is None or not (who.unseen or resp.status_code == 403):
            return
        kind = Kind(who.id, req.method, req.uri_template or "", resp.status_code)
        self._keep(kind, who.unseen[-1] if who.unseen else req.context.number)

    def _keep(self, kind: Kind, number: str | None) -> None:
        metrics.DENIALS.labels(kind.route).inc()
        now = self._clock.now()
        alone, more = self._tally.count(kind, now)
        with self._db.begin() as tx:
            tx.add_all(Denial(**k._asdict(), at=now, times=times) for k, times in more)
            if alone:
                tx.add(Denial(**kind._asdict(), at=now, times=1, number=_existing(tx, number)))


def _existing(tx: Session, number: str | None) -> str | None:
    return tx.scalar(sa.select(Case.number).where(Case.number == number))


def told(tx: Session, since: datetime) -> Iterator[tuple[Any, ...]]:
    """Every record from `since` on, oldest first: when, who, what, how, which case, how often."""
    columns = (
        Denial.at, Officer.username, Denial.method, Denial.route, Denial.status, Denial.number,
        Denial.times,
    )  # fmt: skip
    found = sa.select(*columns).join(Officer, Officer.id == Denial.officer_id)
    yield from map(tuple, tx.execute(found.where(Denial.at >= since).order_by(Denial.id)))
