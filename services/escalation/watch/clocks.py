"""The clocks of a case, moved by what happens to it; each change is kept, and told.

Every function here expects that the transaction holds the lock of the case's row (`locked`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from chassis.logs import log
from chassis.outbox import emit
from chassis.together import held
from services.escalation import events, models
from services.escalation.domain import (
    WHEN_OVER,
    NoLimit,
    Wakes,
    What,
    is_over,
    rungs_for,
    wakeups,
)
from services.escalation.models import CaseState, ClockRun, PauseRow
from services.escalation.ombudsman import happened, offers
from services.escalation.rules.reckoning import Basis, Reckoned, reckon, reckon_by, why_moved
from services.escalation.rules.regime import Regime
from services.escalation.watch import breaches, receipts, stale
from services.escalation.watch.clockwork import ASIDE, CAUSES, SET_ASIDE, Clock, Happening, moves
from services.escalation.watch.counting import (
    as_counted,
    calendars,
    came_true,
    day_of,
    rule_of,
    run_of,
    told_by,
    watched,
)
from services.escalation.watch.runs import Run, moved, number_of_start
from services.escalation.watch.workdays import Undecidable

Change = tuple[datetime | None, datetime | None, str]  # before, after and why

NEVER = datetime.max.replace(tzinfo=UTC)


def locked(tx: Session, number: str) -> CaseState | None:
    """The case, locked until the transaction ends."""
    return held(tx, CaseState, number)


def open_runs(case: CaseState) -> list[ClockRun]:
    """The clocks of a case that are not stopped."""
    return [run for run in case.clocks if run.stopped_at is None]


def apply(
    tx: Session,
    case: CaseState,
    what: Happening,
    at: datetime,
    now: datetime,
    regime: Regime,
    was: str = "",
) -> None:
    """Moves the case's clocks as the table says for `what`, which happened at `at`; `was`: the
    case's status before, which says why what was set aside stood."""
    because, moving = CAUSES.get(what, ASIDE.get(was, "")), moves(what, follows=case.follows)
    for clock, move in moving.items():
        row = last(case, clock)
        before, known = (row.cycle, run_of(row)) if row else (0, None)
        if number := number_of_start(clock, move, known, before, case.cycle):
            _start(tx, case, clock, number, at, now, regime)
        elif row is not None and known is not None:
            after = moved(known, move, at, set_aside=what in SET_ASIDE, because=because)
            _move(tx, case, row, after, at, now, regime)
    if moving:
        offers.lapse(tx, case, now)
        offers.make(tx, case, now)


def stands(case: CaseState, clock: str) -> bool:
    """Whether the last clock of that letter stands and goes on later."""
    row = last(case, clock)
    return row is not None and run_of(row).is_paused


def last_start(case: CaseState, clock: str) -> datetime | None:
    """When the last clock of that letter began; None if none has."""
    row = last(case, clock)
    return row and row.started_at


def are_stale(case: CaseState, regime: Regime) -> bool:
    """Whether an open clock of the case was measured under older rules."""
    return any(run.regime < regime.version for run in open_runs(case))


def measure_again(tx: Session, case: CaseState, reason: str, now: datetime, regime: Regime) -> None:
    """Measures every open clock of the case by what is in force now, and each that stopped before
    its end could be told."""
    for run in open_runs(case):
        _measure(tx, case, run, reason, now, regime)
    stale.measure_stopped_unknown(case, now, regime)
    offers.make(tx, case, now)


def measure_stopped(tx: Session, case: CaseState, row: ClockRun, regime: Regime) -> bool:
    """Measures a clock again that stopped after its end, before that is told: by what is in force
    now it may have been in time. Whether that moved anything; the end that was told stays. So does
    that of a clock which is set aside and was in time after all, with what gave it: nobody is told
    another before it goes on, and then why."""
    try:
        found = _reckon(case, row, regime)
    except Undecidable:
        return False
    is_moved = _keep_whatcame_true(tx, row, found.wakes)
    will_pass = any(wake.what == What.PASSED and wake.fired_at is None for wake in row.wakes)
    if row.passed_at is None and (will_pass or not row.set_aside):
        row.regime, row.due_at = regime.version, found.end.at
        _keep_basis(row, found, None)
    return is_moved


def _keep_whatcame_true(tx: Session, row: ClockRun, wakes: Wakes) -> bool:
    """Of what is still to be told of a stopped clock; whether that moved anything."""
    before = {wake: wake.due_at for wake in row.wakes if wake.fired_at is None}
    for wake in before:
        wake.due_at = wakes.at.get(What(wake.what), NEVER)
        if not came_true(row, wake):
            row.wakes.remove(wake)
    tx.flush()
    return any(wake.due_at != at for wake, at in before.items())


