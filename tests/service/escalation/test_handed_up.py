"""A case that is taken from the unit that it complains about loses nobody any time."""

from __future__ import annotations

from typing import Any

from tests.service.escalation.tower import Tower


def hand_up(tower: Tower, moment: str, **data: Any) -> None:
    told = {"decider": "coordinator", "passes_by": [], "cycle": 2, "returns": None}
    assert tower.at(moment).hear("case.handed_up.v1", **told | data) == "done"


def running(tower: Tower) -> set[str]:
    return {name for name, day in tower.clocks().items() if day != "stopped"}


def test_before_a_follow_up_its_clocks_run_on_as_through_a_return(tower: Tower) -> None:
    tower.open()
    tower.dispose()
    before = tower.clocks()

    hand_up(tower, "2026-11-04 10:00", cycle=1)
    assert tower.clocks() == before
    tower.at("2026-11-05 10:00").dispose(agency="dlh")

    assert tower.clocks() == before


def test_the_accused_units_posts_hear_nothing_and_the_desks_do(tower: Tower) -> None:
    tower.open()
    tower.dispose()
    hand_up(tower, "2026-11-03 10:00", cycle=1)

    tower.at("2026-11-11 10:00").sweep()

    said = tower.said("deadline.approaching", "escalation.raised")
    told = [(f["to"], f["agency"]) for f in said if f["clock"] == "F"]
    assert told
    assert {agency for _, agency in told} == {None}
    assert "head_of_agency" not in {to for to, _ in told}


def test_what_the_accused_had_followed_up_gets_a_first_follow_up_of_its_own(tower: Tower) -> None:
    tower.begin_work()
    settle = tower.clocks()["S1"]

    hand_up(tower, "2026-11-04 10:00")

    assert running(tower) == {"H1", "F2", "S1"}
    assert tower.clocks()["S1"] == settle
    begun = tower.clocks()["F2"]
    tower.at("2026-11-06 10:00").dispose(agency="dlh", cycle=2)
    assert tower.clocks()["F2"] == begun


def test_neither_its_question_nor_its_answer_holds_the_reporter(tower: Tower) -> None:
    tower.begin_work()
    tower.hear("case.data_requested.v1", awaited_from="in_progress")
    assert "D1" in running(tower)
    hand_up(tower, "2026-11-04 10:00")
    assert running(tower) == {"H1", "F2", "S1"}


def test_an_answer_of_the_accused_is_none_and_news_of_it_that_comes_late_begins_nothing(
    tower: Tower,
) -> None:
    tower.begin_work()
    tower.answer()
    hand_up(tower, "2026-11-04 10:00")

    assert tower.deliver() == "done"

    assert running(tower) == {"H1", "F2", "S1"}


def test_after_the_second_return_the_arbiters_limit_runs_again(tower: Tower) -> None:
    tower.open()
    tower.dispose()
    tower.hear("case.returned.v1", returns=2, goes_to="arbiter")
    tower.dispose(agency="dlh")
    assert "A1" not in running(tower)

    hand_up(tower, "2026-11-04 10:00", returns=2, cycle=1, decider="arbiter")

    assert "A2" in running(tower)
