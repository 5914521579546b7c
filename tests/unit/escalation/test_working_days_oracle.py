"""The engine equals a naive walk over the days that shares nothing with it, and keeps its laws."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from services.escalation.watch.workdays import (
    Calendar,
    Decreed,
    Limit,
    Pause,
    Unit,
    Week,
    due,
    workdays_after,
    workdays_before,
)

FIRST = date(2026, 1, 1)
LAST = date(2029, 12, 31)

zones = st.sampled_from(["Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura"]).map(ZoneInfo)
days_off = st.sets(st.dates(FIRST, date(2026, 12, 31)), max_size=120)
minutes = st.integers(0, 362 * 24 * 60)
moments = minutes.map(lambda m: datetime(2026, 1, 2, tzinfo=UTC) + timedelta(minutes=m))
lengths = st.timedeltas(timedelta(), timedelta(days=20))
limits = st.builds(Limit, st.integers(1, 60), st.sampled_from(Unit))


weekdays = st.frozensets(st.integers(0, 6), min_size=2)
changes = st.lists(st.dates(FIRST, date(2026, 12, 31)), max_size=2, unique=True).map(sorted)


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    """Days off, days worked all the same, and up to three weeks, each from a day on."""
    off = {day: Decreed("off", "decree") for day in draw(days_off)}
    weeks = tuple(Week(since, draw(weekdays)) for since in (date.min, *draw(changes)))
    worked = dict.fromkeys(draw(days_off), Decreed("worked", "decree"))
    return Calendar(draw(zones), off, FIRST, LAST, LAST, weeks, worked)


@st.composite
def pauses_after(draw: st.DrawFn, start: datetime) -> list[Pause]:
    """Up to four pauses, one after another, at odd distances."""
    pauses, at = [], start
    for _ in range(draw(st.integers(0, 4))):
        begins = at + draw(lengths)
        at = begins + draw(lengths)
        pauses.append(Pause(begins, at))
    return pauses


def naive_works(day: date, calendar: Calendar) -> bool:
    """Somebody works on that day: by decree, or because it is a weekday of the last week that had
    begun, and no day off."""
    if day in calendar.worked:
        return True
    if day in calendar.off:
        return False
    working = None
    for week in calendar.weeks:
        if not week.since > day:
            working = week.weekdays
    return day.isoweekday() - 1 in working


def naive_last_day(limit: Limit, start: datetime, calendar: Calendar, pauses: list[Pause]) -> date:
    """Midnight by midnight: did the clock run at both, and did somebody work between?"""
    left = limit.days
    midnight = datetime.combine(start.astimezone(calendar.zone), time(), calendar.zone)
    while left:
        midnight += timedelta(days=1)  # no zone of Indonesia changes its clocks
        next_midnight = midnight + timedelta(days=1)
        works = limit.unit is Unit.CALENDAR or naive_works(midnight.date(), calendar)
        for pause in pauses:
            touches = pause.start < next_midnight and pause.end >= midnight
            inside = pause.start >= midnight and pause.end < next_midnight
            if touches and not inside:
                works = False
        left -= works
    return midnight.date()


@given(limits, moments, calendars(), st.data())
def test_the_engine_equals_a_naive_walk(limit, start, calendar, data) -> None:
    pauses = data.draw(pauses_after(start))

    end = due(limit, start, calendar, pauses)

    assert end.day == naive_last_day(limit, start, calendar, pauses)
    assert end.at.astimezone(calendar.zone) == datetime.combine(
        end.day, time(23, 59, 59), calendar.zone
    )


@given(limits, moments, calendars(), st.data())
def test_the_explanation_counts_just_the_limit(limit, start, calendar, data) -> None:
    end = due(limit, start, calendar, data.draw(pauses_after(start)))

    assert sum(day.verdict == "counted" for day in end.days) == limit.days
    assert [d.on for d in end.days] == [
        calendar.day_of(start) + timedelta(days=n + 1) for n in range(len(end.days))
    ]
    assert all(day.reason for day in end.days if day.verdict != "counted")


@given(limits, moments, calendars(), lengths)
def test_paused_as_it_starts_equals_started_when_the_pause_ends(
    limit, start, calendar, length
) -> None:
    paused = due(limit, start, calendar, [Pause(start, start + length)])

    assert paused.day == due(limit, start + length, calendar).day


@given(limits, moments, calendars(), lengths, st.tuples(lengths, lengths))
def test_a_pause_told_in_two_parts_is_the_same_pause(limit, start, calendar, wait, parts) -> None:
    begin = start + wait
    middle, end = begin + parts[0], begin + parts[0] + parts[1]

    whole = due(limit, start, calendar, [Pause(begin, end)])

    assert whole == due(limit, start, calendar, [Pause(begin, middle), Pause(middle, end)])


@given(limits, moments, calendars(), st.data())
def test_a_pause_never_brings_the_end_forward_and_never_holds_it(
    limit, start, calendar, data
) -> None:
    pauses = data.draw(pauses_after(start))

    end = due(limit, start, calendar, pauses)

    assert end.day >= due(limit, start, calendar).day
    assert not any(pause.start <= end.at < pause.end for pause in pauses)


@given(limits, moments, calendars(), lengths)
def test_who_starts_later_ends_no_earlier(limit, start, calendar, later) -> None:
    assert due(limit, start, calendar).day <= due(limit, start + later, calendar).day


@given(moments, calendars(), st.integers(1, 9))
def test_the_working_days_after_and_before_a_day_equal_a_naive_count(at, calendar, n) -> None:
    """What the ladder and the reminder count by."""
    day = calendar.day_of(at)
    later = [day + timedelta(days=k) for k in range(1, 600)]
    earlier = [day - timedelta(days=k) for k in range(1, 600) if day - timedelta(days=k) >= FIRST]

    assert workdays_after(day, n, calendar) == [d for d in later if naive_works(d, calendar)][n - 1]
    before = [d for d in earlier if naive_works(d, calendar)]
    expected = before[n - 1] if len(before) >= n else FIRST
    assert workdays_before(day, n, calendar, (), FIRST) == expected


@given(limits, moments, calendars(), st.data())
def test_a_forgotten_week_would_be_noticed(limit, start, calendar, data) -> None:
    """The negative control: an engine that knew only the first week is not this one, whenever a
    later week makes a difference to the naive walk."""
    first_only = replace(calendar, weeks=calendar.weeks[:1])
    pauses = data.draw(pauses_after(start))

    differs = naive_last_day(limit, start, first_only, pauses) != naive_last_day(
        limit, start, calendar, pauses
    )

    same = due(limit, start, first_only, pauses).day == due(limit, start, calendar, pauses).day
    assert same is not differs
