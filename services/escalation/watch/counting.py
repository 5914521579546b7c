"""What a clock's row says: how it ran, what it was counted by, and the days to the end it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from services.escalation.domain import WHEN_OVER, Rule, is_over
from services.escalation.models import CaseState, ClockRun
from services.escalation.models import Due as Wake
from services.escalation.rules.reckoning import Basis, Watched, rule_by
from services.escalation.rules.regime import Regime
from services.escalation.watch.clockwork import GOVERNMENT
from services.escalation.watch.runs import Run
from services.escalation.watch.workdays import Calendar, Day, Due, Pause, Undecidable, due


def run_of(row: ClockRun) -> Run:
    """The row as the value that the rules are about."""
    pauses = tuple(Pause(p.started_at, p.ended_at, p.because or "") for p in row.pauses)
    return Run(row.started_at, pauses, row.stopped_at, row.set_aside)


@dataclass(frozen=True, slots=True)
class Measured:
    """What a clock was last measured by, and its end: no `rule` if it never could be measured, no
    `days` if what is known now does not lead to that end."""

    rule: Rule | None
    ends_on: date | None
    days: tuple[Day, ...] | None


def measured(row: ClockRun, regime: Regime) -> Measured:
    """Explains the end of a clock by the rule and the calendar that gave it, whatever the case
    became and was decreed since."""
    rule = rule_of(row, regime)
    ends_on = row.due_at and day_of(row, row.due_at, regime)
    if rule is None:
        return Measured(None, ends_on, None)
    try:
        end = as_counted(row, rule, regime)
    except Undecidable:
        return Measured(rule, ends_on, None)
    return Measured(rule, ends_on, end.days if end.at == row.due_at else None)


def told_by(row: ClockRun) -> Basis | None:
    """What gave the end that was told last, also while the clock stands: of an older row, what it
    was measured by. None if none could be told."""
    if row.told_rule_id is not None and row.told_regime is not None:
        return Basis(row.told_rule_id, row.told_regime)
    return None if row.rule_id is None else Basis(row.rule_id, row.regime)


def rule_of(row: ClockRun, regime: Regime) -> Rule | None:
    """By which it was last measured; None if it never could be."""
    return rule_by(regime.rules, row.rule_id)


def as_counted(row: ClockRun, rule: Rule, regime: Regime) -> Due:
    """The end in the calendar as it stood when the clock was measured. Raises Undecidable."""
    calendar = calendars(row, regime)[row.calendar]
    return due(rule.limit, row.started_at, calendar, _pauses_when_measured(row))


def calendars(row: ClockRun, regime: Regime) -> Mapping[str, Calendar]:
    """Those that gave the clock its end; of one that stands, those that it was measured in last."""
    told = told_by(row)
    keeps_told = told is not None and row.due_at is not None and told.rule_id == row.rule_id
    return regime.almanac.under(told.regime if told and keeps_told else row.regime)


def watched(case: CaseState, row: ClockRun) -> Watched:
    """What rules may ask of a clock."""
    return Watched(row.clock, row.calendar, case.kind, case.klass)


def _pauses_when_measured(row: ClockRun) -> tuple[Pause, ...]:
    """A clock that stopped while it stood had no end: what stopped it did not give it one."""
    pauses = run_of(row).pauses
    if row.stopped_at is None or row.due_at is not None or not pauses:
        return pauses
    last = pauses[-1]
    stood = last.end is not None and last.end >= row.stopped_at
    return (*pauses[:-1], replace(last, end=None)) if stood else pauses


def day_of(row: ClockRun, moment: datetime, regime: Regime) -> date:
    """The local day of a moment, where the clock is counted."""
    return regime.calendars[row.calendar].day_of(moment)


def came_true(row: ClockRun, wake: Wake) -> bool:
    """Whether a limit of the government's was over before its clock stopped: whoever acts between
    that and the sweep was late all the same."""
    if row.stopped_at is None or row.clock not in GOVERNMENT or wake.what not in WHEN_OVER:
        return False
    return is_over(wake.due_at, row.stopped_at)
