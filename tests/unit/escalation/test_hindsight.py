"""A clock's life, replayed step by step, ends as the engine tells it with everything known."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from services.escalation.domain import Rule, Rung, What
from services.escalation.rules.hindsight import Life, replay
from services.escalation.rules.regime import Regime
from services.escalation.watch.clockwork import Run
from services.escalation.watch.workdays import Calendar, Limit, Pause, Unit, due

LONG_AGO = date(2018, 1, 1)
CALENDAR = Calendar(ZoneInfo("Asia/Makassar"), {}, LONG_AGO, date(2035, 1, 1), date(2035, 1, 1))
START = datetime(2026, 11, 2, 2, tzinfo=UTC)
LADDER = tuple(
    Rung("S", None, level, after, to, LONG_AGO)
    for level, after, to in ((0, -1, "holder"), (1, 0, "head_of_agency"), (2, 3, "sekda"))
)
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
