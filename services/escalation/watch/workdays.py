"""When a limit ends, and why: each day on the way is named as counted, skipped or paused.

Pure. The rules (Kotabaru's practice for PermenPANRB 62/2018; numbers and days off are data):

- A limit of n days ends at 23:59:59 local time of the nth counted day. The zone is the calendar's.
- **A day counts only if the clock ran from its beginning to its end**, apart from interruptions
  that began and ended within it. That is one rule for three things. The day of the start never
  counts (day 1 is the next one). Of a pause neither the day on which it begins nor the day on which
  it ends counts, so a limit can never end while its clock stands, and who gets a case back at
  23:30 has not just lost a day. A pause within one day changes nothing. A clock that is paused as
  soon as it starts ends like one that starts when the pause ends; parting a pause in two changes
  nothing either. The rule errs towards the later day, at most one day a pause, because a limit
  that seems passed accuses somebody.
- A working-day limit counts the weekdays that the calendar's week works (Monday to Friday, unless a
  decree gives another week from a day on), without its days off; a day that is worked all the same
  by decree counts whatever its weekday. A calendar-day limit counts every day and needs no week.
- A calendar answers only for the years that it holds (`CalendarGap`). A year whose joint leave is
  not decreed yet is held with its public holidays only: what runs into it is `provisional`, and is
  computed again when the decree is imported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import count, islice
from zoneinfo import ZoneInfo

LAST_SECOND = time(23, 59, 59)
ONE_DAY = timedelta(days=1)
MONDAY_TO_FRIDAY = frozenset(range(5))
PAUSED = "paused"  # why a clock stood on a day, where that was not kept
Span = tuple[date, date | None, str]


class Unit(StrEnum):
    """What a limit counts."""

    WORKING = "working"
    CALENDAR = "calendar"


class Verdict(StrEnum):
    """What became of one day."""

    COUNTED = "counted"
    SKIPPED = "skipped"
    PAUSED = "paused"


class DayRule(StrEnum):
    """What a local decree makes of a day."""

    OFF = "off"
    WORKED = "worked"
    NATIONAL = "national"  # as if there were no local decree


class Undecidable(LookupError):
    """An end cannot be told. It must alarm: it never means "not late"."""


class CalendarGap(Undecidable):
    """The calendar does not hold a day that is needed."""

    def __init__(self, day: date) -> None:
        super().__init__(f"the calendar does not hold {day.year}")
        self.day = day


@dataclass(frozen=True, slots=True)
class Decreed:
    """What says that a day is off, or worked all the same: its name, and the decree or law."""

    name: str
    basis: str


@dataclass(frozen=True, slots=True)
class Week:
    """Which weekdays are worked (0 is Monday) from a day on, and whether the nation's days off are
    days off here too."""

    since: date
    weekdays: frozenset[int] = MONDAY_TO_FRIDAY
    national_days: bool = True
    joint_leave: bool = True

    def __post_init__(self) -> None:
        if not self.weekdays <= frozenset(range(7)) or not self.weekdays:
            raise ValueError("a week has at least one working day")


FIVE_DAYS = Week(date.min)


@dataclass(frozen=True, slots=True)
class Calendar:
    """The week and the days off of one place, `worked` being those that are worked all the same.
    Both ends of the span that it holds are included. Before its first week, that one holds."""

    zone: ZoneInfo
    off: Mapping[date, Decreed]
    holds_from: date
    holds_until: date
    decreed_until: date  # after this day only public holidays are known, no joint leave
    weeks: tuple[Week, ...] = (FIVE_DAYS,)  # in the order of their days
    worked: Mapping[date, Decreed] = field(default_factory=dict)

    def week_on(self, day: date) -> Week:
        """The week that is in force on a day."""
        return next((w for w in reversed(self.weeks) if w.since <= day), self.weeks[0])

    def day_of(self, moment: datetime) -> date:
        """The local day of a moment."""
        return moment.astimezone(self.zone).date()

    def end_of(self, day: date) -> datetime:
        """The last second of a local day, in UTC."""
        return datetime.combine(day, LAST_SECOND, self.zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Limit:
    """So many days, of one unit."""

    days: int
    unit: Unit

    def __post_init__(self) -> None:
        if self.days < 1:
            raise ValueError("a limit has at least one day")


@dataclass(frozen=True, slots=True)
class Pause:
    """The clock stood from `start` until `end`; it still stands when there is no end. `because`: a
    code for why, if that was kept."""

    start: datetime
    end: datetime | None = None
    because: str = ""


@dataclass(frozen=True, slots=True)
class Day:
    """One day on the way to the end, with its verdict; why and by which decree, unless counted."""

    on: date
    verdict: Verdict
    reason: str = ""
    basis: str = ""


@dataclass(frozen=True, slots=True)
class Due:
    """When a limit ends (`at` and its local day; neither while the clock stands), and why."""

    at: datetime | None
    day: date | None
    days: tuple[Day, ...] = field(repr=False, default=())
    provisional: bool = False


def due(limit: Limit, start: datetime, calendar: Calendar, pauses: Sequence[Pause] = ()) -> Due:
    """The end of a limit that began to run at `start`, and the days up to it.
    Raises `CalendarGap` when the calendar does not reach as far as it must."""
    walked, counted = [], 0
    for day in _days_after(calendar.day_of(start), limit.unit, calendar, pauses):
        walked.append(day)
        counted += day.verdict is Verdict.COUNTED
        if counted == limit.days:
            break
    working = limit.unit is Unit.WORKING
    unsure = working and bool(walked) and walked[-1].on > calendar.decreed_until
    if counted < limit.days:
        return Due(None, None, tuple(walked), unsure)
    return Due(calendar.end_of(walked[-1].on), walked[-1].on, tuple(walked), unsure)


def workdays_after(
    day: date, n: int, calendar: Calendar, pauses: Sequence[Pause] = ()
) -> date | None:
    """The nth counted working day after `day` (0: itself); None if the clock stands before it."""
    if n == 0:
        return day
    days = _days_after(day, Unit.WORKING, calendar, pauses)
    counted = (d.on for d in days if d.verdict is Verdict.COUNTED)
    return next(islice(counted, n - 1, None), None)


def workdays_before(
    day: date, n: int, calendar: Calendar, pauses: Sequence[Pause], not_before: date
) -> date:
    """The nth counted working day before `day`, but not earlier than `not_before`."""
    stands, left = _standing(calendar, pauses), n
    while left and day > not_before:
        day -= ONE_DAY
        left -= _judge(day, Unit.WORKING, calendar, stands).verdict is Verdict.COUNTED
    return day


def _days_after(
    day: date, unit: Unit, calendar: Calendar, pauses: Sequence[Pause]
) -> Iterator[Day]:
    """Every later day with its verdict, without end, unless an open pause is one."""
    stands = _standing(calendar, pauses)
    stop = min((first for first, last, _ in stands if last is None), default=None)
    for ahead in count(1):
        on = day + ahead * ONE_DAY
        if stop is not None and on >= stop:
            return
        yield _judge(on, unit, calendar, stands)


def _standing(calendar: Calendar, pauses: Sequence[Pause]) -> list[Span]:
    """First and last day that each pause takes, and why; a pause within one day takes none."""
    spans = [
        (calendar.day_of(p.start), None if p.end is None else calendar.day_of(p.end), p.because)
        for p in pauses
    ]
    return [span for span in spans if span[0] != span[1]]


def _judge(on: date, unit: Unit, calendar: Calendar, stands: Sequence[Span]) -> Day:
    if unit is Unit.WORKING:
        if not calendar.holds_from <= on <= calendar.holds_until:
            raise CalendarGap(on)
        worked = calendar.worked.get(on)
        if worked is None:
            if off := calendar.off.get(on):
                return Day(on, Verdict.SKIPPED, off.name, off.basis)
            if on.weekday() not in calendar.week_on(on).weekdays:
                return Day(on, Verdict.SKIPPED, "weekend")
    for first, last, because in stands:
        if first <= on and (last is None or on <= last):
            return Day(on, Verdict.PAUSED, because or PAUSED)
    if unit is Unit.WORKING and worked is not None:
        return Day(on, Verdict.COUNTED, worked.name, worked.basis)
    return Day(on, Verdict.COUNTED)
