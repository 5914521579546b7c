"""What escalation starts with: the national calendar, default limits and the ladder.

Running it again adds years that the calendar does not hold and shows where it differs; limits and
ladder are put in only where there are none, because people amend them.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import asdict
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.clock import Clock
from chassis.database import Transactions
from services.escalation.config import Settings
from services.escalation.models import (
    Amendment,
    CalendarDay,
    CalendarYear,
    LadderRule,
    LimitRule,
)
from services.escalation.ombudsman import records
from services.escalation.rules import entered, national
from services.escalation.rules.defaults import IN_FORCE, LADDER, LIMITS, LOCAL

YEARS_BACK, YEARS_AHEAD = 1, 4  # a supervisory case with pauses may run for years


def run(settings: Settings, db: Transactions) -> None:
    """Seeds; may be run at any time. A year that the calendar holds is left as it is: what the
    package knows otherwise is shown, for somebody to bring in (`import-calendar`)."""
    years = years_around(settings.local_day(Clock(settings.clock_file).now()).year)
    with db.begin() as tx:
        held = set(tx.scalars(sa.select(CalendarYear.year)))
        plant(tx, [year for year in years if year.year not in held])
    with db.begin() as tx:
        for line in import_calendar(tx, [year for year in years if year.year in held]):
            print(f"calendar differs, see import-calendar: {line}")
        tx.rollback()


def years_around(this_year: int) -> list[national.NationalYear]:
    """As many years as a case may need."""
    return national.years(range(this_year - YEARS_BACK, this_year + YEARS_AHEAD + 1))


def plant(tx: Session, years: list[national.NationalYear]) -> None:
    """Imports the calendar, and sets limits and ladder where there are none."""
    is_first = tx.scalars(sa.select(CalendarYear.year)).first() is None
    changed = import_calendar(tx, years)
    for line in changed:
        print(f"calendar: {line}")
    if changed and not is_first:
        keep_import(tx, years, changed, "seed")
    if tx.scalars(sa.select(LimitRule.id)).first() is None:
        names = ("clock", "kind", "klass", "days", "unit", "decree")
        _add(tx, LimitRule, names, LIMITS)
    if tx.scalars(sa.select(LadderRule.id)).first() is None:
        names = ("clock", "klass", "level", "after_days", "brought_to", "decree")
        _add(tx, LadderRule, names, [(*rung, LOCAL) for rung in LADDER])


def import_calendar(tx: Session, years: list[national.NationalYear]) -> list[str]:
    """Makes the imported days of these years what the package knows now, and says what changed.
    A day that a person entered or took back stays as it is, and so does a year whose decree one
    entered."""
    changed: list[str] = []
    by_hand = entered.standing(tx)
    for year in importable(tx, years):
        known, amended = tx.get(CalendarYear, year.year), _amend(tx, year, by_hand)
        if known is None:
            tx.add(CalendarYear(year=year.year, decree=year.decree))
            changed.append(f"{year.year} added, {len(year.days)} days off, {_basis(year.decree)}")
            continue
        if year.decree and known.decree != year.decree:
            known.decree = year.decree
            changed.append(f"{year.year}: {year.decree}")
        changed += amended
    return changed


def importable(tx: Session, years: list[national.NationalYear]) -> list[national.NationalYear]:
    """The years whose decree nobody entered, each with the number that is known already if the
    package knows none."""
    known = {year.year: year for year in tx.scalars(sa.select(CalendarYear))}
    return [
        national.numbered(year, known[year.year].decree) if year.year in known else year
        for year in years
        if year.year not in known or not known[year.year].entered
    ]


def keep_import(
    tx: Session, years: list[national.NationalYear], changed: list[str], decided_as: str
) -> None:
    """Keeps what an import changed, by which decrees, and who decided that it does."""
    basis = "; ".join(f"{y.year}: {_basis(y.decree)}" for y in importable(tx, years))
    amendment = Amendment(
        what="import",
        decree=basis,
        retroactive=False,
        detail={"changed": changed},
        decided_as=decided_as,
        decided_at=sa.func.now(),
    )
    tx.add(amendment)
    records.tell(tx, amendment)


def _amend(tx: Session, year: national.NationalYear, by_hand: Container[date]) -> list[str]:
    first, last = date(year.year, 1, 1), date(year.year, 12, 31)
    rows = tx.scalars(sa.select(CalendarDay).where(CalendarDay.day.between(first, last)))
    known, changed = {row.day: row for row in rows}, []
    given = {day.on: day for day in year.days if day.on not in by_hand}
    for on, row in known.items():
        if row.imported and on not in given:
            tx.delete(row)
            changed.append(f"- {on} {row.name} ({row.basis})")
    for on, day in given.items():
        if on not in known:
            tx.add(CalendarDay(**_columns(day)))
            changed.append(f"+ {on} {day.name} ({day.basis})")
            continue
        row = known[on]
        if row.imported and _said(row) != _said(day):
            changed.append(f"~ {on} {_said(row)} -> {_said(day)}")
            row.name, row.kind, row.basis = day.name, day.kind, day.basis
    return changed


def _said(day: CalendarDay | national.NationalDay) -> str:
    """All that an import may change of a day; by its kind a week keeps it or not."""
    return f"{day.name}, {day.kind} ({day.basis})"


def _columns(day: national.NationalDay) -> dict[str, Any]:
    columns = asdict(day) | {"imported": True}
    return columns | {"day": columns.pop("on")}


def _basis(decree: str | None) -> str:
    return decree or "joint leave not decreed yet: what runs into it is provisional"


def _add(tx: Session, model: Any, names: tuple[str, ...], rows: Any) -> None:
    for row in rows:
        tx.add(model(**dict(zip(names, row, strict=True)), effective_from=IN_FORCE))
