"""One clock's run, and what a move makes of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from services.escalation.watch.clockwork import OWN_COUNT, Cause, Move
from services.escalation.watch.workdays import Pause

_GO_ON = (Move.RESUME, Move.REVIVE, Move.AGAIN, Move.CONTINUE)


@dataclass(frozen=True, slots=True)
class Run:
    """One clock's run: when it began, stood and stopped; `set_aside`: perhaps not for good."""

    started_at: datetime
    pauses: tuple[Pause, ...] = ()
    stopped_at: datetime | None = None
    set_aside: bool = False

    @property
    def is_paused(self) -> bool:
        """Whether it stands and goes on later."""
        return self.stopped_at is None and bool(self.pauses) and self.pauses[-1].end is None


def number_of_start(clock: str, move: Move, run: Run | None, number: int, cycle: int) -> int | None:
    """The number of the clock that `move` begins in round `cycle`; None if it begins none. `run`
    and `number`: the one before, None and 0 if there is none."""
    if run is not None and (run.stopped_at is None or (move is Move.AGAIN and run.set_aside)):
        return None
    if move is Move.AGAIN:
        return max(cycle, number + 1)
    if move not in (Move.START, Move.RENEW):
        return None
    if clock in OWN_COUNT:
        return number + 1
    return cycle if cycle > number else None


def moved(run: Run, move: Move, at: datetime, *, set_aside: bool = False, because: str = "") -> Run:
    """The run after a move, for a cause; the same run when the move does not fit its state."""
    if run.stopped_at:
        return _moved_when_stopped(run, run.stopped_at, move, at, because or Cause.ARCHIVED)
    if move is Move.STOP:
        return replace(_running(run, at), stopped_at=at, set_aside=set_aside)
    if move is Move.PAUSE and not run.is_paused:
        return replace(run, pauses=(*run.pauses, Pause(at, because=because)))
    if move is Move.RENEW and run.is_paused:
        return Run(at)
    if move is Move.ANNUL:
        return _running(run, run.started_at)
    return _running(run, at) if move in _GO_ON else run


def _moved_when_stopped(
    run: Run, stopped_at: datetime, move: Move, at: datetime, because: str
) -> Run:
    if move is Move.RENEW or (move is Move.START and run.set_aside):
        return Run(at)
    if not run.set_aside and move is not Move.CONTINUE:
        return run
    if move is Move.ANNUL:
        return replace(run, stopped_at=None, set_aside=False)
    if move in (Move.REVIVE, Move.AGAIN, Move.CONTINUE):
        aside = Pause(stopped_at, max(at, stopped_at), because)
        return replace(run, stopped_at=None, set_aside=False, pauses=(*run.pauses, aside))
    return replace(run, set_aside=False) if move is Move.STOP else run


def _running(run: Run, at: datetime) -> Run:
    if not run.is_paused:
        return run
    last = run.pauses[-1]
    return replace(run, pauses=(*run.pauses[:-1], replace(last, end=max(at, last.start))))
