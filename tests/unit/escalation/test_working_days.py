"""Limits around Indonesia's real bridges: every row says why it ends on its day.

The weeks (weekdays off): 2026 - 1 and 16 Jan; 16-17 Feb; 18-20, 23-24 Mar (Nyepi, Idulfitri and
their joint leave); 3 Apr; 1, 14-15, 27-28 May; 1 and 16 Jun; 17 and 25 Aug; 24-25 Dec.
2027 - 1 and 5 Jan; 5 Feb; 8-12, 15 and 25-26 Mar; 17-20 May.
"""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from services.escalation.rules import national
from services.escalation.watch.workdays import (
    Calendar,
    CalendarGap,
    Decreed,
    Limit,
    Pause,
    Unit,
    Verdict,
    due,
    workdays_after,
    workdays_before,
)

WITA = ZoneInfo("Asia/Makassar")
YEARS = national.years(range(2025, 2029))
KOTABARU = Calendar(
    zone=WITA,
    off={day.on: Decreed(day.name, day.basis) for year in YEARS for day in year.days},
    holds_from=date(2025, 1, 1),
    holds_until=date(2028, 12, 31),
    decreed_until=date(2027, 12, 31),
)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=WITA)


def working(days: int) -> Limit:
    return Limit(days, Unit.WORKING)


def calendar_days(days: int) -> Limit:
    return Limit(days, Unit.CALENDAR)


PLAIN = [
    # days, start (local), last day, why
    (3, "2026-11-02 10:00", "2026-11-05", "Monday: Tuesday is day 1"),
    (3, "2026-11-06 15:00", "2026-11-11", "over a weekend"),
    (3, "2026-11-07 09:00", "2026-11-11", "received on Saturday: Monday is day 1"),
    (3, "2026-11-08 23:00", "2026-11-11", "received on Sunday: Monday is day 1"),
    (1, "2026-11-06 08:00", "2026-11-09", "one day from Friday is Monday"),
    (5, "2026-11-02 10:00", "2026-11-09", "five days reach the next Monday"),
    (14, "2026-11-02 10:00", "2026-11-20", "14 days in plain weeks"),
    (1, "2026-11-02 00:00", "2026-11-03", "the day of receipt never counts, even from its start"),
    (1, "2026-11-02 23:59:59", "2026-11-03", "nor does it matter how late on that day"),
    (60, "2026-11-02 10:00", "2027-01-29", "60 days over Christmas, New Year and Isra Mikraj"),
    # Isra Mikraj, Friday 16 January
    (1, "2026-01-15 10:00", "2026-01-19", "Friday is Isra Mikraj, then a weekend"),
    (3, "2026-01-14 10:00", "2026-01-20", "Thursday, then Monday and Tuesday"),
    # Lunar New Year: joint leave Monday 16, holiday Tuesday 17 February
    (3, "2026-02-12 10:00", "2026-02-19", "Friday, then a weekend and two days of Imlek"),
    (1, "2026-02-13 10:00", "2026-02-18", "the bridge from Friday to Wednesday"),
    (3, "2026-02-16 10:00", "2026-02-20", "received on joint leave"),
    # Nyepi and Idulfitri 2026: nobody works from Wednesday 18 to Tuesday 24 March
    (3, "2026-03-13 10:00", "2026-03-25", "two days before the holidays, one after"),
    (3, "2026-03-16 10:00", "2026-03-26", "one day before the holidays, two after"),
    (3, "2026-03-17 16:00", "2026-03-27", "the last working day before does not count itself"),
    (3, "2026-03-18 10:00", "2026-03-27", "received on the joint leave before Nyepi"),
    (3, "2026-03-19 06:00", "2026-03-27", "received on Nyepi"),
    (3, "2026-03-20 10:00", "2026-03-27", "received on the joint leave between the two"),
    (3, "2026-03-21 10:00", "2026-03-27", "received on Idulfitri, a Saturday"),
    (3, "2026-03-22 10:00", "2026-03-27", "received on its second day, a Sunday"),
    (3, "2026-03-24 10:00", "2026-03-27", "received on the last day of joint leave"),
    (3, "2026-03-25 08:00", "2026-03-30", "received on the first working day after"),
    (5, "2026-03-12 10:00", "2026-03-26", "three days before, two after"),
    (14, "2026-03-09 10:00", "2026-04-06", "Idulfitri and Good Friday within one limit"),
    (10, "2026-03-17 10:00", "2026-04-08", "ten days of silence, all after the holidays"),
    (60, "2026-03-02 10:00", "2026-06-10", "60 days over every holiday of spring"),
    # Good Friday 3 April, Easter on a Sunday
    (1, "2026-04-02 10:00", "2026-04-06", "Good Friday makes a long weekend"),
    (2, "2026-04-03 10:00", "2026-04-07", "received on Good Friday; Easter costs nothing more"),
    (5, "2026-03-27 10:00", "2026-04-06", "Good Friday is the fifth weekday, so Monday"),
    # Labour Day Friday 1 May
    (1, "2026-04-30 10:00", "2026-05-04", "Labour Day makes a long weekend"),
    # Ascension Thursday 14, joint leave Friday 15 May
    (1, "2026-05-13 10:00", "2026-05-18", "Ascension and its bridge day"),
    (3, "2026-05-12 10:00", "2026-05-19", "one day before, two after"),
    # Idul Adha Wednesday 27, joint leave Thursday 28 May; Waisak Sunday 31; Pancasila Monday 1 June
    (1, "2026-05-26 10:00", "2026-05-29", "Friday between Idul Adha and the weekend is worked"),
    (3, "2026-05-26 10:00", "2026-06-03", "Friday, then Tuesday after Pancasila"),
    (3, "2026-05-28 10:00", "2026-06-03", "received on joint leave"),
    (1, "2026-05-29 10:00", "2026-06-02", "weekend, Waisak on Sunday, Pancasila on Monday"),
    # Islamic New Year Tuesday 16 June; Independence Monday 17, Maulid Tuesday 25 August
    (1, "2026-06-15 10:00", "2026-06-17", "Tuesday is Islamic New Year"),
    (1, "2026-08-14 10:00", "2026-08-18", "Independence Day on Monday"),
    (3, "2026-08-21 10:00", "2026-08-27", "Monday, not Tuesday (Maulid), Wednesday, Thursday"),
    (5, "2026-08-13 10:00", "2026-08-21", "Independence Day within five days"),
    # Christmas Friday 25 with joint leave Thursday 24 December; New Year Friday 1 January 2027
    (1, "2026-12-23 10:00", "2026-12-28", "Christmas Eve is joint leave"),
    (3, "2026-12-22 10:00", "2026-12-29", "one day before Christmas, two after"),
    (3, "2026-12-24 10:00", "2026-12-30", "received on joint leave"),
    (5, "2026-12-23 10:00", "2027-01-04", "four days, New Year, the weekend, Monday"),
    (1, "2026-12-31 10:00", "2027-01-04", "the year ends on a Thursday"),
    (2, "2026-12-31 10:00", "2027-01-06", "Isra Mikraj on Tuesday 5 January 2027"),
    (14, "2026-12-15 10:00", "2027-01-08", "Christmas, New Year and Isra Mikraj in one limit"),
    (3, "2025-12-31 10:00", "2026-01-06", "New Year 2026 on Thursday, Friday is worked"),
    # 2027: Nyepi Monday 8, Idulfitri Wednesday 10 and Thursday 11, joint leave around, until 15
    (1, "2027-03-05 10:00", "2027-03-16", "ten days between two working days"),
    (3, "2027-03-04 10:00", "2027-03-17", "one day before, two after"),
    (1, "2027-03-24 10:00", "2027-03-29", "joint leave before Good Friday"),
    (1, "2027-05-14 10:00", "2027-05-21", "Idul Adha, two days of joint leave, Waisak"),
]


