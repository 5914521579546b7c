"""What would have been late, and who would have heard of it, had other rules been in force.

Pure. Replays each clock of history - when it started, stood, went on and stopped - on the engine
that measures the running ones: at every such moment its wake-ups are computed from what was known
then, and those that come before the next moment fire. By the rules that were in force it gives what
really fired. Kind, class, agency and desks are those that the case has now, so that
who is late is who has it now; the posts are held as was decreed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from services.escalation.domain import LEVELS, Rung, What
from services.escalation.rules.posts import NOT_HELD, USUAL, Desks, Staffing, reach
from services.escalation.rules.reckoning import Basis, Reckoned, Watched, reckon, reckon_now
from services.escalation.rules.regime import OF_AGENCIES, Regime
from services.escalation.watch.clockwork import GOVERNMENT, REPORTERS
from services.escalation.watch.runs import Run
from services.escalation.watch.workdays import Undecidable

ITS_LAST_SECOND = timedelta(seconds=1)  # a limit is over when it is
FEWEST = 5  # the least told to who may see no case: fewer may be of somebody whom they know


@dataclass(frozen=True, slots=True)
class Life:
    """One clock of history. `fired` is what really did, with the time for which it was due;
    `told`: what gave the end that was told of it last."""

    number: str
    clock: str
    kind: str
    klass: str | None
    agency: str | None
    calendar: str
    run: Run
    fired: frozenset[tuple[str, datetime]] = frozenset()
    desks: Desks = USUAL
    told: Basis | None = None

    @property
    def watched(self) -> Watched:
        """What rules may ask of it."""
        return Watched(self.clock, self.calendar, self.kind, self.klass)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a clock would have done: what fired and was not taken back, whom each passed limit was
    brought to (level and addressee), and whether its end could not be told at some time."""

    fired: frozenset[tuple[str, datetime]]
    raised: tuple[tuple[int, str], ...]
    undecidable: bool

    @property
    def late(self) -> bool:
        """Whether the limit passed."""
        return any(what == What.PASSED for what, _ in self.fired)


def replay(
    life: Life, regime: Regime, until: datetime, staffing: Sequence[Staffing] = ()
) -> Outcome:
    """The clock's life by these rules, up to now (`until`), with the posts held as was decreed."""
    armed: dict[What, tuple[datetime, bool]] = {}
    raised: list[tuple[int, str]] = []
    undecidable = False
    rungs: Mapping[What, Rung] = {}
    for known, at, then in _steps(life.run, until):
        try:
            found = _reckon(life, known, regime)
        except Undecidable:
            undecidable = True
        else:
            rungs = found.rungs
            _arm(armed, found.wakes.at, at)
        for what in [
            w for w, (due_at, fired) in armed.items() if not fired and _over(due_at, then)
        ]:
            armed[what] = armed[what][0], True
            if what in LEVELS[1:] and (rung := rungs.get(what)):
                on = regime.calendar.day_of(armed[what][0] + ITS_LAST_SECOND)
                late = life.desks.head(life.agency) if rung.level > 1 else None
                reached = reach(staffing, rung.to, life.agency, on, NOT_HELD, life.desks, late)
                raised.append((rung.level, reached.to.value))
    fired = frozenset((what.value, at) for what, (at, has_fired) in armed.items() if has_fired)
    return Outcome(fired, tuple(raised), undecidable)


class Move(StrEnum):
    """What other rules would do to a running clock."""

    NONE = "none"
    END = "end"
    KEPT = "kept"  # an earlier end, were it not the reporter's, who was told the later one
    LADDER = "ladder"  # only another reminder or level
    UNKNOWN = "unknown"  # no end that can be told


def move_of(life: Life, before: Regime, after: Regime) -> Move:
    """What `after` would do to a clock that runs under `before`."""
    try:
        then = _reckon(life, life.run, after)
    except Undecidable:
        return Move.UNKNOWN
    try:
        now = _reckon(life, life.run, before)
    except Undecidable:
        return Move.END
    if now.end.at != then.end.at:
        return Move.END
    if _would_end_earlier(life, before, after):
        return Move.KEPT
    return Move.NONE if now.wakes.at == then.wakes.at else Move.LADDER


def _would_end_earlier(life: Life, before: Regime, after: Regime) -> bool:
    """By these rules alone, whatever its reporter was told."""
    if life.clock not in REPORTERS or life.run.is_paused:
        return False
    ends = [reckon_now(regime, life.watched, life.run).end.at for regime in (before, after)]
    return ends[0] is not None and ends[1] is not None and ends[1] < ends[0]


def _steps(run: Run, until: datetime) -> Iterator[tuple[Run, datetime, datetime]]:
    """Each stretch of a clock's life: the run as it was known, since when, and until when."""
    known = [(run.started_at, Run(run.started_at))]
    for n, pause in enumerate(run.pauses):
        before = run.pauses[:n]
        known.append((pause.start, Run(run.started_at, (*before, replace(pause, end=None)))))
        if pause.end is not None:
            known.append((pause.end, Run(run.started_at, (*before, pause))))
    ends = [at for at, _ in known[1:]] + [run.stopped_at or until]
    for (at, value), then in zip(known, ends, strict=True):
        yield value, at, then


def _reckon(life: Life, run: Run, regime: Regime) -> Reckoned:
    return reckon(regime, life.watched, run, life.told)


def _arm(
    armed: dict[What, tuple[datetime, bool]], wakes: Mapping[What, datetime], now: datetime
) -> None:
    """As the running clocks are armed: what fired fires again only if it was moved to after now."""
    for what in [w for w, (_, fired) in armed.items() if not fired and w not in wakes]:
        del armed[what]
    for what, at in wakes.items():
        known_at, fired = armed.get(what, (at, False))
        if not fired or (at > known_at and at > now):
            armed[what] = at, False


