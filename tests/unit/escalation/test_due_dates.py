"""More than a hundred limits, each with a reason, worked out by hand (`due_dates.csv` says how)."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.escalation.rules import national
from services.escalation.rules.almanac import calendar
from services.escalation.watch.workdays import Calendar, Decreed, Limit, Pause, Unit, Week, due

TABLE = Path(__file__).with_name("due_dates.csv")
ZONES = {
    "WIB": ZoneInfo("Asia/Jakarta"),
    "WITA": ZoneInfo("Asia/Makassar"),
    "WIT": ZoneInfo("Asia/Jayapura"),
}
UNITS = {"w": Unit.WORKING, "c": Unit.CALENDAR}
NATION = [day for year in national.years(range(2025, 2028)) for day in year.days]
SIX, EVERY_DAY = frozenset(range(6)), frozenset(range(7))
WEEKS = {
    "five": (Week(date.min),),
    "six": (Week(date.min, SIX),),
    "duty": (Week(date.min, SIX, joint_leave=False),),
    "daily": (Week(date.min, EVERY_DAY, national_days=False, joint_leave=False),),
    "friday": (Week(date.min, EVERY_DAY - {4}),),
    "own": (Week(date.min),),
    "moved": (Week(date.min, SIX), Week(date(2026, 11, 9))),
}


def rows() -> list[dict[str, str]]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


ROWS = rows()


def furnished(week: str, zone: str) -> Calendar:
    """The nation's days off as far as the week keeps them."""
    weeks = WEEKS[week]
    off = {
        day.on: Decreed(day.name, day.basis)
        for day in NATION
        if (weeks[0].joint_leave if day.kind == national.JOINT_LEAVE else weeks[0].national_days)
    }
    made = calendar(ZONES[zone], dict.fromkeys(range(2025, 2028), "SKB"), off, weeks)
    if week != "own":
        return made
    local = {date(2026, 11, 5): Decreed("Hari jadi", "Perbup")}
    worked = dict.fromkeys((date(2026, 12, 24), date(2026, 12, 26)), Decreed("Piket", "Perbup"))
    return replace(made, off=off | local, worked=worked)


def moment(text: str, zone: ZoneInfo) -> datetime:
    told = datetime.fromisoformat(text.removesuffix("Z"))
    return told.replace(tzinfo=UTC if text.endswith("Z") else zone)


def pauses(row: dict[str, str], zone: ZoneInfo) -> list[Pause]:
    spans = (span.split(">") for span in row["pauses"].split(";") if span)
    return [Pause(moment(a, zone), moment(b, zone) if b else None) for a, b in spans]


def end_of(row: dict[str, str]) -> Any:
    zone = ZONES[row["zone"]]
    limit = Limit(int(row["limit"][:-1]), UNITS[row["limit"][-1]])
    where = furnished(row["week"], row["zone"])
    return due(limit, moment(row["start"], zone), where, pauses(row, zone))


@pytest.mark.parametrize("row", ROWS, ids=lambda r: f"{r['limit']}-{r['week']}-{r['start'][:10]}")
def test_a_limit_ends_on_the_day_that_was_worked_out_by_hand(row: dict[str, str]) -> None:
    found = end_of(row)

    assert (found.day.isoformat() if found.day else "none") == row["end"], row["reason"]
    if found.day:
        last_second = datetime.combine(found.day, time(23, 59, 59), ZONES[row["zone"]])
        assert found.at == last_second


def touched(row: dict[str, str]) -> set[date]:
    """The days from the start's to the end, in the row's zone."""
    first = moment(row["start"], ZONES[row["zone"]]).astimezone(ZONES[row["zone"]]).date()
    last = first if row["end"] == "none" else date.fromisoformat(row["end"])
    return {first + timedelta(days=n) for n in range((last - first).days + 1)}


def test_the_table_is_long_and_every_row_has_its_reason() -> None:
    assert len(ROWS) >= 100
    assert all(len(row["reason"].split()) >= 3 for row in ROWS)
    assert len({tuple(row.values()) for row in ROWS}) == len(ROWS)


def test_every_day_off_of_2026_stands_in_a_row_and_on_each_somebody_begins_or_ends() -> None:
    """On the way of a limit; and the table knows days off that a limit or a pause begins on."""
    off = {day.on for day in NATION if day.on.year == 2026}

    assert len(off) == 25
    assert off - set().union(*map(touched, ROWS)) == set()
    begun = {date.fromisoformat(row["start"][:10]) for row in ROWS}
    paused = {
        date.fromisoformat(end[:10])
        for row in ROWS
        for span in row["pauses"].split(";")
        for end in span.split(">")
        if end
    }
    assert off - begun - paused == set()


def test_the_table_meets_every_zone_every_week_both_units_and_both_ends_of_a_day() -> None:
    assert {row["zone"] for row in ROWS} == set(ZONES)
    assert {row["week"] for row in ROWS} == set(WEEKS)
    assert {row["limit"][-1] for row in ROWS} == set(UNITS)
    assert {"00:00:00", "23:59:59"} <= {row["start"][11:19] for row in ROWS}
    fridays = [r for r in ROWS if datetime.fromisoformat(r["start"][:10]).weekday() == 4]
    assert len(fridays) >= 10


def test_a_wrong_day_in_the_table_is_noticed() -> None:
    """The negative control: every row, one day off."""
    dated = [row for row in ROWS if row["end"] != "none"]
    moved = [(date.fromisoformat(row["end"]) + timedelta(days=1)) for row in dated]

    assert [end_of(row).day == day for row, day in zip(dated, moved, strict=True)] == [False] * len(
        dated
    )
