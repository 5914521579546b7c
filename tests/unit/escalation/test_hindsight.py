"""A clock's life, replayed step by step, ends as the engine tells it with everything known."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.escalation.domain import Rule, Rung, What
from services.escalation.rules.hindsight import FEWEST, Life, coarse, coarsened, replay
from services.escalation.rules.regime import Regime
from services.escalation.watch.runs import Run
from services.escalation.watch.workdays import Calendar, Limit, Pause, Unit, due

LONG_AGO = date(2018, 1, 1)
CALENDAR = Calendar(ZoneInfo("Asia/Makassar"), {}, LONG_AGO, date(2035, 1, 1), date(2035, 1, 1))
START = datetime(2026, 11, 2, 2, tzinfo=UTC)
LADDER = tuple(
    Rung("S", None, level, after, to, LONG_AGO)
    for level, after, to in ((0, -1, "holder"), (1, 0, "head_of_agency"), (2, 3, "sekda"))
)
AGENCIES = ("dpupr", "rsud", "dlh", None)
lengths = st.timedeltas(timedelta(seconds=1), timedelta(days=9))


def life(run: Run) -> Life:
    return Life("KTB-1", "S", "complaint", "ordinary", "dpupr", "regency", run)


def rules(days: int) -> Regime:
    limit = Rule(1, "S", None, None, Limit(days, Unit.WORKING), LONG_AGO, "decree")
    return Regime(1, {"regency": CALENDAR}, (limit,), LADDER)


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """Up to three pauses; it stands, goes on or has stopped at the end."""
    pauses, at = [], START
    for _ in range(draw(st.integers(0, 3))):
        begins = at + draw(lengths)
        at = begins + draw(lengths)
        pauses.append(Pause(begins, at))
    if pauses and draw(st.booleans()):
        pauses[-1] = Pause(pauses[-1].start)
        return Run(START, tuple(pauses))
    return Run(START, tuple(pauses), at + draw(lengths) if draw(st.booleans()) else None)


@given(runs(), st.integers(1, 14))
def test_a_limit_passed_in_the_replay_just_when_it_did_in_the_end(run, days) -> None:
    until = START + timedelta(days=60)
    end = due(Limit(days, Unit.WORKING), START, CALENDAR, run.pauses).at
    stopped = run.stopped_at or until

    outcome = replay(life(run), rules(days), until)

    assert outcome.late == (end is not None and end < stopped)
    assert not end or not outcome.late or (What.PASSED, end) in outcome.fired
    assert len([level for level, _ in outcome.raised if level == 1]) == outcome.late


def test_a_reminder_that_was_given_before_a_pause_is_given_again_after_it() -> None:
    """And only the later one stands, as on the clock's own row."""
    asked = Pause(START + timedelta(days=4, hours=3), START + timedelta(days=14))

    outcome = replay(life(Run(START, (asked,))), rules(5), START + timedelta(days=60))

    reminded = [CALENDAR.day_of(at) for what, at in outcome.fired if what == What.REMINDER]
    assert reminded == [date(2026, 11, 17)]


def test_who_has_no_agency_is_brought_to_the_coordinators_head() -> None:
    alone = Life("KTB-1", "S", "complaint", None, None, "regency", Run(START))

    outcome = replay(alone, rules(1), START + timedelta(days=60))

    assert outcome.raised == ((1, "head_of_coordinator"), (2, "sekda"))


# --- for who may see no case


def comparison(late: dict[tuple[str, str | None], int], count: int = 0) -> dict[str, Any]:
    rows = [{"clock": c, "agency": a, "count": n} for (c, a), n in late.items()]
    raised = [{"level": 1, "to": "sekda", "count": count}] if count else []
    side = {"late": rows, "raised": raised, "undecidable": count}
    told = {"clocks": count, "unlike_history": count, "before": side, "after": side}
    return told | {"newly_late": rows, "no_longer_late": rows}


def test_agencies_with_few_are_counted_together_and_not_named() -> None:
    late = {("F", "dpupr"): 7, ("F", "rsud"): 4, ("F", "dlh"): 3, ("S", "rsud"): 4, ("V", None): 1}

    told = coarsened(comparison(late))

    expected = [
        {"clock": "F", "agency": None, "count": 5},
        {"clock": "F", "agency": "dpupr", "count": 5},
    ]
    assert told["before"]["late"] == told["after"]["late"] == expected
    assert told["newly_late"] == told["no_longer_late"] == expected


@pytest.mark.parametrize(("count", "told"), [(0, 0), (4, 0), (5, 5), (9, 5), (10, 10)])
def test_every_other_count_is_told_by_fives(count: int, told: int) -> None:
    seen = coarsened(comparison({}, count))

    assert seen["clocks"] == seen["unlike_history"] == seen["after"]["undecidable"] == told
    assert [row["count"] for row in seen["before"]["raised"]] == [told] * (told > 0)


@given(st.dictionaries(st.tuples(st.sampled_from("VFS"), st.sampled_from(AGENCIES)),
                       st.integers(1, 30)))  # fmt: skip
def test_no_agency_is_named_that_has_few_and_no_count_is_exact(late: Any) -> None:
    rows = coarsened(comparison(late))["newly_late"]

    assert all(row["count"] and row["count"] % FEWEST == 0 for row in rows)
    named = {(row["clock"], row["agency"]): row["count"] for row in rows if row["agency"]}
    assert named == {key: coarse(n) for key, n in late.items() if key[1] and n >= FEWEST}
    for clock in "VFS":
        told = sum(row["count"] for row in rows if row["clock"] == clock)
        known = sum(n for (of, _), n in late.items() if of == clock)
        assert known - told < FEWEST * len(AGENCIES)
