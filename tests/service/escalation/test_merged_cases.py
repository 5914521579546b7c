"""A case that follows another one, and what watches it while it does and when it stands alone."""

import pytest

from tests.service.escalation.tower import Tower


def test_a_merged_case_follows_and_keeps_only_what_is_its_reporters(tower: Tower) -> None:
    tower.open()
    tower.at("2026-11-03 10:00").hear("case.merged.v1", status="unverified", cycle=1)

    tower.at("2026-11-04 10:00").dispose()
    tower.hear("case.followed_up.v1", agency="dpupr", first=True, cycle=1)
    tower.hear("case.data_requested.v1", awaited_from="in_progress")
    tower.hear("case.resumed.v1", status="in_progress", cycle=1)
    tower.at("2026-11-09 10:00").answer()
    tower.deliver()

    assert tower.clocks() == {"V1": "stopped", "H1": "2027-01-01", "R1": "2026-11-23"}

    tower.hear("case.closed.v1", how="accepted", cycle=1)
    tower.at("2026-11-16 10:00").hear("case.reopened.v1", cycle=2)
    assert tower.clocks()["S2"] == "2026-12-04"


def test_a_merged_case_that_stands_alone_again_is_measured_as_what_it_was_merged_with(
    tower: Tower,
) -> None:
    tower.open()
    told = {"kind": "complaint", "class": "ordinary", "category": "sampah", "agency": "dlh"}
    tower.at("2026-11-03 10:00").hear("case.merged.v1", status="disposed", cycle=1, **told)
    tower.at("2026-11-09 10:00").hear("case.closed.v1", how="accepted", cycle=1)

    tower.at("2026-11-16 10:00").hear("case.reopened.v1", cycle=2)

    assert tower.clocks()["S2"] == "2026-12-04"
    tower.at("2026-12-05 00:00:05").sweep()
    assert [raised["agency"] for raised in tower.said("escalation.raised")] == ["dlh"]


def test_a_complaint_that_was_left_without_a_class_is_measured_once_it_is_given_one(
    tower: Tower,
) -> None:
    """It had followed what is none, as until 2026-11-30 it could."""
    tower.open()
    told = {"kind": "complaint", "class": None, "category": "sampah", "agency": "dlh"}
    tower.at("2026-11-03 10:00").hear("case.merged.v1", status="disposed", cycle=1, **told)
    tower.at("2026-11-09 10:00").hear("case.closed.v1", how="accepted", cycle=1)
    tower.at("2026-11-16 10:00").hear("case.reopened.v1", cycle=2)
    assert tower.clocks()["S2"] == "no_limit"

    given = {"class": "ordinary", "kind": "complaint", "status": "in_progress"}
    tower.at("2026-11-17 10:00").hear("case.reclassified.v1", **given)

    assert tower.clocks()["S2"] == "2026-12-04"


def test_who_was_merged_after_an_answer_has_a_new_time_to_object_and_its_old_way_on(
    tower: Tower,
) -> None:
    tower.begin_work()
    tower.at("2026-11-09 10:00").answer()
    tower.deliver()
    tower.hear("case.closed.v1", how="accepted", cycle=1)
    assert tower.clocks()["H1"] == "stopped"

    tower.at("2026-11-16 10:00").hear("case.merged.v1", status="in_progress", cycle=2)
    assert tower.clocks()["H2"] == "2027-01-15"
    tower.at("2026-11-17 10:00").answer(cycle=2)
    tower.deliver(cycle=2)

    assert tower.clocks()["R2"] == "2026-12-01"


def test_a_follower_that_is_reopened_before_its_own_time_to_object_is_over(tower: Tower) -> None:
    """Its parent was content, and it is not."""
    tower.open()
    tower.hear("case.merged.v1", status="in_progress", cycle=1)
    tower.at("2026-11-09 10:00").answer()
    tower.deliver()

    tower.at("2026-11-12 10:00").hear("case.reopened.v1", cycle=2)

    running = {name: day for name, day in tower.clocks().items() if day != "stopped"}
    assert running == {"H1": "2027-01-01"}  # the other's S counts for both


@pytest.mark.parametrize("round", [1, 2, 7])
def test_a_reopened_case_is_watched_whatever_number_its_round_has(tower: Tower, round: int) -> None:
    tower.begin_work()
    tower.hear("case.closed.v1", how="accepted", cycle=1)
    tower.at("2026-11-09 10:00").hear("case.reopened.v1", cycle=2)
    tower.hear("case.closed.v1", how="accepted", cycle=2)

    tower.at("2026-11-16 10:00").hear("case.reopened.v1", cycle=round)

    number = max(round, 3)
    running = {name for name, day in tower.clocks().items() if day != "stopped"}
    assert running == {f"S{number}", f"H{number}"}


def test_a_case_that_goes_on_without_what_was_asked_is_measured_on(tower: Tower) -> None:
    """Others' reports follow it. That its reporter was silent stands."""
    tower.begin_work()
    tower.hear("case.data_requested.v1", awaited_from="in_progress")
    tower.at("2026-12-03 00:00:01").sweep()

    tower.hear("case.resumed.v1", status="in_progress", cycle=1)

    assert tower.said("deadline.kept") == []
    assert tower.fired() == ["passed D"]
    clocks = tower.clocks()
    assert (clocks["D1"], clocks["S1"]) == ("stopped", "2026-12-23")
