"""When a clock ends by what is in force, and when by what had given the end that was told of it.

Pure. The two part when rules change while a clock stands, and for R and D. Those are the reporter's
own time: whoever was told a day keeps it, so no rule or calendar that comes later brings it nearer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from services.escalation.domain import Rule, Rung, Wakes, What, limit_for, rungs_for, wakeups
from services.escalation.rules.regime import Regime
from services.escalation.watch.clockwork import REPORTERS
from services.escalation.watch.runs import Run
from services.escalation.watch.workdays import Calendar, Due, Undecidable, due


@dataclass(frozen=True, slots=True)
class Basis:
    """What gives an end: the row of a limit, and the version under which calendars are read."""

    rule_id: int
    regime: int


@dataclass(frozen=True, slots=True)
class Watched:
    """Of a clock, what a rule may ask: its letter and calendar, and its case's kind and class."""

    clock: str
    calendar: str
    kind: str
    klass: str | None


@dataclass(frozen=True, slots=True)
class Reckoned:
    """An end with what gave it; what it wakes for, and the rungs of that."""

    rule: Rule
    basis: Basis
    end: Due
    wakes: Wakes
    rungs: Mapping[What, Rung]


def rule_by(rules: Iterable[Rule], id: int | None) -> Rule | None:
    """The limit of a row; None if there is none, or none any more."""
    return next((rule for rule in rules if rule.id == id), None)


def reckon(regime: Regime, watched: Watched, run: Run, told: Basis | None = None) -> Reckoned:
    """The end by what is in force; of a limit of the reporter's, the latest of that, the one by
    which it was `told`, and those by one of them and the other's calendars. Raises Undecidable."""
    found = reckon_now(regime, watched, run)
    if told is None or watched.clock not in REPORTERS:
        return found
    now = found.basis
    for basis in (told, Basis(told.rule_id, now.regime), Basis(now.rule_id, told.regime)):
        other = reckon_by(regime, watched, run, basis)
        if other and _is_later(other.end.at, found.end.at):
            found = other
    return found


def reckon_now(regime: Regime, watched: Watched, run: Run) -> Reckoned:
    """The end by what is in force. Raises Undecidable."""
    calendar = regime.calendars[watched.calendar]
    begun = calendar.day_of(run.started_at)
    rule = limit_for(regime.rules, watched.clock, watched.kind, watched.klass, begun)
    return _by(regime, watched, run, rule, calendar, regime.version)


def reckon_by(regime: Regime, watched: Watched, run: Run, basis: Basis) -> Reckoned | None:
    """The end by an earlier basis; None if that is not kept, or cannot tell it."""
    rule = rule_by(regime.rules, basis.rule_id)
    calendar = regime.almanac.under(basis.regime).get(watched.calendar)
    if rule is None or calendar is None:
        return None
    try:
        return _by(regime, watched, run, rule, calendar, basis.regime)
    except Undecidable:
        return None


def why_moved(rule: Rule, basis: Basis, watched: Watched, found: Reckoned) -> str:
    """What brought an end from one basis (and its rule) to another: `reclassified`, `limit` or
    `calendar`."""
    if rule.klass not in (None, watched.klass) or rule.kind not in (None, watched.kind):
        return "reclassified"
    return "limit" if basis.rule_id != found.basis.rule_id else "calendar"


def _by(
    regime: Regime, watched: Watched, run: Run, rule: Rule, calendar: Calendar, version: int
) -> Reckoned:
    end = due(rule.limit, run.started_at, calendar, run.pauses)
    begun = calendar.day_of(run.started_at)
    rungs = rungs_for(regime.ladder, watched.clock, watched.klass, begun)
    wakes = wakeups(end, run, rungs, calendar)
    return Reckoned(rule, Basis(rule.id, version), end, wakes, rungs)


def _is_later(one: datetime | None, other: datetime | None) -> bool:
    """What stands without an end can still end later than any."""
    return other is not None and (one is None or one > other)
