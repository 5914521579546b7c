"""What is promised, who is told when it was not kept, and what reaches the Ombudsman.

Pure. Limits and ladder are rows that people change; which clock runs when is in `clockwork`, the
counting of days in `workdays`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from services.escalation.watch.clockwork import ORDERS, Clock
from services.escalation.watch.runs import Run
from services.escalation.watch.workdays import (
    Calendar,
    CalendarGap,
    Due,
    Limit,
    Undecidable,
    workdays_after,
    workdays_before,
)


@dataclass(frozen=True, slots=True)
class Rule:
    """A limit in force from a day on, for one clock; None stands for every kind or class."""

    id: int
    clock: str
    kind: str | None
    klass: str | None
    limit: Limit
    effective_from: date
    decree: str


class NoLimit(Undecidable):
    """No limit is in force for a clock that must have one."""

    def __init__(self, clock: str) -> None:
        super().__init__(f"no limit is in force for {clock}")


def limit_for(rules: Iterable[Rule], clock: str, kind: str, klass: str | None, on: date) -> Rule:
    """The rule in force on the day a clock starts: the one that fits most closely, then the newest.
    Raises `NoLimit`."""
    fitting = [
        rule
        for rule in rules
        if rule.clock == clock
        and rule.kind in (None, kind)
        and rule.klass in (None, klass)
        and rule.effective_from <= on
    ]
    if not fitting:
        raise NoLimit(clock)
    return max(fitting, key=lambda r: (bool(r.kind) + bool(r.klass), r.effective_from, r.id))


class What(StrEnum):
    """What a clock wakes the service for."""

    REMINDER = "reminder"
    PASSED = "passed"
    LEVEL_1 = "level_1"
    LEVEL_2 = "level_2"
    LEVEL_3 = "level_3"
    HANDOVER = "handover"


LEVELS = (What.REMINDER, What.LEVEL_1, What.LEVEL_2, What.LEVEL_3)
# At the same moment, first the fact and then who hears of it.
RANK: Mapping[str, int] = {
    what: rank
    for rank, what in enumerate(
        (What.REMINDER, What.PASSED, What.LEVEL_1, What.LEVEL_2, What.LEVEL_3, What.HANDOVER)
    )
}


WHEN_OVER = (What.PASSED, *LEVELS[1:])  # what is told of a limit that has ended


def last_over(at: datetime) -> datetime:
    """The latest limit that is over at a moment: it ends with its last second, not before it."""
    return at - timedelta(seconds=1)


def is_over(due_at: datetime, at: datetime) -> bool:
    """Whether a limit is over at a moment."""
    return due_at <= last_over(at)


# The limits that somebody above hears of; H goes to the Ombudsman instead.
RAISED = (Clock.VERIFY, Clock.FOLLOW_UP, Clock.SETTLE, Clock.ARBITER, *ORDERS)


class Addressee(StrEnum):
    """Whom a limit is brought to: its own holder beforehand, who stands above them afterwards."""

    HOLDER = "holder"
    HEAD_OF_COORDINATOR = "head_of_coordinator"
    HEAD_OF_AGENCY = "head_of_agency"
    SEKDA = "sekda"
    INSPECTORATE = "inspectorate"
    BUPATI = "bupati"


class Desk(StrEnum):
    """A desk that may have a case while no agency has it, as routing calls it."""

    COORDINATOR = "coordinator"
    ARBITER = "arbiter"
    SUPERVISOR = "supervisor"


@dataclass(frozen=True, slots=True)
class Rung:
    """A rung of the ladder: whom a limit is brought to, `after` so many working days past its end
    (level 0 is the reminder, before it: `after` is negative). None: for every class."""

    clock: str
    klass: str | None
    level: int
    after: int
    to: str
    effective_from: date


def rungs_for(ladder: Iterable[Rung], clock: str, klass: str | None, on: date) -> dict[What, Rung]:
    """The rungs in force for a clock: on each level the closest fit, then the newest."""
    fitting = [
        rung
        for rung in ladder
        if rung.clock == clock and rung.klass in (None, klass) and rung.effective_from <= on
    ]
    fitting.sort(key=lambda rung: (rung.klass is not None, rung.effective_from))
    return {LEVELS[rung.level]: rung for rung in fitting}


@dataclass(frozen=True, slots=True)
class Wakes:
    """When to wake for a clock, by what for; `incomplete`: the calendar ends before the ladder."""

    at: Mapping[What, datetime]
    incomplete: bool = False


def wakeups(end: Due, run: Run, rungs: Mapping[What, Rung], calendar: Calendar) -> Wakes:
    """The wake-ups of a running clock; none while it stands. A rung that lies behind the
    calendar's end does not take the others away."""
    if end.at is None or end.day is None:
        return Wakes({})
    wakes, incomplete = {What.PASSED: end.at}, False
    for what, rung in rungs.items():
        try:
            day = _day_of_rung(rung, end.day, run, calendar)
        except CalendarGap:
            incomplete = True
            continue
        if day is not None:
            wakes[what] = calendar.end_of(day)
    return Wakes(wakes, incomplete)


def _day_of_rung(rung: Rung, last: date, run: Run, calendar: Calendar) -> date | None:
    if rung.after < 0:
        first = calendar.day_of(run.started_at)
        return workdays_before(last, -rung.after, calendar, run.pauses, first)
    return workdays_after(last, rung.after, calendar, run.pauses)


def offer_reason(clock: str) -> str | None:
    """Why the reporter may now have the Ombudsman take over, when this clock passed."""
    return {
        Clock.HAND_OVER.value: "handover_limit",
        Clock.SETTLE.value: "settlement_passed",
    }.get(clock)


# How long what was archived or forwarded before 2026-11-30 may be objected to: routing did not say.
FORMERLY_WITHIN = timedelta(days=30)


def must_hand_over(passed: Collection[str], *, consented: bool, over: bool) -> bool:
    """Whether the case goes to the Ombudsman: H or S passed (of the clocks that are not stopped),
    the reporter consents, and the case is not over."""
    return consented and not over and any(offer_reason(clock) for clock in passed)


SKEW_SECONDS = 60


def most_at_once(daily: Sequence[int], floor: int) -> int:
    """How many wake-ups may be due at once before it looks like a fault: five times the 95th
    percentile of what was due on each of some days (nearest rank), and never less than `floor`."""
    usual = sorted(daily)[math.ceil(0.95 * len(daily)) - 1] if daily else 0
    return max(floor, 5 * usual)


@dataclass(frozen=True, slots=True)
class Backlog:
    """Wake-ups that are due; of them, those whose time was moved into the past; and those that were
    moved so too, and have fired lately."""

    due: int
    moved: int = 0
    fired: int = 0

    def exceeds(self, most: int) -> bool:
        """Whether that looks like a fault. What one by one is moved into the past and fires is
        a mass too."""
        return self.due > most or (self.moved > 0 and self.moved + self.fired > most)


def why_refuse(
    backlog: Backlog, most: int, skew_seconds: float, *, jumped: bool, restored: bool = False
) -> str | None:
    """Why nothing may fire now, or None: the database was `restored`, this machine's clock and the
    database's (both real, never the moved one) disagree, it `jumped` ahead, or too much is due at
    once. The first stands before the others, which a release may end too: it asks for more."""
    if restored:
        return "restored"
    if abs(skew_seconds) > SKEW_SECONDS:
        return "clock_skew"
    if jumped:
        return "clock_jump"
    return "mass_firing" if backlog.exceeds(most) else None