def _over(due_at: datetime, now: datetime) -> bool:
    return due_at + ITS_LAST_SECOND <= now


@dataclass
class _Tally:
    """What one set of rules came to."""

    late: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    raised: Counter[tuple[int, str]] = field(default_factory=Counter)
    undecidable: int = 0

    def add(self, life: Life, outcome: Outcome) -> None:
        if is_breach(life, outcome):
            self.late[whose(life)] += 1
        self.raised.update(outcome.raised)
        self.undecidable += outcome.undecidable

    def told(self) -> dict[str, Any]:
        raised = ({"level": a, "to": b, "count": n} for (a, b), n in sorted(self.raised.items()))
        return {
            "late": _counted(self.late),
            "raised": list(raised),
            "undecidable": self.undecidable,
        }


def compare(
    lives: Iterable[Life],
    before: Regime,
    after: Regime,
    until: datetime,
    staffing: Sequence[Staffing] = (),
    *,
    numbers: bool = False,
) -> dict[str, Any]:
    """Both sets of rules beside each other, over all these clocks; with `numbers`, which cases."""
    tallies, clocks, unlike = (_Tally(), _Tally()), 0, 0
    moved: dict[str, Counter[tuple[str, str | None]]] = {
        "newly_late": Counter(),
        "no_longer_late": Counter(),
    }
    named: dict[str, set[str]] = {name: set() for name in moved}
    for life in lives:
        outcomes = [replay(life, regime, until, staffing) for regime in (before, after)]
        for tally, outcome in zip(tallies, outcomes, strict=True):
            tally.add(life, outcome)
        was, would_be = (is_breach(life, outcome) for outcome in outcomes)
        if was != would_be:
            how = "newly_late" if would_be else "no_longer_late"
            moved[how][whose(life)] += 1
            named[how].add(life.number)
        clocks += 1
        unlike += outcomes[0].fired != life.fired
    told: dict[str, Any] = {"clocks": clocks, "unlike_history": unlike}
    told |= {"before": tallies[0].told(), "after": tallies[1].told()}
    told |= {how: _counted(counter) for how, counter in moved.items()}
    return told | ({"numbers": {how: sorted(n) for how, n in named.items()}} if numbers else {})


def is_breach(life: Life, outcome: Outcome) -> bool:
    """Somebody in the government was late."""
    return life.clock in GOVERNMENT and outcome.late


def whose(life: Life) -> tuple[str, str | None]:
    """The clock, and the agency if it is for an agency to keep."""
    return life.clock, life.agency if life.clock in OF_AGENCIES else None


def _counted(counter: Mapping[tuple[str, str | None], int]) -> list[dict[str, Any]]:
    ordered = sorted(counter.items(), key=lambda item: (item[0][0], item[0][1] or ""))
    return [{"clock": clock, "agency": agency, "count": n} for (clock, agency), n in ordered]


def coarse(count: int) -> int:
    """A count for who may see no case: the multiple of five below it, 0 for fewer than five."""
    return count - count % FEWEST


def coarsened(told: Mapping[str, Any]) -> dict[str, Any]:
    """A comparison for who may see no case: every count coarse, and what has fewer than five left
    out. Agencies with fewer than five are counted together, and not named."""
    sides = {side: _coarse_side(told[side]) for side in ("before", "after")}
    moved = {how: _coarse_late(told[how]) for how in ("newly_late", "no_longer_late")}
    return {name: coarse(told[name]) for name in ("clocks", "unlike_history")} | sides | moved


def _coarse_side(side: Mapping[str, Any]) -> dict[str, Any]:
    raised = [row | {"count": coarse(row["count"])} for row in side["raised"]]
    return {
        "late": _coarse_late(side["late"]),
        "raised": [row for row in raised if row["count"]],
        "undecidable": coarse(side["undecidable"]),
    }


def _coarse_late(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    together: Counter[tuple[str, str | None]] = Counter()
    for row in rows:
        agency = row["agency"] if row["count"] >= FEWEST else None
        together[row["clock"], agency] += row["count"]
    return _counted({key: coarse(n) for key, n in together.items() if n >= FEWEST})


def shown(told: Mapping[str, Any]) -> str:
    """A comparison as text, for a person."""
    before, after = told["before"], told["after"]
    lines = [
        f"{told['clocks']} clocks; {told['unlike_history']} fired otherwise than today's rules say",
        *_beside("late", before["late"], after["late"], ("clock", "agency")),
        *_beside("raised", before["raised"], after["raised"], ("level", "to")),
        f"end not to be told: {before['undecidable']} before, {after['undecidable']} after",
    ]
    for how in ("newly_late", "no_longer_late"):
        lines.append(f"{how.replace('_', ' ')}: {sum(row['count'] for row in told[how])}")
        lines += [f"  {number}" for number in told.get("numbers", {}).get(how, [])]
    return "\n".join(lines) + "\n"


def _beside(title: str, before: Any, after: Any, by: tuple[str, str]) -> Iterator[str]:
    counts = [{tuple(row[name] for name in by): row["count"] for row in side}
              for side in (before, after)]  # fmt: skip
    yield f"{title:<32}{'before':>8}{'after':>8}"
    for key in sorted(counts[0].keys() | counts[1].keys(), key=str):
        name = " ".join(str(part) for part in key if part is not None)
        yield f"  {name:<30}{counts[0].get(key, 0):>8}{counts[1].get(key, 0):>8}"