def give_back(
    tx: Session, case: CaseState, asked_at: datetime, now: datetime, regime: Regime
) -> None:
    """A question that was taken back, as if no clock had stood for it, had never reached its
    reporter: so one stood until then after all. A limit that was said to have passed without that
    time, and had not, is taken back."""
    asked = (run for run in case.clocks if (run.clock, run.started_at) == (Clock.DATA, asked_at))
    taken_back = next((run.stopped_at for run in asked), None)
    for row in case.clocks:
        annulled = [p for p in row.pauses if p.started_at == p.ended_at == asked_at]
        if not annulled or taken_back is None:
            continue
        for pause in annulled:
            pause.ended_at = taken_back
        if day_of(row, asked_at, regime) != day_of(row, taken_back, regime):  # else no day is given
            _measure_given(tx, case, row, now, regime)
    offers.make(tx, case, now)


def _measure_given(
    tx: Session, case: CaseState, row: ClockRun, now: datetime, regime: Regime
) -> None:
    """Measures a clock again that was given time: one that runs by what is in force, one that has
    stopped by what it was counted by, whatever was decreed since."""
    is_open, before = row.stopped_at is None, row.due_at
    try:
        found = (_reckon if is_open else _recount)(case, row, regime)
    except Undecidable:
        found = None
    end = found and found.end
    ahead = end and (end.at is None or not is_over(end.at, row.stopped_at or now))
    if row.passed_at and ahead:
        _take_back(tx, case, row, now, regime)
    if is_open:
        _measure(tx, case, row, "resumed", now, regime)
    elif found:
        row.due_at = found.end.at
        _keep_whatcame_true(tx, row, found.wakes)
        _tell(tx, row, [(before, row.due_at, "resumed")], now, regime)


def _recount(case: CaseState, row: ClockRun, regime: Regime) -> Reckoned:
    """As `_reckon`, by the rule and the calendar that gave the clock its end."""
    if (rule := rule_of(row, regime)) is None:
        raise Undecidable
    end, calendar = as_counted(row, rule, regime), calendars(row, regime)[row.calendar]
    rungs = rungs_for(regime.ladder, row.clock, case.klass, calendar.day_of(row.started_at))
    basis = told_by(row) or Basis(rule.id, row.regime)
    return Reckoned(rule, basis, end, wakeups(end, run_of(row), rungs, calendar), rungs)


def last(case: CaseState, clock: str) -> ClockRun | None:
    """The clock of that letter that began last; None if none has. R bears the number of its round,
    and a round may be gone with a restore: then it is the one that runs, or of a round before."""
    runs = [run for run in case.clocks if run.clock == clock]
    if clock == Clock.SILENCE:
        runs = [r for r in runs if r.stopped_at is None] or [
            r for r in runs if r.cycle <= case.cycle
        ]
    return max(runs, key=lambda run: run.cycle, default=None)


def _start(
    tx: Session,
    case: CaseState,
    clock: str,
    cycle: int,
    at: datetime,
    now: datetime,
    regime: Regime,
) -> None:
    row = ClockRun(
        number=case.number, clock=clock, cycle=cycle, started_at=at, regime=regime.version
    )
    row.set_aside = row.announced = row.provisional = False
    row.calendar = regime.calendar_for(clock, case.agency, at)
    case.clocks.append(row)
    _measure(tx, case, row, "resumed", now, regime)


def _move(
    tx: Session,
    case: CaseState,
    row: ClockRun,
    after: Run,
    at: datetime,
    now: datetime,
    regime: Regime,
) -> None:
    if after == (before := run_of(row)):
        return
    if after.started_at != before.started_at:
        row.started_at, row.announced = after.started_at, False  # it is told as one that begins
    row.stopped_at, row.set_aside = after.stopped_at, after.set_aside
    _save_pauses(row, after)
    ran = before.stopped_at is None and not before.is_paused
    if ran and row.passed_at and row.due_at and not is_over(row.due_at, at):
        _take_back(tx, case, row, now, regime)
    if after.stopped_at is None:
        _measure(tx, case, row, "paused" if after.is_paused else "resumed", now, regime)
    else:
        _forget_unfired(tx, row, keep=())
        breaches.settle(tx, case, row, now, paused=False)


def _take_back(tx: Session, case: CaseState, row: ClockRun, now: datetime, regime: Regime) -> None:
    """A limit was said to have passed, and now comes the news of what had kept it. What was raised
    is taken back, and fires again if it becomes true; a case that was handed over stays there."""
    passed = next((wake.due_at for wake in row.wakes if wake.what == What.PASSED), now)
    row.due_at = row.due_at or passed  # a clock that stands has none: what was told counts
    breaches.acquit(tx, case, row, now)
    offers.take_back(tx, case, row, row.passed_at, now)
    _forget_passing(tx, row)
    kept = events.kept(row, day_of(row, row.due_at, regime), now)
    happened.note(tx, case.number, "deadline.kept", kept.data, now)
    emit(tx, kept)


def _forget_passing(tx: Session, row: ClockRun) -> None:
    row.passed_at, row.wakes = None, [wake for wake in row.wakes if wake.what not in WHEN_OVER]
    tx.flush()