@pytest.mark.parametrize(("days", "start", "last", "why"), PLAIN)
def test_a_working_day_limit_ends_on(days: int, start: str, last: str, why: str) -> None:
    assert due(working(days), local(start), KOTABARU).day == date.fromisoformat(last), why


CALENDAR = [
    (30, "2026-11-02 10:00", "2026-12-02", "every day counts"),
    (60, "2026-03-02 10:00", "2026-05-01", "and a limit may end on Labour Day"),
    (30, "2026-02-20 10:00", "2026-03-22", "or on Idulfitri"),
    (30, "2026-12-10 10:00", "2027-01-09", "over the end of the year"),
    (30, "2028-01-30 10:00", "2028-02-29", "on a leap day"),
    (60, "2040-01-01 10:00", "2040-03-01", "in a year that no calendar holds"),
]


@pytest.mark.parametrize(("days", "start", "last", "why"), CALENDAR)
def test_a_calendar_day_limit_ends_on(days: int, start: str, last: str, why: str) -> None:
    assert due(calendar_days(days), local(start), KOTABARU).day == date.fromisoformat(last), why


PAUSED = [
    # days, start, pauses (from, to), last day, why
    (3, "2026-11-02 10:00", [("2026-11-04 09:00", "2026-11-04 17:00")], "2026-11-05",
     "paused and resumed within a day: as if nothing was"),
    (3, "2026-11-02 10:00", [("2026-11-02 11:00", "2026-11-02 12:00")], "2026-11-05",
     "also on the day of the start"),
    (3, "2026-11-02 10:00", [("2026-11-05 09:00", "2026-11-05 23:00")], "2026-11-05",
     "also on the last day"),
    (3, "2026-11-02 10:00", [("2026-11-04 16:00", "2026-11-05 09:00")], "2026-11-09",
     "over one midnight: neither Wednesday nor Thursday ran whole"),
    (3, "2026-11-02 10:00", [("2026-11-05 23:00", "2026-11-06 01:00")], "2026-11-09",
     "an hour before the end: the last day is had on the next working day"),
    (3, "2026-11-05 10:00", [("2026-11-06 16:00", "2026-11-09 09:00")], "2026-11-12",
     "over a weekend: Friday and Monday"),
    (3, "2026-11-06 10:00", [("2026-11-07 10:00", "2026-11-10 10:00")], "2026-11-13",
     "begins on a Saturday: Monday and Tuesday"),
    (3, "2026-11-05 10:00", [("2026-11-06 10:00", "2026-11-08 10:00")], "2026-11-11",
     "ends on a Sunday: only Friday"),
    (3, "2026-11-06 10:00", [("2026-11-07 10:00", "2026-11-08 10:00")], "2026-11-11",
     "a weekend long: nothing that would have counted"),
    (3, "2026-03-16 10:00", [("2026-03-18 10:00", "2026-03-24 10:00")], "2026-03-26",
     "begins and ends on joint leave, Nyepi and Idulfitri between: nothing"),
    (3, "2026-03-13 10:00", [("2026-03-17 15:00", "2026-03-24 10:00")], "2026-03-26",
     "begins on the last working day before, ends on joint leave: one day"),
    (3, "2026-03-13 10:00", [("2026-03-21 10:00", "2026-03-25 08:00")], "2026-03-26",
     "begins on Idulfitri, ends on the first working day after: one day"),
    (3, "2026-12-22 10:00", [("2026-12-23 10:00", "2026-12-28 10:00")], "2026-12-31",
     "over Christmas: the 23rd and the 28th"),
    (5, "2026-12-28 10:00", [("2026-12-31 10:00", "2027-01-04 10:00")], "2027-01-08",
     "over the end of the year: 29, 30, then 6, 7 and 8 (the 5th is Isra Mikraj)"),
    (3, "2026-11-02 10:00", [("2026-11-02 10:00", "2026-11-04 09:00")], "2026-11-09",
     "paused as it starts: like one that starts on Wednesday"),
    (3, "2026-11-02 10:00",
     [("2026-11-03 10:00", "2026-11-04 10:00"), ("2026-11-04 15:00", "2026-11-05 10:00")],
     "2026-11-10", "two pauses that share Wednesday: three days, not four"),
    (3, "2026-11-02 10:00",
     [("2026-11-03 10:00", "2026-11-03 12:00"), ("2026-11-03 12:00", "2026-11-04 10:00")],
     "2026-11-09", "one pause told in two parts: Tuesday and Wednesday"),
    (3, "2026-11-02 10:00", [("2026-11-04 10:00", "2026-11-06 00:00")], "2026-11-10",
     "ends at midnight: that Friday is the day on which it ended"),
    (3, "2026-11-02 10:00", [("2026-11-06 10:00", "2026-11-20 10:00")], "2026-11-05",
     "after the limit has ended: too late to matter"),
    (3, "2026-11-02 10:00", [("2026-11-06 10:00", None)], "2026-11-05",
     "too late to matter, though it still stands"),
    (3, "2026-11-02 10:00", [("2026-11-05 10:00", None)], None,
     "it stands on its last day: no end while it does"),
    (3, "2026-11-02 10:00", [("2026-11-02 10:00", None)], None, "it stands since it started"),
]  # fmt: skip


