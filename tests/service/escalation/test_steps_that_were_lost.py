"""Routing is restored to a state before an answer, a question, a follow-up or a return, and all
go on from there: no clock stands or runs for what is not there any more."""

from datetime import UTC

import pytest

from tests.service.escalation.test_ends_that_were_lost import unwatched
from tests.service.escalation.tower import NUMBER, Tower, local

VERIFIED = "case.verified.v1"


def follow_up(tower: Tower) -> None:
    tower.hear("case.followed_up.v1", agency="dpupr", first=False, cycle=1)


def answered(tower: Tower) -> None:
    tower.begin_work()
    tower.at("2026-11-09 10:00").answer()
    tower.deliver()


def asked(tower: Tower) -> None:
    tower.begin_work()
    tower.at("2026-11-09 10:00").hear("case.data_requested.v1", awaited_from="in_progress")


@pytest.mark.parametrize("lost", [answered, asked])
def test_the_agency_goes_on_with_the_days_that_it_had_left(tower: Tower, lost) -> None:
    lost(tower)

    tower.at("2026-11-16 10:00")
    follow_up(tower)

    own = "R1" if lost is answered else "D1"
    assert tower.clocks() == {
        "V1": "stopped", "H1": "2027-01-01", "F1": "stopped", own: "stopped",
        "S1": "2026-11-30",  # of 14 working days 4 were used
    }  # fmt: skip
    assert unwatched(tower) == 0
    tower.at("2026-12-20 10:00").sweep()
    assert not [f for f in tower.said("deadline.passed") if f["clock"] in ("R", "D")]


@pytest.mark.parametrize("lost", [answered, asked])
@pytest.mark.parametrize("anew", [True, False])
def test_who_gets_it_once_more_has_three_days_to_begin_once_more(
    tower: Tower, lost, anew: bool
) -> None:
    """Routing has lost all of it but the report, or all since it was verified."""
    lost(tower)
    tower.at("2026-11-16 10:00")
    if anew:
        tower.open()
        assert tower.clocks()["V1"] == "2026-11-19"
    tower.hear(VERIFIED, status="unverified")

    tower.at("2026-11-17 10:00").dispose()

    running = {name: day for name, day in tower.clocks().items() if day != "stopped"}
    assert running.keys() == {"H1", "F1", "S1"}
    assert running["F1"] == "2026-11-24"
    assert unwatched(tower) == 0
    [_, again] = [f for f in tower.said("deadline.started") if f["clock"] == "F"]
    assert (again["cycle"], again["ends_on"]) == (1, "2026-11-24")


def test_a_return_that_is_lost_leaves_no_arbiter_late(tower: Tower) -> None:
    tower.open()
    tower.dispose()
    tower.hear("case.returned.v1", agency="dpupr", returns=1, goes_to="coordinator")
    tower.dispose(agency="pdam")
    tower.hear("case.returned.v1", agency="pdam", returns=2, goes_to="arbiter")
    assert tower.clocks()["A1"] == "2026-11-03"

    follow_up(tower)  # by the agency which, for routing, never returned it

    assert tower.clocks()["A1"] == "stopped"
    tower.at("2026-11-10 10:00").sweep()
    assert not [f for f in tower.said("deadline.passed") if f["clock"] == "A"]


def test_a_question_instead_of_the_answer_that_is_lost_is_waited_for(tower: Tower) -> None:
    answered(tower)

    tower.at("2026-11-11 10:00").hear("case.data_requested.v1", awaited_from="in_progress")

    assert (tower.clocks()["S1"], tower.clocks()["R1"]) == ("paused", "stopped")
    assert tower.clocks()["D1"] == "2026-12-11"
    tower.at("2026-11-18 10:00").hear("case.resumed.v1", status="in_progress", cycle=1)
    assert tower.clocks()["S1"] == "2026-12-02"
    assert unwatched(tower) == 0


def test_an_answer_instead_of_the_question_that_is_lost_lets_s_stand(tower: Tower) -> None:
    asked(tower)

    tower.at("2026-11-11 10:00").answer()

    assert (tower.clocks()["S1"], tower.clocks()["D1"]) == ("paused", "stopped")
    tower.deliver()
    assert tower.clocks()["R1"] == "2026-11-25"
    assert unwatched(tower) == 0