def _save_pauses(row: ClockRun, run: Run) -> None:
    for saved, pause in zip(row.pauses, run.pauses, strict=False):
        saved.ended_at = pause.end
    del row.pauses[len(run.pauses) :]
    for pause in run.pauses[len(row.pauses) :]:
        kept = {"started_at": pause.start, "ended_at": pause.end, "because": pause.because or None}
        row.pauses.append(PauseRow(**kept))


def _measure(
    tx: Session, case: CaseState, row: ClockRun, reason: str, now: datetime, regime: Regime
) -> None:
    """Computes a running clock's end again. If that cannot be told, the end that was known stays
    in force and the row says what is missing, which alarms; the next regime heals it."""
    told, row.regime = told_by(row), regime.version
    if told:
        row.told_rule_id, row.told_regime = told.rule_id, told.regime
    try:
        found = reckon(regime, watched(case, row), run_of(row), told)
    except Undecidable as error:
        row.problem = "no_limit" if isinstance(error, NoLimit) else "calendar"
        log.error("deadline_unknown", clock=row.clock, reason=row.problem)
        if run_of(row).is_paused:
            _forget_unfired(tx, row, keep=(What.HANDOVER,))
        return
    passed_at, end = row.passed_at, found.end
    if passed_at and end.at is None:  # it stands, and was not over when it began to
        _forget_passing(tx, row)
    before, row.due_at = row.due_at, end.at
    if reason == "calendar" and row.rule_id != found.rule.id:
        reason = "limit"
    changes = _changes(case, row, before, reason, found, told, regime)
    _keep_basis(row, found, told)
    row.provisional = end.provisional
    row.problem = "calendar" if found.wakes.incomplete else None
    _arm(tx, row, found.wakes.at, now)
    if row.passed_at is None:
        offers.take_back(tx, case, row, passed_at, now)
    was_announced = row.announced
    _tell(tx, row, changes, now, regime)
    if row.announced and not was_announced:
        receipts.compare(tx, case, row, now, regime)
    breaches.settle(tx, case, row, now, paused=run_of(row).is_paused)


def _reckon(case: CaseState, row: ClockRun, regime: Regime) -> Reckoned:
    return reckon(regime, watched(case, row), run_of(row), told_by(row))


def _keep_basis(row: ClockRun, found: Reckoned, told: Basis | None) -> None:
    """Of a clock that stands, what gave the end that was told last stays known: what is decreed
    meanwhile is told when it goes on."""
    row.rule_id = found.rule.id
    if told is None or found.end.at is not None:
        row.told_rule_id, row.told_regime = found.basis.rule_id, found.basis.regime


def _changes(
    case: CaseState,
    row: ClockRun,
    before: datetime | None,
    reason: str,
    found: Reckoned,
    told: Basis | None,
    regime: Regime,
) -> list[Change]:
    """How the end moved. Of a clock that goes on, what was decreed while it stood is told apart
    from the days for which it stood: those are no news, and the other is."""
    about, after = watched(case, row), found.end.at
    former = reckon_by(regime, about, run_of(row), told) if told and reason == "resumed" else None
    if told is None or former is None or former.end.at in (None, after):
        return [(before, after, reason)]
    why = why_moved(former.rule, told, about, found)
    return [(before, former.end.at, reason), (former.end.at, after, why)]


def _tell(
    tx: Session, row: ClockRun, changes: Iterable[Change], now: datetime, regime: Regime
) -> None:
    if not row.announced:
        if row.due_at is not None:
            row.announced = True
            emit(tx, events.started(row, day_of(row, row.due_at, regime), now))
        return
    for before, after, reason in changes:
        if after != before:
            change = models.ClockChange(clock=row, at=now, before=before, after=after)
            change.reason, change.regime = reason, regime.version
            tx.add(change)
            emit(tx, events.recomputed(change, after and day_of(row, after, regime)))


def _arm(tx: Session, row: ClockRun, wakes: Mapping[What, datetime], now: datetime) -> None:
    """Makes the unfired wake-ups what they must be. One that was fired is fired again only if its
    time was moved, to after now: then what it told of has not happened."""
    _forget_unfired(tx, row, keep=(*wakes, What.HANDOVER))
    armed = {wake.what: wake for wake in row.wakes}
    for what, at in wakes.items():
        known = armed.get(what)
        if known is None:
            row.wakes.append(models.Due(number=row.number, what=what, due_at=at, armed_at=now))
        elif known.fired_at is None or (at > known.due_at and at > now):
            if known.due_at != at:
                known.armed_at = now
            known.due_at, known.fired_at = at, None
            if what is What.PASSED:
                row.passed_at = None


def _forget_unfired(tx: Session, row: ClockRun, keep: tuple[What, ...]) -> None:
    unfired = (wake for wake in row.wakes if wake.fired_at is None and wake.what not in keep)
    forgotten = [wake for wake in unfired if not came_true(row, wake)]
    for wake in forgotten:
        row.wakes.remove(wake)
    if forgotten:
        tx.flush()  # or a wake-up of the same kind would be written before this one is gone