@pytest.mark.parametrize(("days", "start", "pauses", "last", "why"), PAUSED)
def test_a_pause_moves_the_end_to(days, start, pauses, last, why) -> None:
    stood = [Pause(local(a), b and local(b)) for a, b in pauses]

    end = due(working(days), local(start), KOTABARU, stood)

    assert end.day == (last and date.fromisoformat(last)), why
    assert (end.at is None) == (last is None)


def test_a_pause_stops_a_calendar_day_limit_too() -> None:
    stood = [Pause(local("2026-11-10 10:00"), local("2026-11-12 10:00"))]

    assert due(calendar_days(30), local("2026-11-02 10:00"), KOTABARU, stood).day == date(
        2026, 12, 5
    )


def test_a_limit_ends_at_the_last_second_of_its_day_in_the_calendars_zone() -> None:
    start = datetime(2026, 11, 2, 15, 59, 59, tzinfo=UTC)  # one second before Tuesday in WITA

    assert due(working(1), start, KOTABARU).at == datetime(2026, 11, 3, 15, 59, 59, tzinfo=UTC)


def test_one_moment_is_another_day_in_another_zone() -> None:
    start = datetime(2026, 11, 2, 15, 30, tzinfo=UTC)
    ends = []
    for zone in ("Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura"):
        there = Calendar(ZoneInfo(zone), {}, date(2026, 1, 1), date(2026, 12, 31), date.max)
        ends.append(due(working(1), start, there).at)

    assert ends == [
        datetime(2026, 11, 3, 16, 59, 59, tzinfo=UTC),
        datetime(2026, 11, 3, 15, 59, 59, tzinfo=UTC),
        datetime(2026, 11, 4, 14, 59, 59, tzinfo=UTC),  # there it is Tuesday already
    ]


