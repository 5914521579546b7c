"""What a reporter could be told of, or not, moves the clocks that are theirs."""

import json

import pytest
from prometheus_client import REGISTRY

from services.escalation.events import rfc3339
from services.escalation.watch import watching
from tests.service.escalation.tower import NUMBER, Tower


def test_with_nobody_to_tell_the_timeline_is_the_notice(tower: Tower) -> None:
    tower.begin_work()
    tower.at("2026-11-09 10:00").answer()

    tower.hear("message.failed.v1", about="answered", cycle=1, reason="no_address")

    assert tower.clocks()["R1"] == "2026-11-23"


@pytest.mark.parametrize("reason", ["rejected", "expired"])
def test_an_answer_that_could_not_be_brought_starts_no_silence_and_is_counted(
    tower: Tower, reason: str
) -> None:
    tower.begin_work()
    tower.at("2026-11-09 10:00").answer()

    tower.hear("message.failed.v1", about="answered", cycle=1, reason=reason)

    assert "R1" not in tower.clocks()
    assert tower.count("SELECT unheard_cycle FROM case_state") == 1


@pytest.mark.parametrize("reason", ["rejected", "expired"])
def test_a_question_that_could_not_be_brought_runs_no_time_out_and_is_counted(
    tower: Tower, reason: str
) -> None:
    tower.begin_work()
    tower.at("2026-11-09 10:00").hear("case.data_requested.v1", awaited_from="in_progress")
    tower.at("2026-11-09 14:00").hear(
        "message.failed.v1", about="data_requested", cycle=None, reason=reason
    )
    assert tower.clocks()["D1"] == "paused"
    with tower.db.begin() as tx:
        watching.show_what_is_late(tx, tower.clock.now())
    assert REGISTRY.get_sample_value("lapor_escalation_unheard_answers") == 1

    tower.at("2026-12-20 10:00").sweep()
    assert "passed D" not in tower.fired()

    tower.at("2026-12-21 10:00").hear("case.resumed.v1", status="in_progress", cycle=1)
    tower.answer()
    assert tower.clocks()["D1"] == "stopped"
    assert tower.count("SELECT count(*) FROM case_state WHERE unheard_cycle > 0") == 0


def test_a_question_that_was_brought_after_all_or_to_nobody_runs(tower: Tower) -> None:
    tower.begin_work()
    tower.at("2026-11-09 10:00").hear("case.data_requested.v1", awaited_from="in_progress")
    tower.hear("message.failed.v1", about="data_requested", cycle=None, reason="no_address")
    assert tower.clocks()["D1"] == "2026-12-09"

    tower.hear("message.failed.v1", about="data_requested", cycle=None, reason="expired")
    tower.at("2026-11-19 10:00").hear("message.delivered.v1", about="data_requested", cycle=None)
    assert tower.clocks()["D1"] == "2026-12-19"  # ten of its days did not count
    assert tower.count("SELECT count(*) FROM case_state WHERE unheard_cycle > 0") == 0


def test_news_that_overtakes_its_question_waits_for_it(tower: Tower) -> None:
    tower.begin_work()
    tower.at("2026-11-09 10:00")
    asked = tower.stream.body(
        "case.data_requested.v1", NUMBER, tower.clock.at, awaited_from="in_progress"
    )
    failed = {"about": "data_requested", "cycle": None, "reason": "rejected"}
    assert tower.hear("message.failed.v1", **failed) == "waiting"

    tower.receive(asked)
    tower.retry()

    assert tower.clocks()["D1"] == "paused"


@pytest.mark.parametrize("type", ["case.reclassified.v1", "case.refused.v1"])
def test_what_is_no_answer_to_a_question_leaves_it_unheard(tower: Tower, type: str) -> None:
    tower.begin_work()
    tower.hear("case.data_requested.v1", awaited_from="in_progress")
    tower.hear("message.failed.v1", about="data_requested", cycle=None, reason="rejected")

    tower.hear(type, status="awaiting_reporter")

    assert tower.count("SELECT count(*) FROM case_state WHERE unheard_cycle > 0") == 1


def test_news_of_a_question_that_was_answered_already_moves_nothing(tower: Tower) -> None:
    tower.begin_work()
    tower.at("2026-11-09 10:00").hear("case.data_requested.v1", awaited_from="in_progress")
    tower.hear("case.resumed.v1", status="in_progress", cycle=1)

    tower.hear("message.failed.v1", about="data_requested", cycle=None, reason="expired")

    assert tower.clocks()["D1"] == "stopped"
    assert tower.count("SELECT count(*) FROM case_state WHERE unheard_cycle > 0") == 0


def test_news_of_an_earlier_question_moves_nothing_of_the_next_one(tower: Tower) -> None:
    tower.begin_work()
    tower.at("2026-11-09 10:00").hear("case.data_requested.v1", awaited_from="in_progress")
    earlier = rfc3339(tower.clock.at)
    tower.at("2026-11-09 11:00").hear("case.resumed.v1", status="in_progress", cycle=1)
    tower.at("2026-11-10 10:00").hear("case.data_requested.v1", awaited_from="in_progress")

    failed = {"about": "data_requested", "cycle": None, "reason": "expired"}
    tower.hear("message.failed.v1", **failed, news_at=earlier)
    assert tower.clocks()["D2"] == "2026-12-10"

    tower.hear("message.failed.v1", **failed)
    assert tower.clocks()["D2"] == "paused"
    tower.hear("message.delivered.v1", about="data_requested", cycle=None, news_at=earlier)
    assert tower.clocks()["D2"] == "paused"


