"""Every calendar, as it stands and as it stood under any version of the regime.

A clock is explained by the days that it was counted in, whatever was decreed since. Weeks and local
days are only added to, each with the version that it came with; of the nation's days the database
keeps what an import replaced. Which years are held has no versions: that says only how far a
calendar reaches, and from when on it is provisional.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from services.escalation import models
from services.escalation.watch.workdays import FIVE_DAYS, Calendar, DayRule, Decreed, Week

NOTHING = date(1, 1, 1)  # a calendar without years holds no day


@dataclass(frozen=True, slots=True)
class NationalDay:
    """A day off of the nation, from the version `came` until the version `gone` (None: still)."""

    on: date
    kind: str
    off: Decreed
    came: int
    gone: int | None = None


@dataclass(frozen=True, slots=True)
class LocalDay:
    """What a decree made of a day of one calendar, since the version `came`."""

    calendar: str
    on: date
    rule: str
    off: Decreed
    came: int


@dataclass(frozen=True, slots=True)
class LocalWeek:
    """A calendar's week, known since the version `came`."""

    calendar: str
    week: Week
    came: int


@dataclass(frozen=True, slots=True)
class Almanac:
    """What was ever decreed of the calendars: weeks in the order of their days, local days in the
    order of their rows."""

    zones: Mapping[str, ZoneInfo] = field(default_factory=dict)
    decrees: Mapping[int, str | None] = field(default_factory=dict)
    weeks: tuple[LocalWeek, ...] = ()
    nation: tuple[NationalDay, ...] = ()
    own: tuple[LocalDay, ...] = ()
    _made: dict[int, Mapping[str, Calendar]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def under(self, version: int) -> Mapping[str, Calendar]:
        """The calendars as they stood under a version, by code."""
        changes = {row.came for row in (*self.weeks, *self.nation, *self.own)}
        changes |= {day.gone for day in self.nation if day.gone is not None}
        last = max((change for change in changes if change <= version), default=0)
        if last not in self._made:
            self._made[last] = dict(self._standing(last))
        return self._made[last]

    def _standing(self, version: int) -> Iterable[tuple[str, Calendar]]:
        nation = [
            day
            for day in self.nation
            if day.came <= version and (day.gone is None or version < day.gone)
        ]
        for code, zone in self.zones.items():
            weeks = [w.week for w in self.weeks if w.calendar == code and w.came <= version]
            if weeks:
                plain = calendar(zone, self.decrees, {}, tuple(weeks))
                own = [day for day in self.own if day.calendar == code and day.came <= version]
                yield code, _filled(plain, nation, own)


def read(tx: Session, zone: ZoneInfo) -> Almanac:
    """All of it; what has no zone of its own stands where the system does."""
    calendars = tx.scalars(sa.select(models.ServiceCalendar))
    years = tx.scalars(sa.select(models.CalendarYear))
    return Almanac(
        zones={row.code: ZoneInfo(row.zone) if row.zone else zone for row in calendars},
        decrees={row.year: row.decree for row in years},
        weeks=tuple(_weeks(tx)),
        nation=(*_nation(tx), *_former(tx)),
        own=tuple(_own(tx)),
    )


def _weeks(tx: Session) -> Iterable[LocalWeek]:
    in_order = models.CalendarWeek.effective_from, models.CalendarWeek.id
    for row in tx.scalars(sa.select(models.CalendarWeek).order_by(*in_order)):
        weekdays = frozenset(row.weekdays)
        week = Week(row.effective_from, weekdays, row.national_days, row.joint_leave)
        yield LocalWeek(row.calendar, week, row.regime)


def _nation(tx: Session) -> Iterable[NationalDay]:
    for row in tx.scalars(sa.select(models.CalendarDay)):
        yield NationalDay(row.day, row.kind, Decreed(row.name, row.basis), row.regime)


def _former(tx: Session) -> Iterable[NationalDay]:
    for row in tx.scalars(sa.select(models.FormerDay)):
        off = Decreed(row.name, row.basis)
        yield NationalDay(row.day, row.kind, off, row.regime, row.until_regime)


def _own(tx: Session) -> Iterable[LocalDay]:
    for row in tx.scalars(sa.select(models.LocalDay).order_by(models.LocalDay.id)):
        off = Decreed(row.name, row.decree)
        yield LocalDay(row.calendar, row.day, row.rule, off, row.regime)


def _filled(plain: Calendar, nation: Iterable[NationalDay], own: Iterable[LocalDay]) -> Calendar:
    """A calendar with the nation's days off, as far as its week keeps them, and its own days.
    What the regency entered among the nation's days holds for every calendar that keeps those."""
    off = {day.on: day.off for day in nation if _keeps(plain.week_on(day.on), day.kind)}
    latest = {day.on: day for day in own}
    off |= {day.on: day.off for day in latest.values() if day.rule == DayRule.OFF}
    worked = {day.on: day.off for day in latest.values() if day.rule == DayRule.WORKED}
    return replace(plain, off=off, worked=worked)


def _keeps(week: Week, kind: str) -> bool:
    return week.joint_leave if kind == "joint_leave" else week.national_days


def calendar(
    zone: ZoneInfo,
    decrees: Mapping[int, str | None],
    off: Mapping[date, Decreed],
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