def test_an_end_explains_itself_day_by_day_with_the_decree() -> None:
    pauses = [Pause(local("2026-03-16 15:00"), local("2026-03-17 09:00"))]

    days = due(working(1), local("2026-03-13 10:00"), KOTABARU, pauses).days

    assert [(d.on.isoformat()[5:], d.verdict.value, d.reason) for d in days] == [
        ("03-14", "skipped", "weekend"),
        ("03-15", "skipped", "weekend"),
        ("03-16", "paused", "paused"),
        ("03-17", "paused", "paused"),
        ("03-18", "skipped", "Cuti Bersama Hari Suci Nyepi"),
        ("03-19", "skipped", "Hari Suci Nyepi"),
        ("03-20", "skipped", "Cuti Bersama Hari Raya Idul Fitri"),
        ("03-21", "skipped", "Hari Raya Idul Fitri"),
        ("03-22", "skipped", "Hari kedua dari Hari Raya Idul Fitri"),
        ("03-23", "skipped", "Cuti Bersama Hari Raya Idul Fitri"),
        ("03-24", "skipped", "Cuti Bersama Hari Raya Idul Fitri"),
        ("03-25", "counted", ""),
    ]
    assert {d.basis for d in days if "Cuti" in d.reason} == {national.DECREES[2026]}
    assert days[-1].verdict is Verdict.COUNTED


def test_a_calendar_that_ends_too_early_is_an_error_and_not_a_date() -> None:
    with pytest.raises(CalendarGap):
        due(working(5), local("2028-12-27 10:00"), KOTABARU)


def test_a_calendar_that_begins_too_late_is_an_error_too() -> None:
    with pytest.raises(CalendarGap):
        due(working(5), local("2024-12-27 10:00"), KOTABARU)


def test_what_runs_into_a_year_without_decreed_joint_leave_is_provisional() -> None:
    assert not due(working(14), local("2027-12-01 10:00"), KOTABARU).provisional
    assert due(working(14), local("2027-12-20 10:00"), KOTABARU).provisional
    assert not due(calendar_days(14), local("2027-12-20 10:00"), KOTABARU).provisional


@pytest.mark.parametrize("days", [0, -1])
def test_a_limit_has_at_least_one_day(days: int) -> None:
    with pytest.raises(ValueError, match="at least one day"):
        working(days)


@pytest.mark.parametrize(
    ("day", "n", "expected"),
    [
        ("2026-03-17", 0, "2026-03-17"),
        ("2026-03-17", 1, "2026-03-25"),
        ("2026-03-17", 3, "2026-03-27"),
        ("2026-12-23", 5, "2027-01-04"),
    ],
)
def test_working_days_after_a_day(day: str, n: int, expected: str) -> None:
    found = workdays_after(date.fromisoformat(day), n, KOTABARU)

    assert found == date.fromisoformat(expected)


@pytest.mark.parametrize(
    ("day", "n", "not_before", "expected"),
    [
        ("2026-03-25", 1, "2026-03-01", "2026-03-17"),
        ("2026-11-09", 1, "2026-11-01", "2026-11-06"),
        ("2026-11-09", 1, "2026-11-07", "2026-11-07"),
        ("2026-11-09", 3, "2026-11-01", "2026-11-04"),
    ],
)
def test_working_days_before_a_day(day: str, n: int, not_before: str, expected: str) -> None:
    floor = date.fromisoformat(not_before)
    found = workdays_before(date.fromisoformat(day), n, KOTABARU, (), floor)

    assert found == date.fromisoformat(expected)


def test_no_working_day_after_comes_while_the_clock_stands() -> None:
    stands = [Pause(local("2026-11-04 10:00"))]

    assert workdays_after(date(2026, 11, 2), 3, KOTABARU, stands) is None


def test_the_package_knows_joint_leave_for_2026_and_2027_and_says_what_it_does_not_know() -> None:
    leave = {y.year: sum(d.kind == national.JOINT_LEAVE for d in y.days) for y in YEARS}

    assert leave == {2025: 11, 2026: 8, 2027: 8, 2028: 0}
    assert [year.year for year in YEARS if year.decree is None] == [2028]