def test_news_that_does_not_say_which_question_is_about_the_last_one(tower: Tower) -> None:
    tower.begin_work()
    failed = {"about": "data_requested", "cycle": None, "reason": "expired", "news_at": None}
    assert tower.hear("message.failed.v1", **failed) == "waiting"

    tower.hear("case.data_requested.v1", awaited_from="in_progress")
    tower.retry()

    assert tower.clocks()["D1"] == "paused"


def test_news_of_a_sender_that_is_not_up_to_date_is_understood(tower: Tower) -> None:
    tower.begin_work()
    tower.at("2026-11-09 10:00").answer()
    body = json.loads(
        tower.stream.body("message.delivered.v1", NUMBER, tower.clock.at, about="answered", cycle=1)
    )
    del body["data"]["news_at"]

    assert tower.receive(json.dumps(body).encode()) == "done"

    assert tower.clocks()["R1"] == "2026-11-23"


def test_other_news_starts_nothing(tower: Tower) -> None:
    tower.begin_work()
    tower.at("2026-11-09 10:00").answer()

    tower.hear("message.delivered.v1", about="disposed", cycle=1)
    tower.hear("message.failed.v1", about="received", cycle=None, reason="no_address")

    assert "R1" not in tower.clocks()


def test_a_notice_that_overtakes_its_answer_waits_for_it(tower: Tower) -> None:
    tower.begin_work()

    assert tower.at("2026-11-09 10:00").deliver() == "waiting"
    tower.answer()
    tower.retry()

    assert tower.clocks()["R1"] == "2026-11-23"


def test_a_notice_that_comes_after_the_objection_starts_nothing(tower: Tower) -> None:
    tower.begin_work()
    tower.at("2026-11-09 10:00").answer()
    tower.hear("case.objected.v1", status="in_progress", objections=1, cycle=2)

    assert tower.deliver() == "done"

    assert "R1" not in tower.clocks()


def test_an_answer_that_a_relay_brings_back_stops_the_silence_that_began(tower: Tower) -> None:
    tower.begin_work()
    tower.at("2026-11-09 10:00").answer()
    tower.deliver()
    assert tower.clocks()["R1"] == "2026-11-23"

    back = {"about": "answered", "cycle": 1, "reason": "rejected"}
    tower.at("2026-11-11 10:00").hear("message.failed.v1", **back)
    tower.at("2026-12-20 10:00").sweep()

    assert tower.clocks()["R1"] == "paused"
    assert "passed R" not in tower.fired()
    assert tower.count("SELECT unheard_cycle FROM case_state") == 1

    tower.at("2026-12-21 10:00").hear(
        "case.objected.v1", status="in_progress", objections=1, cycle=2
    )
    assert tower.clocks()["R1"] == "stopped"


def test_who_hears_of_it_at_another_address_has_the_whole_time_from_then_on(tower: Tower) -> None:
    tower.begin_work()
    tower.at("2026-11-09 10:00").answer()
    tower.deliver()
    back = {"about": "answered", "cycle": 1, "reason": "rejected"}
    tower.at("2026-11-11 10:00").hear("message.failed.v1", **back)

    tower.at("2026-12-07 10:00").deliver()

    assert tower.clocks()["R1"] == "2026-12-21"
    assert tower.count("SELECT count(*) FROM case_state WHERE unheard_cycle > 0") == 0


def test_a_notice_of_an_answer_that_nobody_waits_on_any_more_stops_nothing(tower: Tower) -> None:
    tower.begin_work()
    tower.at("2026-11-09 10:00").answer()
    tower.deliver()
    tower.hear("case.objected.v1", status="in_progress", objections=1, cycle=2)
    tower.at("2026-11-12 10:00").answer(cycle=2)
    tower.deliver(cycle=2)

    tower.hear("message.failed.v1", about="answered", cycle=1, reason="rejected")

    assert tower.clocks()["R2"] == "2026-11-26"


def test_a_bounce_of_an_earlier_rounds_answer_says_nothing_of_the_latest(tower: Tower) -> None:
    """A relay returns the mail of the first answer when nobody could be told of the second."""
    tower.begin_work()
    tower.at("2026-11-09 10:00").answer()
    tower.deliver()
    tower.at("2026-11-10 10:00").hear(
        "case.objected.v1", status="in_progress", objections=1, cycle=2
    )
    tower.at("2026-11-12 10:00").answer(cycle=2)
    back = {"about": "answered", "reason": "rejected"}
    tower.hear("message.failed.v1", **back, cycle=2)

    tower.at("2026-11-13 10:00").hear("message.failed.v1", **back, cycle=1)

    assert tower.count("SELECT unheard_cycle FROM case_state") == 2


def test_a_bounce_that_overtakes_its_answer_is_kept_when_an_earlier_one_follows(
    tower: Tower,
) -> None:
    tower.begin_work()
    tower.at("2026-11-09 10:00").answer()
    back = {"about": "answered", "reason": "rejected"}
    tower.hear("message.failed.v1", **back, cycle=2)

    tower.hear("message.failed.v1", **back, cycle=1)

    assert tower.count("SELECT unheard_cycle FROM case_state") == 2
