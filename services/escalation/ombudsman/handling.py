"""How a case was handled that others follow, as a dossier of one of these tells it.

One handling, and each reporter's own view of it: what agencies did is told as it was, what another
reporter may have caused by its local day alone, and of what is theirs no more than how many rounds
it took. Whose case it is is not told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from services.escalation.events import rfc3339
from services.escalation.models import CaseEvent, CaseState, ClockRun
from services.escalation.ombudsman import dossier, happened
from services.escalation.rules.regime import Regime
from services.escalation.watch import counting
from services.escalation.watch.clockwork import Clock

# Those that count for all who are handled together, from the disposition on.
COMMON = frozenset({Clock.FOLLOW_UP, Clock.SETTLE, Clock.ARBITER})
BEGINS = "case.disposed"
# What officers did. Nothing that a reporter did stands here: that it came back, the clocks tell by
# the day and by their rounds.
STEPS: Mapping[str, tuple[str, ...]] = {
    "case.disposed": ("agency", "supporting", "kind", "class", "category", "status"),
    "case.reassigned": ("agency", "supporting", "instead_of", "status"),
    "case.handed_up": ("status",),
    "case.returned": ("agency", "proposed_agency", "goes_to", "status"),
    "case.data_requested": ("status",),
    "case.data_request_cancelled": ("status",),
    "case.followed_up": ("agency", "first", "reply_id", "evidence", "status"),
    "case.answered": ("agency", "outcome", "reply_id", "evidence", "status"),
    "case.archived": ("reason", "reply_id", "status"),
    "case.forwarded": ("reply_id", "status"),
    "case.recalled": ("reply_id", "status"),
    "case.word_relayed": ("said_on", "reply_id", "status"),
    "case.reclassified": ("kind", "class", "category", "status"),
    "deadline.kept": ("clock", "cycle", "due_at"),
    dossier.RAISED: dossier.KEPT[dossier.RAISED],
}
Skips = Callable[[ClockRun, Regime], list[dict[str, str]] | None]


def of(tx: Session, case: CaseState) -> CaseState | None:
    """The case that this one is handled with; None if it follows none, or which is not known."""
    seen, handled = {case.number}, case
    while handled.follows and handled.merged_into and handled.merged_into not in seen:
        seen.add(handled.merged_into)
        into = tx.get(CaseState, handled.merged_into)
        if into is None:
            return None
        handled = into
    return None if handled.follows else handled


def told(tx: Session, case: CaseState, regime: Regime) -> dossier.Handling | None:
    """What a dossier tells of it; None if the case follows none. Without a line of it if nobody
    knows any more which case it follows."""
    if not case.follows:
        return None
    handled = of(tx, case)
    if handled is None:
        return dossier.Handling([], [], complete=False)
    heard = happened.of(tx, handled.number)
    return dossier.Handling(
        [dossier.Happened(_moment(e.at), e.what, _detail(e)) for e in _since_disposed(heard)],
        [_by_the_day(run, regime) for run in _common(handled)],
        complete=any(event.what == dossier.FIRST for event in heard[:1]),
    )


def in_the_feed(
    tx: Session, case: CaseState, regime: Regime, skipped: Skips
) -> list[dict[str, Any]] | None:
    """Its clocks, as an entry tells them; None if the case follows none, or which is not known."""
    handled = of(tx, case) if case.follows else None
    if handled is None:
        return None
    return [
        {name: value for name, value in _days(run, regime).items() if name != "pauses"}
        | {"pauses": [[p["started_on"], p["ended_on"]] for p in _pauses(run, regime)]}
        | {"skipped": skipped(run, regime) if run.passed_at else []}
        for run in _common(handled)
    ]


def _common(handled: CaseState) -> list[ClockRun]:
    return [run for run in handled.clocks if run.clock in COMMON]


def _since_disposed(heard: list[CaseEvent]) -> Iterator[CaseEvent]:
    """What is common of a history, from its first disposition on."""
    begun = False
    for event in heard:
        begun = begun or event.what == BEGINS
        if begun and event.what in STEPS and event.detail.get("clock", Clock.SETTLE) in COMMON:
            yield event


def _detail(event: CaseEvent) -> dict[str, Any]:
    return {name: event.detail.get(name) for name in STEPS[event.what]}


def _by_the_day(run: ClockRun, regime: Regime) -> dict[str, Any]:
    found = counting.measured(run, regime)
    rule = found.rule
    return {
        **_days(run, regime),
        "limit": rule
        and {"days": rule.limit.days, "unit": str(rule.limit.unit), "decree": rule.decree},
        "pauses": _pauses(run, regime),
        "days": dossier.explained(found.days) if run.passed_at else [],
    }


def _days(run: ClockRun, regime: Regime) -> dict[str, Any]:
    return {
        "clock": run.clock,
        "cycle": run.cycle,
        "started_on": _day(run, run.started_at, regime),
        "due_on": _day(run, run.due_at, regime),
        "passed_on": _day(run, run.passed_at, regime),
        "stopped_on": _day(run, run.stopped_at, regime),
    }


def _pauses(run: ClockRun, regime: Regime) -> list[dict[str, Any]]:
    return [
        {
            "started_on": _day(run, pause.started_at, regime),
            "ended_on": _day(run, pause.ended_at, regime),
            "because": pause.because,
        }
        for pause in run.pauses
    ]


def _day(run: ClockRun, moment: datetime | None, regime: Regime) -> str | None:
    return None if moment is None else counting.day_of(run, moment, regime).isoformat()


def _moment(at: datetime) -> str:
    return str(rfc3339(at.astimezone(UTC)))
