"""What routing says of a case that is over here, after it was restored to a state before that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from services.escalation.models import CaseState
from services.escalation.rules.regime import Regime
from services.escalation.watch import clocks
from services.escalation.watch.cases import AWAITS_REPORTER
from services.escalation.watch.clockwork import (
    CLOCKWORK,
    OPEN,
    OVER,
    OWN_COUNT,
    Cause,
    Clock,
    Happening,
    Move,
    moves,
)

_FROM_ASIDE = frozenset({Happening.OBJECTED_WHILE_ASIDE, Happening.RECALLED})
_TAKE_UP = frozenset({Happening.REOPENED, Happening.OBJECTED_BY_ANOTHER, Happening.MERGED})
_STANDS: Mapping[str, Happening] = {
    AWAITS_REPORTER: Happening.QUESTION_STANDS,
    "answered": Happening.ANSWER_STANDS,
}
# What may be left of what routing has lost: a clock that runs, a cause for which one stands, while
# the case is not where those belong; and what would have ended them.
_LEFT: tuple[tuple[str, Clock, Cause, Happening], ...] = (
    ("answered", Clock.SILENCE, Cause.ANSWERED, Happening.OBJECTED),
    (AWAITS_REPORTER, Clock.DATA, Cause.ASKED, Happening.SUPPLIED),
)
_IN_HAND = frozenset({"disposed", "in_progress", "answered"})
_AFTER_DISPOSED = frozenset({AWAITS_REPORTER, "in_progress", "answered"})
_ENDS: Mapping[Happening, str] = {
    Happening.SUPPLIED: AWAITS_REPORTER,
    Happening.OBJECTED: "answered",
    Happening.OBJECTED_BY_ANOTHER: "answered",
}
_REPORTERS: Mapping[str, str] = {Clock.DATA: AWAITS_REPORTER, Clock.SILENCE: "answered"}
_WITHHELD = sa.text("""
SELECT s.number, s.passes_by, p.confidential, p.hidden
FROM case_state s JOIN (
    SELECT number, max(at) AS at FROM case_event WHERE at >= :since AND what LIKE 'case.%'
    GROUP BY number
) moved ON moved.number = s.number CROSS JOIN LATERAL (
    SELECT coalesce(bool_or(detail->>'confidentiality' = 'confidential'), false) AS confidential,
           coalesce(bool_or((detail->>'hidden_from_public')::boolean), false) AS hidden
    FROM case_event WHERE number = s.number AND what = 'case.protected'
) p
WHERE s.passes_by <> '{}' OR p.confidential OR p.hidden ORDER BY moved.at, s.number
""")
_STEPS = sa.text("""
SELECT e.number, max(e.at) AS at, s.status, s.decider, s.passes_by,
       string_agg(substr(e.what, 6), ' ' ORDER BY e.id) AS steps
