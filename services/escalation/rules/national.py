"""Indonesia's days off, as the PyPI package `holidays` knows them, with the decree behind each.

The package's default lacks joint leave (*cuti bersama*), so both categories are asked for. A year
for which it holds no joint leave has not been decreed yet (three ministers decide each autumn for
the next year): such a year is given with public holidays only, some of them estimated.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

import holidays

from services.escalation.rules.defaults import UNDECREED, UNRECORDED

PUBLIC, JOINT_LEAVE = "public", "joint_leave"

# The joint decrees of the three ministers (religion, manpower, civil service), by the year they
# are for. A year that is missing here is still imported: its basis then says that it is not known.
DECREES = {
    2025: "SKB 3 Menteri 1017/2024, 2/2024, 2/2024; 933/2025, 1/2025, 3/2025",
    2026: "SKB 3 Menteri 1497/2025, 2/2025, 5/2025",
}


@dataclass(frozen=True, slots=True)
class NationalDay:
    """One day off of the whole country."""

    on: date
    name: str
    kind: str
    basis: str


@dataclass(frozen=True, slots=True)
class NationalYear:
    """A year's days off, and the decree of its joint leave (None: not decreed yet)."""

    year: int
    decree: str | None
    days: tuple[NationalDay, ...]


def numbered(year: NationalYear, decree: str | None) -> NationalYear:
    """The year with the decree's number that is known already, if it brings none itself."""
    if not decree or not year.decree or UNRECORDED not in year.decree:
        return year
    days = tuple(replace(day, basis=decree) for day in year.days)
    return replace(year, decree=decree, days=days)


def years(wanted: Iterable[int]) -> list[NationalYear]:
    """The wanted years, in order. A day that is both is a public holiday."""
    return [_year(year) for year in sorted(wanted)]


def _year(year: int) -> NationalYear:
    public = holidays.country_holidays("ID", years=year, categories=("public",), language="id")
    leave = holidays.country_holidays("ID", years=year, categories=("government",), language="id")
    decree = DECREES.get(year, f"SKB 3 Menteri {year} {UNRECORDED}") if leave else None
    basis = decree or UNDECREED
    found = {on: NationalDay(on, name, JOINT_LEAVE, basis) for on, name in leave.items()}
    found |= {on: NationalDay(on, name, PUBLIC, basis) for on, name in public.items()}
    return NationalYear(year, decree, tuple(found[on] for on in sorted(found)))
