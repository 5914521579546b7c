"""What due dates follow from - calendar, limits, ladder - as one value with a version.

Read whole and kept per process until the version rises. The version is read before the rows: what
changes in between is read too new for its version, and measured once more than needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise, takewhile
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.together import remembered
from services.escalation import models
from services.escalation.domain import Rule, Rung
from services.escalation.workdays import Calendar, DayOff, Limit, Unit

NOTHING = date(1, 1, 1)  # a calendar without years holds no day


@dataclass(frozen=True, slots=True)
class Regime:
    """What is in force."""

    version: int
    calendar: Calendar
    rules: tuple[Rule, ...]
    ladder: tuple[Rung, ...]


_kept: WeakKeyDictionary[object, Regime] = WeakKeyDictionary()


def current(tx: Session, zone: ZoneInfo) -> Regime:
    """The regime that is in force, one for a whole transaction."""
    version = remembered(tx, _version)
    kept = _kept.get(tx.get_bind())
    if kept is None or kept.version != version or kept.calendar.zone != zone:
        kept = Regime(version, _calendar(tx, zone), _rules(tx), _ladder(tx))
        _kept[tx.get_bind()] = kept
    return kept


def _version(tx: Session) -> int:
    return tx.scalars(sa.select(models.Regime.version)).one()


def _calendar(tx: Session, zone: ZoneInfo) -> Calendar:
    decrees = {row.year: row.decree for row in tx.scalars(sa.select(models.CalendarYear))}
    days = tx.scalars(sa.select(models.CalendarDay))
    return calendar(zone, decrees, {row.day: DayOff(row.name, row.basis) for row in days})


def calendar(
    zone: ZoneInfo, decrees: Mapping[int, str | None], off: Mapping[date, DayOff]
) -> Calendar:
    """A calendar of the years in `decrees`, up to the first that is missing; joint leave is
    known up to the first year without a decree."""
    held = _without_gap(sorted(decrees))
    if not held:
        return Calendar(zone, off, NOTHING, NOTHING, NOTHING)
    decreed = [*takewhile(lambda year: decrees[year] is not None, held)]
    last = date(decreed[-1], 12, 31) if decreed else NOTHING
    return Calendar(zone, off, date(held[0], 1, 1), date(held[-1], 12, 31), last)


def _without_gap(years: list[int]) -> list[int]:
    follows = takewhile(lambda pair: pair[1] == pair[0] + 1, pairwise(years))
    return [*years[:1], *(year for _, year in follows)]


def _rules(tx: Session) -> tuple[Rule, ...]:
    rows: Iterable[models.LimitRule] = tx.scalars(sa.select(models.LimitRule))
    return tuple(
        Rule(
            id=row.id,
            clock=row.clock,
            kind=row.kind,
            klass=row.klass,
            limit=Limit(row.days, Unit(row.unit)),
            effective_from=row.effective_from,
            decree=row.decree,
        )
        for row in rows
    )


def _ladder(tx: Session) -> tuple[Rung, ...]:
    rows: Iterable[models.LadderRule] = tx.scalars(sa.select(models.LadderRule))
    return tuple(
        Rung(row.clock, row.klass, row.level, row.after_days, row.brought_to, row.effective_from)
        for row in rows
    )
