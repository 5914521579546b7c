"""Whoever is signed in and refused leaves a record: who, what, when. One place, every request.

A denial is a 403, or a case that is not shown because it is others' (to the officer it does not
exist). Of a number only one that exists is kept, for anything may be typed as one. Who tries by the
thousand fills no disk (`chassis.repeats`): how many more there were comes with the next denial, of
anybody's.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import falcon
import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.clock import Clock
from chassis.database import Transactions
from chassis.repeats import Repeats
from services.routing import metrics
from services.routing.models import Case, Denial, Officer
from services.routing.sessions import SignedIn


class Kind(NamedTuple):
    """Who was refused which operation, and how."""

    officer_id: UUID
    method: str
    route: str
    status: int


class Ledger:
    """Middleware that writes each denial down before it is answered."""

    def __init__(self, db: Transactions, clock: Clock) -> None:
        self._db, self._clock = db, clock
        self._repeats: Repeats[Kind] = Repeats()

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
        alone, more = self._repeats.count(kind, now)
        with self._db.begin() as tx:
            tx.add_all(Denial(**k._asdict(), at=now, times=times) for k, times in more)
            if alone:
                tx.add(Denial(**kind._asdict(), at=now, times=1, number=_existing(tx, number)))


def _existing(tx: Session, number: str | None) -> str | None:
    """The number, if there is such a case. One row for every number: how long it takes tells
    nothing."""
    asked = sa.select(Case.number).where(Case.number == number)
    return tx.scalar(sa.select(asked.scalar_subquery()))


def told(tx: Session, since: datetime) -> Iterator[tuple[Any, ...]]:
    """Every record from `since` on, oldest first: when, who, what, how, which case, how often."""
    columns = (
        Denial.at, Officer.username, Denial.method, Denial.route, Denial.status, Denial.number,
        Denial.times,
    )  # fmt: skip
    found = sa.select(*columns).join(Officer, Officer.id == Denial.officer_id)
    yield from map(tuple, tx.execute(found.where(Denial.at >= since).order_by(Denial.id)))
