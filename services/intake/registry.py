"""What a report may name, and what it is promised: small tables, read at most once a minute."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import date
from typing import Any

import sqlalchemy as sa

from chassis.database import Transactions
from services.intake.models import Code, Promise

FRESH = 60.0  # seconds


class Registry:
    """A copy in memory that renews itself, and at once for a day that it does not know."""

    def __init__(self, db: Transactions) -> None:
        self._db, self._read_at = db, float("-inf")
        self._codes: dict[str, set[str]] = {}
        self._promises: dict[date, Promise] = {}

    def codes(self) -> Mapping[str, set[str]]:
        """The known codes, by list: district, agency, category."""
        self._renew(FRESH)
        return self._codes

    def promised(self, day: date, kind: str) -> dict[str, Any] | None:
        """The dates promised to a report of `kind` received on `day`; None as long as escalation
        has not told (the timeline will show its deadlines)."""
        self._renew(1.0 if day not in self._promises else FRESH)
        if promise := self._promises.get(day):
            return {
                "verify_by": promise.verify_by,
                "follow_up_by": promise.follow_up_by,
                "settle_by": date.fromisoformat(promise.settle_by[kind]),
            }
        return None

    def _renew(self, age: float) -> None:
        if time.monotonic() - self._read_at < age:
            return
        with self._db.begin() as tx:
            codes: dict[str, set[str]] = {"district": set(), "agency": set(), "category": set()}
            for row in tx.scalars(sa.select(Code)):
                codes[row.list].add(row.code)
            promises = {p.received_on: p for p in tx.scalars(sa.select(Promise))}
        self._codes, self._promises = codes, promises
        self._read_at = time.monotonic()
