"""The dates that may be promised to a reporter, by day of receipt.

Pure. Disposing and settling begin only when the step before is done, so each date is the one that
holds even if every step takes its whole limit. A complaint's class is not known yet: ordinary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from services.escalation.domain import Rule, limit_for
from services.escalation.watch.clockwork import Clock
from services.escalation.watch.workdays import ONE_DAY, Calendar, due

DAYS_AHEAD = 120
ASSUMED: Mapping[str, str | None] = {
    "complaint": "ordinary",
    "aspiration": None,
    "information_request": None,
}


@dataclass(frozen=True, slots=True)
class Promise:
    """The last day of each step for a report received on a day."""

    received_on: date
    verify_by: date
    follow_up_by: date
    settle_by: Mapping[str, date]


def promises(
    calendar: Calendar, rules: Sequence[Rule], first: date, days: int = DAYS_AHEAD
) -> list[Promise]:
    """The promises for `days` days of receipt from `first` on. Raises Undecidable."""
    return [_promise(calendar, rules, first + n * ONE_DAY) for n in range(days)]


def settle_by(calendar: Calendar, rules: Sequence[Rule], kind: str, received_on: date) -> date:
    """The last day for S that a report received on a day is promised. Raises Undecidable."""
    verify_by = _last_day(calendar, rules, Clock.VERIFY, kind, received_on)
    return _last_day(calendar, rules, Clock.SETTLE, kind, verify_by)


def _promise(calendar: Calendar, rules: Sequence[Rule], received_on: date) -> Promise:
    def last_day(clock: Clock, kind: str, begin: date) -> date:
        return _last_day(calendar, rules, clock, kind, begin)

    verify_by = {kind: last_day(Clock.VERIFY, kind, received_on) for kind in ASSUMED}
    follow_up_by = [last_day(Clock.FOLLOW_UP, kind, day) for kind, day in verify_by.items()]
    return Promise(
        received_on,
        max(verify_by.values()),
        max(follow_up_by),
        {kind: last_day(Clock.SETTLE, kind, day) for kind, day in verify_by.items()},
    )


def _last_day(
    calendar: Calendar, rules: Sequence[Rule], clock: Clock, kind: str, begin: date
) -> date:
    rule = limit_for(rules, clock, kind, ASSUMED[kind], begin)
    return due(rule.limit, calendar.end_of(begin), calendar).days[-1].on
