"""Which clock runs when, who is told when it ran out, and what reaches the Ombudsman.

Pure. What may happen is in tables: what each happening does to each clock stands here
(`CLOCKWORK`), limits and ladder are rows that people change. `workdays` does the counting.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from services.escalation.workdays import (
    Calendar,
    Due,
    Limit,
    Pause,
    Undecidable,
    workdays_after,
    workdays_before,
)


class Clock(StrEnum):
    """The promises about time (domain.md calls them by these letters, and so do the events)."""

    VERIFY = "V"
    FOLLOW_UP = "F"
    SETTLE = "S"
    SILENCE = "R"  # the reporter's, after an answer
    ARBITER = "A"
    DATA = "D"  # the reporter supplies what was asked for
    HAND_OVER = "H"


class Happening(StrEnum):
    """What can happen to a case, as far as a clock can tell it apart."""

    OPENED = "opened"
    VERIFIED = "verified"
    DISPOSED = "disposed"
    RETURNED = "returned"
    RETURNED_TO_ARBITER = "returned_to_arbiter"
    ASKED_BY_COORDINATOR = "asked_by_coordinator"
    ASKED_BY_AGENCY = "asked_by_agency"
    SUPPLIED = "supplied"
    FOLLOWED_UP = "followed_up"
    ANSWERED = "answered"
    ANSWER_NOTICED = "answer_noticed"
    OBJECTED = "objected"
    OBJECTED_TO_ARCHIVING = "objected_to_archiving"
    CLOSED = "closed"
    REOPENED = "reopened"
    RECLASSIFIED = "reclassified"
    ARCHIVED = "archived"
    FORWARDED = "forwarded"
    MERGED = "merged"
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"


class Move(StrEnum):
    """What a happening does to a clock. A move that does not fit the clock's state does nothing."""

    START = "start"  # a new clock, unless one is open or this round has had one
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    REVIVE = "revive"  # takes back a stop by archiving, as if it had been a pause


_END: Mapping[Clock, Move] = dict.fromkeys(Clock, Move.STOP)

# Nothing else starts, pauses or stops a clock: no edit, no reassignment, no return.
# F begins at the first disposition and a return does not touch it. While an answer stands, S is
# paused: an objection gives back the days that were left, not new ones. H counts from receipt and
# pauses for nothing; a reopened case has a new S and a new H. R runs per round, D per question and
# A per return. Another kind or class, however it came, measures every open clock again.
CLOCKWORK: Mapping[Happening, Mapping[Clock, Move]] = {
    Happening.OPENED: {Clock.VERIFY: Move.START, Clock.HAND_OVER: Move.START},
    Happening.VERIFIED: {},
    Happening.DISPOSED: {
        Clock.VERIFY: Move.STOP,
        Clock.ARBITER: Move.STOP,
        Clock.FOLLOW_UP: Move.START,
        Clock.SETTLE: Move.START,
    },
    Happening.RETURNED: {},
    Happening.RETURNED_TO_ARBITER: {Clock.ARBITER: Move.START},
    Happening.ASKED_BY_COORDINATOR: {Clock.VERIFY: Move.PAUSE, Clock.DATA: Move.START},
    Happening.ASKED_BY_AGENCY: {Clock.SETTLE: Move.PAUSE, Clock.DATA: Move.START},
    Happening.SUPPLIED: {
        Clock.DATA: Move.STOP,
        Clock.VERIFY: Move.RESUME,
        Clock.SETTLE: Move.RESUME,
    },
    Happening.FOLLOWED_UP: {Clock.FOLLOW_UP: Move.STOP},
    Happening.ANSWERED: {Clock.FOLLOW_UP: Move.STOP, Clock.SETTLE: Move.PAUSE},
    Happening.ANSWER_NOTICED: {Clock.SILENCE: Move.START},
    Happening.OBJECTED: {Clock.SILENCE: Move.STOP, Clock.SETTLE: Move.RESUME},
    Happening.OBJECTED_TO_ARCHIVING: {
        Clock.VERIFY: Move.REVIVE,
        Clock.FOLLOW_UP: Move.REVIVE,
        Clock.SETTLE: Move.REVIVE,
        Clock.ARBITER: Move.REVIVE,
        Clock.HAND_OVER: Move.REVIVE,
    },
    Happening.CLOSED: _END,
    Happening.REOPENED: {Clock.SETTLE: Move.START, Clock.HAND_OVER: Move.START},
    Happening.RECLASSIFIED: {},
    Happening.ARCHIVED: _END,
    Happening.FORWARDED: _END,
    Happening.MERGED: _END,
    Happening.WITHDRAWN: _END,
    Happening.REFUSED: {},
}

# Counted by themselves; the others bear the number of the round in which they began.
OWN_COUNT = frozenset({Clock.ARBITER, Clock.DATA})
# Somebody in the government is late. R and D are the reporter's own time.
GOVERNMENT = frozenset(
    {Clock.VERIFY, Clock.FOLLOW_UP, Clock.SETTLE, Clock.ARBITER, Clock.HAND_OVER}
)
OVER = frozenset({"closed", "archived", "forwarded_externally", "withdrawn", "merged"})

