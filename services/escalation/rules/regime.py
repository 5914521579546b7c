"""What due dates follow from - calendars, limits, ladder - as one value with a version.

Read whole and kept per process until the version rises. The version is read before the rows:
calendars are those of the version, and a limit or rung that comes in between is measured once more
than needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.together import remembered
from services.escalation import models
from services.escalation.domain import Rule, Rung
from services.escalation.models import REGENCY
from services.escalation.rules import almanac
from services.escalation.rules.almanac import Almanac
from services.escalation.watch.clockwork import Clock
from services.escalation.watch.workdays import Calendar, Limit, Unit

OF_AGENCIES = frozenset({Clock.FOLLOW_UP, Clock.SETTLE})  # these an agency must keep


@dataclass(frozen=True, slots=True)
class Assignment:
    """An agency works by a calendar from a day on."""

    agency: str
    calendar: str
    since: date


@dataclass(frozen=True, slots=True)
class Regime:
    """What is in force. `calendars` are by code, and `almanac` has them as they stood under earlier
    versions; of two assignments from one day the later holds, and so of limits and of rungs."""

    version: int
    calendars: Mapping[str, Calendar]
    rules: tuple[Rule, ...]
    ladder: tuple[Rung, ...]
    assigned: tuple[Assignment, ...] = ()
    almanac: Almanac = field(default_factory=Almanac, repr=False)

    @property
    def calendar(self) -> Calendar:
        """The regency's own."""
        return self.calendars[REGENCY]

    def calendar_for(self, clock: str, agency: str | None, began: datetime) -> str:
        """The code of the calendar that a clock begins with: the agency's for what the agency must
        do, the regency's for everything else. A day begins in the zone that is assigned."""
        if clock not in OF_AGENCIES:
            return REGENCY
        held = (
            a
            for a in self.assigned
            if a.agency == agency and a.since <= self.calendars[a.calendar].day_of(began)
        )
        chosen = max(enumerate(held), key=lambda found: (found[1].since, found[0]), default=None)
        return REGENCY if chosen is None else chosen[1].calendar


_kept: WeakKeyDictionary[object, Regime] = WeakKeyDictionary()


def current(tx: Session, zone: ZoneInfo) -> Regime:
    """The regime that is in force, one for a whole transaction."""
    version = remembered(tx, _version)
    kept = _kept.get(tx.get_bind())
    if kept is None or kept.version != version or kept.calendar.zone != zone:
        kept = _kept[tx.get_bind()] = _read(tx, version, zone)
    return kept


def read(tx: Session, zone: ZoneInfo) -> Regime:
    """The regime as this transaction sees it, with what it has not committed; kept nowhere."""
    return _read(tx, _version(tx), zone)


def _read(tx: Session, version: int, zone: ZoneInfo) -> Regime:
    known = almanac.read(tx, zone)
    calendars = known.under(version)
    return Regime(version, calendars, rules_of(tx), ladder_of(tx), _assigned(tx), known)


def _version(tx: Session) -> int:
    return tx.scalars(sa.select(models.Regime.version)).one()


def rules_of(tx: Session) -> tuple[Rule, ...]:
    """Every limit, in the order of their rows."""
    rows: Iterable[models.LimitRule] = tx.scalars(
        sa.select(models.LimitRule).order_by(models.LimitRule.id)
    )
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


def ladder_of(tx: Session) -> tuple[Rung, ...]:
    """Every rung, in the order of their rows."""
    rows: Iterable[models.LadderRule] = tx.scalars(
        sa.select(models.LadderRule).order_by(models.LadderRule.id)
    )
    return tuple(
        Rung(row.clock, row.klass, row.level, row.after_days, row.brought_to, row.effective_from)
        for row in rows
    )


def _assigned(tx: Session) -> tuple[Assignment, ...]:
    rows = tx.scalars(sa.select(models.CalendarAssignment).order_by(models.CalendarAssignment.id))
    return tuple(Assignment(row.agency, row.calendar, row.effective_from) for row in rows)