FROM case_event e JOIN case_state s ON s.number = e.number
WHERE e.at >= :since AND e.what LIKE 'case.%'
GROUP BY e.number, s.status, s.decider, s.passes_by
ORDER BY s.decider = 'coordinator' AND s.passes_by = '{}', max(e.at), e.number
""")


def withheld(tx: Session, since: datetime) -> Iterator[tuple[str, list[str]]]:
    """Of the cases in which something happened since a moment: the number, and from which desks it
    is kept and how far its reporter was protected, as `routing withhold` takes it. Those of which
    that is nothing are left out."""
    for number, passes_by, confidential, hidden in tx.execute(_WITHHELD, {"since": since}):
        levels = {"confidential": confidential, "hidden_from_public": hidden}
        yield number, [*passes_by, *(level for level, raised in levels.items() if raised)]


def steps(tx: Session, since: datetime) -> Iterator[Any]:
    """The cases in which something happened since a moment: the number, when last, how it stands
    here, which desk decides and which must hear nothing, and what it was, in order. First those of
    which that is not as usual."""
    return iter(tx.execute(_STEPS, {"since": since}))


def has_lost_the_end(case: CaseState, what: Happening, data: Mapping[str, Any]) -> bool:
    """Whether a case that is over goes on with `what`, though that takes none up again."""
    if what in _FROM_ASIDE:  # it was over before it was set aside
        return case.status in OVER and not any(run.set_aside for run in case.clocks)
    return case.status in OVER and data["status"] in OPEN and what not in _TAKE_UP


def go_on(
    tx: Session, case: CaseState, what: Happening, at: datetime, now: datetime, regime: Regime
) -> None:
    """Lets go on what the end of the case stopped, as if it had stood since, before `what` moves
    it. Not the reporter's own time for what they need not do any more, nor what is counted by
    itself and begins with `what`: that one begins anew."""
    beginning = {
        clock
        for clock, move in moves(what, follows=case.follows).items()
        if move is Move.START and clock in OWN_COUNT
    }
    runs = [run for clock in CLOCKWORK[Happening.END_LOST] if (run := clocks.last(case, clock))]
    ended_at = max((run.stopped_at for run in runs if run.stopped_at), default=None)
    for run in runs:
        stopped_with_it = run.stopped_at is not None and run.stopped_at == ended_at
        is_over = run.clock in beginning or _REPORTERS.get(run.clock, case.status) != case.status
        run.set_aside = stopped_with_it and not is_over
    clocks.apply(tx, case, Happening.END_LOST, at, now, regime)
    if case.status in _STANDS:
        clocks.apply(tx, case, _STANDS[case.status], at, now, regime)


def is_anew(case: CaseState, status: str) -> bool:
    """Whether a case that is opened with that status, and is known, had gone on since."""
    return case.status != status or case.follows or _runs(case, Clock.ARBITER)


def since(case: CaseState, at: datetime, now: datetime) -> datetime:
    """When what happened `at` counts for what is lost: routing does a reporter's old step again
    under its old moment, and until `now` nobody could know that the case goes on."""
    told = [(run.stopped_at, *(pause.started_at for pause in run.pauses)) for run in case.clocks]
    return at if all(at > moment for moments in told for moment in moments if moment) else now


def is_odd(what: Happening, was: str) -> bool:
    """Whether a reporter's step ends another time than the one that it ordinarily ends."""
    return _ENDS.get(what, was) != was


def go_back(case: CaseState, what: Happening) -> None:
    """A case that is opened anew is as if nothing had been, and is to be verified once more."""
    if what is not Happening.OPENED or not case.clocks:
        return
    case.follows, case.merged_into, case.cycle, case.unheard_cycle = False, None, 1, None
    verifying = clocks.last(case, Clock.VERIFY)
    if verifying is not None and verifying.stopped_at is not None:
        verifying.set_aside = True  # until it is started, which is at once


def clear(
    tx: Session,
    case: CaseState,
    what: Happening,
    was: str,
    at: datetime,
    now: datetime,
    regime: Regime,
) -> None:
    """Ends what lost steps have left: the reporter's time for an answer or a question that is not
    there any more, what stood for it, and the arbiter's for a case that is not there; and lets an
    agency begin once more that is to."""
    if case.status not in OPEN:
        return
    for status, clock, cause, ending in _LEFT:
        if case.status != status and (_runs(case, clock) or _stands_for(case, cause)):
            clocks.apply(tx, case, ending, at, now, regime)
    if (case.status in _IN_HAND or what is Happening.OPENED) and _runs(case, Clock.ARBITER):
        clocks.apply(tx, case, Happening.RETURN_LOST, at, now, regime)
    if case.status == "disposed" and was in _AFTER_DISPOSED and not case.follows:
        clocks.apply(tx, case, Happening.DISPOSED, at, now, regime)
    if case.status in _STANDS:
        clocks.apply(tx, case, _STANDS[case.status], at, now, regime)


def _runs(case: CaseState, clock: str) -> bool:
    row = clocks.last(case, clock)
    return row is not None and row.stopped_at is None


def _stands_for(case: CaseState, cause: str) -> bool:
    standing = (row for row in clocks.open_runs(case) if clocks.stands(case, row.clock))
    return any(row.pauses[-1].because == cause for row in standing)