_PLAIN: Mapping[str, Happening] = {
    "case.opened.v1": Happening.OPENED,
    "case.verified.v1": Happening.VERIFIED,
    "case.disposed.v1": Happening.DISPOSED,
    "case.resumed.v1": Happening.SUPPLIED,
    "case.followed_up.v1": Happening.FOLLOWED_UP,
    "case.answered.v1": Happening.ANSWERED,
    "case.closed.v1": Happening.CLOSED,
    "case.reopened.v1": Happening.REOPENED,
    "case.reclassified.v1": Happening.RECLASSIFIED,
    "case.archived.v1": Happening.ARCHIVED,
    "case.forwarded.v1": Happening.FORWARDED,
    "case.merged.v1": Happening.MERGED,
    "case.withdrawn.v1": Happening.WITHDRAWN,
    "case.refused.v1": Happening.REFUSED,
}
_BY_DETAIL: Mapping[str, tuple[str, Mapping[Any, Happening]]] = {
    "case.returned.v1": (
        "goes_to",
        {"coordinator": Happening.RETURNED, "arbiter": Happening.RETURNED_TO_ARBITER},
    ),
    "case.data_requested.v1": (
        "awaited_from",
        {
            "unverified": Happening.ASKED_BY_COORDINATOR,
            "in_progress": Happening.ASKED_BY_AGENCY,
        },
    ),
    "case.objected.v1": (
        "status",
        {
            "in_progress": Happening.OBJECTED,
            "unverified": Happening.OBJECTED_TO_ARCHIVING,
        },
    ),
}
CASE_EVENTS = (*_PLAIN, *_BY_DETAIL)


def happening(type: str, data: Mapping[str, Any]) -> Happening:
    """What an event of a case means here. Raises KeyError for one that nobody has thought of."""
    if type in _PLAIN:
        return _PLAIN[type]
    detail, meanings = _BY_DETAIL[type]
    return meanings[data[detail]]


@dataclass(frozen=True, slots=True)
class Run:
    """One clock's run: when it began, stood and stopped (`archived`: by archiving)."""

    started_at: datetime
    pauses: tuple[Pause, ...] = ()
    stopped_at: datetime | None = None
    archived: bool = False

    @property
    def is_paused(self) -> bool:
        """Whether it stands and goes on later."""
        return self.stopped_at is None and bool(self.pauses) and self.pauses[-1].end is None


def moved(run: Run, move: Move, at: datetime, *, archiving: bool = False) -> Run:
    """The run after a move; the same run when the move does not fit its state."""
    if move is Move.REVIVE and run.stopped_at and run.archived:
        back = Pause(run.stopped_at, max(at, run.stopped_at))
        return replace(run, stopped_at=None, archived=False, pauses=(*run.pauses, back))
    if run.stopped_at or move in (Move.START, Move.REVIVE):
        return run
    if move is Move.STOP:
        return replace(_running(run, at), stopped_at=at, archived=archiving)
    if move is Move.PAUSE and not run.is_paused:
        return replace(run, pauses=(*run.pauses, Pause(at)))
    return _running(run, at) if move is Move.RESUME else run


def _running(run: Run, at: datetime) -> Run:
    if not run.is_paused:
        return run
    last = run.pauses[-1]
    return replace(run, pauses=(*run.pauses[:-1], Pause(last.start, max(at, last.start))))


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


def wakeups(
    end: Due, run: Run, rungs: Mapping[What, Rung], calendar: Calendar
) -> dict[What, datetime]:
    """When to wake for a running clock, by what for. None of it while the clock stands."""
    if end.at is None or end.day is None:
        return {}
    wakes = {What.PASSED: end.at}
    for what, rung in rungs.items():
        if rung.after < 0:
            first = calendar.day_of(run.started_at)
            day: date | None = workdays_before(end.day, -rung.after, calendar, run.pauses, first)
        else:
            day = workdays_after(end.day, rung.after, calendar, run.pauses)
        if day is not None:
            wakes[what] = calendar.end_of(day)
    return wakes


def offer_reason(clock: str) -> str | None:
    """Why the reporter may now have the Ombudsman take over, when this clock passed."""
    return {
        Clock.HAND_OVER.value: "handover_limit",
        Clock.SETTLE.value: "settlement_passed",
    }.get(clock)


def must_hand_over(passed: Collection[str], *, consented: bool, over: bool) -> bool:
    """Whether the case goes to the Ombudsman: H or S passed (of the clocks that are not stopped),
    the reporter consents, and the case is not over."""
    return consented and not over and any(offer_reason(clock) for clock in passed)


SKEW_SECONDS = 60


def most_at_once(daily: Sequence[int], floor: int) -> int:
    """How many wake-ups may be due at once before it looks like a fault: five times the 95th
    percentile of the last days' firings (nearest rank), and never less than `floor`."""
    usual = sorted(daily)[math.ceil(0.95 * len(daily)) - 1] if daily else 0
    return max(floor, 5 * usual)


def why_refuse(due_now: int, most: int, skew_seconds: float) -> str | None:
    """Why nothing may fire now, or None: too much is due at once, or this machine's clock and the
    database's (both real, never the moved one) disagree."""
    if abs(skew_seconds) > SKEW_SECONDS:
        return "clock_skew"
    return "mass_firing" if due_now > most else None
