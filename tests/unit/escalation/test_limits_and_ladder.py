"""Which limit holds, whom the ladder wakes, what goes to the Ombudsman, and what is refused."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.escalation.domain import (
    Backlog,
    NoLimit,
    Rule,
    Rung,
    What,
    limit_for,
    most_at_once,
    must_hand_over,
    offer_reason,
    rungs_for,
    wakeups,
    why_refuse,
)
from services.escalation.watch.runs import Run
from services.escalation.watch.workdays import Calendar, Limit, Pause, Undecidable, Unit, due

LONG_AGO = date(2018, 1, 1)


def rule(id: int, clock="S", kind=None, klass=None, days=14, since=LONG_AGO) -> Rule:
    return Rule(id, clock, kind, klass, Limit(days, Unit.WORKING), since, "decree")


RULES = [
    rule(1, "V", days=3),
    rule(2, "S", "complaint", "ordinary", 14),
    rule(3, "S", "complaint", "supervisory", 60),
    rule(4, "S", "information_request", None, 5),
    rule(5, "S", "complaint", "ordinary", 10, since=date(2026, 7, 1)),
]


@pytest.mark.parametrize(
    ("clock", "kind", "klass", "on", "id"),
    [
        ("V", "complaint", None, "2026-01-05", 1),
        ("V", "aspiration", None, "2026-01-05", 1),
        ("S", "complaint", "ordinary", "2026-06-30", 2),
        ("S", "complaint", "ordinary", "2026-07-01", 5),
        ("S", "complaint", "supervisory", "2026-07-01", 3),
        ("S", "information_request", None, "2026-07-01", 4),
    ],
)
def test_the_closest_then_newest_limit_in_force_holds(clock, kind, klass, on, id) -> None:
    assert limit_for(RULES, clock, kind, klass, date.fromisoformat(on)).id == id


@pytest.mark.parametrize(
    ("clock", "kind", "klass", "on"),
    [
        ("S", "aspiration", None, "2026-01-05"),
        ("S", "complaint", None, "2026-01-05"),
        ("F", "complaint", "ordinary", "2026-01-05"),
        ("V", "complaint", None, "2017-12-31"),
    ],
)
def test_a_missing_limit_is_an_error_and_never_not_late(clock, kind, klass, on) -> None:
    with pytest.raises(NoLimit) as error:
        limit_for(RULES, clock, kind, klass, date.fromisoformat(on))

    assert isinstance(error.value, Undecidable)


def rung(clock, level, after, to, klass=None, since=LONG_AGO) -> Rung:
    return Rung(clock, klass, level, after, to, since)


LADDER = [
    rung("S", 0, -1, "holder"),
    rung("S", 1, 0, "head_of_agency"),
    rung("S", 2, 3, "sekda"),
    rung("S", 2, 3, "inspectorate", "supervisory"),
    rung("S", 3, 5, "bupati"),
    rung("S", 3, 4, "bupati", since=date(2027, 1, 1)),
]


@pytest.mark.parametrize(
    ("klass", "to"), [("ordinary", "sekda"), (None, "sekda"), ("supervisory", "inspectorate")]
)
def test_the_second_level_of_a_supervisory_case_is_the_inspectorate(klass, to) -> None:
    assert rungs_for(LADDER, "S", klass, date(2026, 1, 1))[What.LEVEL_2].to == to


def test_a_rung_holds_from_its_day_on() -> None:
    assert rungs_for(LADDER, "S", None, date(2026, 12, 31))[What.LEVEL_3].after == 5
    assert rungs_for(LADDER, "S", None, date(2027, 1, 1))[What.LEVEL_3].after == 4


PLAIN = Calendar(ZoneInfo("Asia/Makassar"), {}, LONG_AGO, date(2030, 1, 1), date(2030, 1, 1))
MONDAY = datetime(2026, 11, 2, 2, tzinfo=UTC)


def wakes(run: Run, days: int = 5) -> dict[str, str]:
    end = due(Limit(days, Unit.WORKING), run.started_at, PLAIN, run.pauses)
    found = wakeups(end, run, rungs_for(LADDER, "S", None, date(2026, 1, 1)), PLAIN)
    return {what.value: PLAIN.day_of(at).isoformat()[5:] for what, at in found.at.items()}


def test_a_limit_wakes_a_day_before_then_at_its_end_then_up_the_ladder() -> None:
    assert wakes(Run(MONDAY)) == {
        "reminder": "11-06",
        "passed": "11-09",
        "level_1": "11-09",
        "level_2": "11-12",
        "level_3": "11-16",
    }


def test_a_limit_of_one_day_reminds_when_it_starts() -> None:
    assert wakes(Run(MONDAY), days=1)["reminder"] == "11-02"


def test_the_ladder_stands_while_the_clock_does() -> None:
    answered_after_the_end = Run(MONDAY, (Pause(MONDAY + timedelta(days=9)),))  # Wednesday

    assert wakes(answered_after_the_end) == {
        "reminder": "11-06",
        "passed": "11-09",
        "level_1": "11-09",
    }


def test_a_calendar_that_ends_before_the_ladder_keeps_the_rungs_that_it_holds() -> None:
    ends = date(2026, 11, 12)
    short = Calendar(PLAIN.zone, {}, LONG_AGO, ends, ends)
    end = due(Limit(5, Unit.WORKING), MONDAY, short)

    found = wakeups(end, Run(MONDAY), rungs_for(LADDER, "S", None, date(2026, 1, 1)), short)

    assert found.incomplete
    assert set(found.at) == {What.REMINDER, What.PASSED, What.LEVEL_1, What.LEVEL_2}


def test_a_paused_clock_wakes_nobody() -> None:
    assert wakes(Run(MONDAY, (Pause(MONDAY + timedelta(days=1)),))) == {}


@pytest.mark.parametrize(
    ("clock", "reason"),
    [("H", "handover_limit"), ("S", "settlement_passed"), ("V", None), ("F", None),
     ("R", None), ("A", None), ("D", None)],
)  # fmt: skip
def test_only_h_and_s_let_the_reporter_turn_to_the_ombudsman(clock, reason) -> None:
    assert offer_reason(clock) == reason
    assert must_hand_over([clock], consented=True, over=False) == bool(reason)


def test_nothing_is_handed_over_without_consent_or_when_it_is_over() -> None:
    assert not must_hand_over(["H", "S"], consented=False, over=False)
    assert not must_hand_over(["H", "S"], consented=True, over=True)
    assert not must_hand_over([], consented=True, over=False)


@pytest.mark.parametrize(
    ("daily", "most"),
    [
        ([], 50),
        ([0, 0, 0, 0, 0, 0, 0], 50),
        ([2, 1, 0, 9, 3, 0, 1], 50),
        ([100, 120, 90, 110, 80, 0, 0], 600),
        ([100] * 19 + [5000], 500),
    ],
)
def test_the_breaker_allows_five_times_the_usual_and_never_less_than_the_floor(daily, most) -> None:
    assert most_at_once(daily, floor=50) == most


@pytest.mark.parametrize(
    ("backlog", "skew", "jumped", "reason"),
    [
        ((0, 0, 0), 0, False, None),
        ((50, 0, 0), 60, False, None),
        ((51, 0, 0), 0, False, "mass_firing"),
        ((50, 1, 49), 0, False, None),
        ((1, 1, 50), 0, False, "mass_firing"),
        ((50, 0, 51), 0, False, None),  # nothing more of that kind is due
        ((0, 0, 0), 61, False, "clock_skew"),
        ((0, 0, 0), -61, False, "clock_skew"),
        ((0, 0, 0), 0, True, "clock_jump"),
        ((5000, 0, 0), 0, True, "clock_jump"),
        ((5000, 0, 0), 400, True, "clock_skew"),
    ],
)
def test_the_breaker_refuses_a_mass_firing_and_clocks_that_disagree_or_jumped(
    backlog, skew, jumped, reason
) -> None:
    assert why_refuse(Backlog(*backlog), 50, skew, jumped=jumped) == reason
    assert why_refuse(Backlog(*backlog), 50, skew, jumped=jumped, restored=True) == "restored"