def test_who_has_a_case_in_hand_whose_s_stands_is_seen(tower: Tower) -> None:
    answered(tower)
    assert unwatched(tower) == 0

    tower.database.psql("UPDATE case_state SET status = 'in_progress'")

    assert unwatched(tower) == 1


def test_an_ordinary_return_starts_no_f_anew(tower: Tower) -> None:
    tower.open()
    tower.dispose()
    tower.at("2026-11-04 10:00").hear(
        "case.returned.v1", agency="dpupr", returns=1, goes_to="coordinator"
    )
    before = tower.clocks()

    tower.hear(VERIFIED, status="unverified")
    tower.at("2026-11-05 10:00").dispose(agency="pdam")

    assert tower.clocks() == before


def test_what_a_reporter_did_long_ago_counts_for_what_is_lost_from_when_it_is_known(
    tower: Tower,
) -> None:
    """Asked on the 4th, supplied on the 5th, answered on the 6th: that and what the reporter
    supplied is lost, and the latter is heard once more, under its old moment, on the 16th."""
    tower.begin_work()
    tower.at("2026-11-04 10:00").hear("case.data_requested.v1", awaited_from="in_progress")
    tower.at("2026-11-05 10:00").hear("case.resumed.v1", status="in_progress", cycle=1)
    tower.at("2026-11-06 10:00").answer()

    tower.at("2026-11-16 10:00")
    supplied = {"status": "in_progress", "cycle": 1}
    supplied_at = local("2026-11-05 10:00").astimezone(UTC)
    body = tower.stream.body("case.resumed.v1", NUMBER, supplied_at, **supplied)
    assert tower.receive(body) == "done"

    assert tower.clocks()["S1"] == "2026-12-03"  # of 14 working days one was used: the 3rd
    assert unwatched(tower) == 0


def test_the_silence_of_an_earlier_round_than_the_lost_one_closes_the_case(tower: Tower) -> None:
    answered(tower)
    tower.at("2026-11-11 10:00").hear(
        "case.objected.v1", status="in_progress", objections=1, cycle=2
    )
    tower.at("2026-11-12 10:00").answer(cycle=2)
    tower.deliver(cycle=2)
    assert tower.clocks()["R2"] == "2026-11-26"

    tower.at("2026-11-16 10:00").answer(cycle=1)  # routing knows neither of them any more
    assert tower.clocks()["R2"] == "stopped"
    tower.deliver(cycle=1)

    assert tower.clocks()["R1"] == "2026-11-30"
    tower.at("2026-11-30 10:00").hear(
        "case.objected.v1", status="in_progress", objections=1, cycle=2
    )
    assert tower.clocks()["R1"] == "stopped"
    tower.at("2026-12-01 10:00").answer(cycle=2)
    tower.deliver(cycle=2)
    assert tower.clocks()["R2"] == "2026-12-15"
    assert unwatched(tower) == 0


def test_who_gets_it_over_what_its_reporter_supplied_begins_once_more_too(tower: Tower) -> None:
    asked(tower)
    tower.at("2026-11-16 10:00").hear("case.resumed.v1", status="unverified", cycle=1)

    tower.at("2026-11-17 10:00").dispose()

    assert tower.clocks()["F1"] == "2026-11-24"
    assert tower.clocks()["S1"] not in ("stopped", "paused")


def test_an_agency_that_has_not_begun_any_more_begins_once_more(tower: Tower) -> None:
    answered(tower)

    tower.at("2026-11-16 10:00").hear("case.protected.v1", status="disposed")

    assert tower.clocks()["F1"] == "2026-11-23"
    assert tower.clocks()["S1"] == "2026-11-30"
    assert unwatched(tower) == 0


def test_a_lost_question_after_which_its_time_passed_is_seen(tower: Tower) -> None:
    asked(tower)
    tower.at("2026-12-10 10:00").sweep()
    assert unwatched(tower) == 0

    tower.at("2026-12-10 17:00")

    assert unwatched(tower) == 1


def test_a_follower_that_is_opened_anew_stands_alone(tower: Tower) -> None:
    tower.open()
    tower.hear("case.merged.v1", status="unverified")
    tower.at("2026-11-03 10:00").open()
    assert tower.clocks()["V1"] == "2026-11-06"

    tower.dispose()

    assert {"F1", "S1"} <= tower.clocks().keys()
