"""What due dates follow from - calendars, limits, ladder - as one value with a version.

Read whole and kept per process until the version rises. The version is read before the rows: what
changes in between is read too new for its version, and measured once more than needed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import pairwise, takewhile
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.together import remembered
from services.escalation import models
from services.escalation.domain import Rule, Rung
from services.escalation.models import REGENCY
from services.escalation.watch.clockwork import Clock
from services.escalation.watch.workdays import (
    FIVE_DAYS,
    Calendar,
    DayOff,
    DayRule,
    Limit,
    Unit,
    Week,
)

NOTHING = date(1, 1, 1)  # a calendar without years holds no day
OF_AGENCIES = frozenset({Clock.FOLLOW_UP, Clock.SETTLE})  # these an agency must keep


@dataclass(frozen=True, slots=True)
class Assignment:
    """An agency works by a calendar from a day on."""

    agency: str
    calendar: str
    since: date


@dataclass(frozen=True, slots=True)
class Regime:
    """What is in force. `calendars` are by code; of two assignments from one day the later holds,
    and so of limits and of rungs."""

    version: int
    calendars: Mapping[str, Calendar]
    rules: tuple[Rule, ...]
    ladder: tuple[Rung, ...]
    assigned: tuple[Assignment, ...] = ()

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
    return Regime(version, _calendars(tx, zone), _rules(tx), _ladder(tx), _assigned(tx))


def _version(tx: Session) -> int:
    return tx.scalars(sa.select(models.Regime.version)).one()


def _calendars(tx: Session, zone: ZoneInfo) -> dict[str, Calendar]:
    decrees = {row.year: row.decree for row in tx.scalars(sa.select(models.CalendarYear))}
    nation = {row.day: row for row in tx.scalars(sa.select(models.CalendarDay))}
    weeks, days = defaultdict(list), defaultdict(list)
    in_order = models.CalendarWeek.effective_from, models.CalendarWeek.id
    for week in tx.scalars(sa.select(models.CalendarWeek).order_by(*in_order)):
        weeks[week.calendar].append(_week(week))
    for day in tx.scalars(sa.select(models.LocalDay).order_by(models.LocalDay.id)):
        days[day.calendar].append(day)
    return {
        row.code: _calendar(
            calendar(ZoneInfo(row.zone) if row.zone else zone, decrees, {}, tuple(weeks[row.code])),
            nation.values(),
            days[row.code],
        )
        for row in tx.scalars(sa.select(models.ServiceCalendar))
    }


def _week(row: models.CalendarWeek) -> Week:
    return Week(row.effective_from, frozenset(row.weekdays), row.national_days, row.joint_leave)


def _calendar(
    plain: Calendar, nation: Iterable[models.CalendarDay], own: Iterable[models.LocalDay]
) -> Calendar:
    """A calendar with the nation's days off, as far as its week keeps them, and its own days.
    What the regency entered among the nation's days holds for every calendar that keeps those."""
    off = {
        row.day: DayOff(row.name, row.basis)
        for row in nation
        if _keeps(plain.week_on(row.day), row.kind)
    }
    latest = {row.day: row for row in own}
    off |= {
        row.day: DayOff(row.name, row.decree) for row in latest.values() if row.rule == DayRule.OFF
    }
    worked = frozenset(row.day for row in latest.values() if row.rule == DayRule.WORKED)
    return replace(plain, off=off, worked=worked)


def _keeps(week: Week, kind: str) -> bool:
    return week.joint_leave if kind == "joint_leave" else week.national_days


def calendar(
    zone: ZoneInfo,
    decrees: Mapping[int, str | None],
    off: Mapping[date, DayOff],
    weeks: tuple[Week, ...] = (FIVE_DAYS,),
) -> Calendar:
    """A calendar of the years in `decrees`, up to the first that is missing; joint leave is
    known up to the first year without a decree, where it matters."""
    held = _without_gap(sorted(decrees))
    if not held:
        return Calendar(zone, off, NOTHING, NOTHING, NOTHING, weeks)
    decreed = [*takewhile(lambda year: decrees[year] is not None, held)]
    known = date(decreed[-1], 12, 31) if decreed else NOTHING
    last = date(held[-1], 12, 31)
    if not any(week.joint_leave for week in weeks):
        known = last
    return Calendar(zone, off, date(held[0], 1, 1), last, known, weeks)


def _without_gap(years: list[int]) -> list[int]:
    follows = takewhile(lambda pair: pair[1] == pair[0] + 1, pairwise(years))
    return [*years[:1], *(year for _, year in follows)]


def _rules(tx: Session) -> tuple[Rule, ...]:
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


def _ladder(tx: Session) -> tuple[Rung, ...]:
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
