"""The news comes after a limit's end, of what happened before it: the limit had been kept."""

from datetime import UTC

import pytest

from tests.service.escalation.tower import NUMBER, Tower, end_of, local, rfc3339

S_ENDS = "2026-11-20"  # of a case that was disposed of on Monday, 2 November


def late(tower: Tower, at: str, type: str, **data: object) -> None:
    """Hears now of what happened at a local time."""
    tower.receive(tower.stream.body(type, NUMBER, local(at).astimezone(UTC), **data))


def test_a_limit_that_was_kept_is_taken_back_when_the_news_comes(tower: Tower) -> None:
    tower.open()  # V ends on Thursday
    tower.at("2026-11-12 08:00").sweep()
    assert "raised V 2 sekda" in tower.fired()

    late(tower, "2026-11-05 16:00", "case.disposed.v1", agency="dpupr", cycle=1)

    kept = tower.said("deadline.kept")
    assert kept == [{
        "type": "deadline.kept", "clock": "V", "cycle": 1, "due_at": end_of("2026-11-05"),
        "ends_on": "2026-11-05", "at": rfc3339(tower.clock.at),
    }]  # fmt: skip
    assert tower.closings() == ["V kept"]
    assert tower.clocks()["V1"] == "stopped"
    assert tower.count("SELECT count(*) FROM clock WHERE clock = 'V' AND passed_at IS NULL") == 1


@pytest.mark.parametrize(
    ("at", "taken_back"), [(f"{S_ENDS} 23:59:59", True), ("2026-11-21 00:00:00", False)]
)
def test_what_stops_a_clock_in_its_last_second_keeps_the_limit_and_later_does_not(
    tower: Tower, at: str, taken_back: bool
) -> None:
    tower.begin_work()
    tower.at("2026-11-21 10:00").sweep()

    late(tower, at, "case.closed.v1", how="accepted")

    assert tower.closings() == ["S kept" if taken_back else "S stopped"]
    assert len(tower.said("deadline.kept")) == taken_back


def test_an_answer_whose_news_is_late_takes_the_offer_back_and_each_fires_if_it_comes_true(
    tower: Tower,
) -> None:
    tower.begin_work()
    tower.at("2026-11-23 10:00").sweep()
    fired = ["passed S", "offered settlement_passed", "raised S 1 head_of_agency"]
    before = tower.fired()
    assert before[-3:] == fired

    late(tower, f"{S_ENDS} 15:00", "case.answered.v1", agency="dpupr", cycle=1)
    assert tower.clocks()["S1"] == "paused"
    assert tower.closings() == ["S kept"]

    tower.at("2026-11-30 10:00").hear(
        "case.objected.v1", status="in_progress", objections=1, cycle=2
    )
    assert tower.clocks()["S1"] == "2026-12-01"  # the one day that was left
    tower.at("2026-12-02 10:00").sweep()
    assert tower.fired() == [*before, *fired]


def test_a_question_whose_news_is_late_was_asked_in_time(tower: Tower) -> None:
    tower.open()
    tower.at("2026-11-06 08:00").sweep()

    late(tower, "2026-11-05 12:00", "case.data_requested.v1", awaited_from="unverified")
    late(tower, "2026-11-05 14:00", "case.resumed.v1", status="unverified", cycle=1)

    assert len(tower.said("deadline.kept")) == 1
    assert tower.closings() == ["V kept"]
    tower.sweep()  # asked and told within one day: that day counts
    assert [line for line in tower.fired() if "passed" in line] == ["passed V", "passed V"]


def test_a_case_that_was_handed_over_stays_there_and_its_history_says_what_was_kept(
    tower: Tower,
) -> None:
    tower.begin_work()
    tower.hear("report.escalation_consented.v1")
    tower.at("2026-11-21 00:00:05").sweep()

    late(tower, f"{S_ENDS} 15:00", "case.answered.v1", agency="dpupr", cycle=1)
    tower.append()

    assert [e["type"] for e in tower.entries("handovers")] == ["feed.case.handed_over.v1"]
    assert tower.closings() == ["S kept"]
    history = tower.database.psql("SELECT what, detail FROM case_event ORDER BY id DESC LIMIT 1")
    assert history == [("deadline.kept", {"clock": "S", "cycle": 1, "due_at": end_of(S_ENDS)})]


def test_a_late_stop_of_a_limit_that_passed_while_it_ran_stays_passed(tower: Tower) -> None:
    tower.begin_work()
    tower.at("2026-11-23 10:00").sweep()
    tower.at("2026-11-24 10:00").answer()
    assert tower.said("deadline.recomputed") == []  # it stands, and keeps its end
    tower.at("2026-11-30 10:00").hear("case.closed.v1", how="accepted")

    assert tower.said("deadline.kept") == []
    assert tower.closings() == ["S paused"]


def test_what_set_a_standing_clock_going_again_takes_nothing_back(tower: Tower) -> None:
    """S passed; then the agency asked; and what the reporter had added before S ended is heard."""
    tower.begin_work()
    tower.at("2026-11-23 08:00").sweep()
    before = tower.fired()
    tower.hear("case.data_requested.v1", awaited_from="in_progress")

    late(tower, "2026-11-19 10:00", "case.resumed.v1", status="in_progress", cycle=1)
    tower.sweep()

    assert tower.said("deadline.kept") == []
    assert tower.fired() == before
    assert tower.closings() == ["S paused"]
