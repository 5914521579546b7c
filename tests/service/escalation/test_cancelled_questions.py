"""Who takes a question back has not gained time by having asked it."""

from __future__ import annotations

import json

import pytest
from prometheus_client import REGISTRY

from services.escalation.events import rfc3339
from tests.service.escalation.tower import NUMBER, Tower, end_of
from tests.service.escalation.window import Window

OTHER = "KTB-34567-00001"
UNHEARD = {"about": "data_requested", "cycle": None, "reason": "expired"}
ASKED_BY = {"V": "unverified", "S": "in_progress"}


def begin(tower: Tower, clock: str) -> str:
    """A case whose clock of that letter runs, on 2 November; the day on which it ends."""
    if clock == "V":
        tower.open()
    else:
        tower.begin_work()
    return tower.clocks()[f"{clock}1"]


def ask(tower: Tower, clock: str, day: str = "2026-11-03") -> None:
    tower.at(f"{day} 10:00").hear("case.data_requested.v1", awaited_from=ASKED_BY[clock])


def cancel(tower: Tower, clock: str, moment: str) -> None:
    status = ASKED_BY[clock]
    tower.at(moment).hear("case.data_request_cancelled.v1", status=status, cycle=1)


def failed(tower: Tower, number: str = NUMBER, reason: str = "expired") -> None:
    """The reporter could not be told of the question."""
    assert tower.hear("message.failed.v1", number, **UNHEARD | {"reason": reason}) == "done"


@pytest.mark.parametrize("clock", ASKED_BY)
def test_the_clock_goes_on_as_if_it_had_not_stood(tower: Tower, clock: str) -> None:
    end = begin(tower, clock)
    ask(tower, clock)
    assert tower.clocks()[f"{clock}1"] == "paused"

    cancel(tower, clock, "2026-11-05 10:00")

    assert tower.clocks()[f"{clock}1"] == end
    assert tower.clocks()["D1"] == "stopped"


@pytest.mark.parametrize("clock", ASKED_BY)
def test_what_could_not_be_told_has_given_time_until_it_is_taken_back(
    tower: Tower, clock: str
) -> None:
    end = begin(tower, clock)
    ask(tower, clock)
    tower.hear("message.failed.v1", about="data_requested", cycle=None, reason="expired")

    cancel(tower, clock, "2026-11-10 10:00")

    assert tower.clocks()[f"{clock}1"] > end
    assert tower.clocks()["D1"] == "stopped"
    assert tower.count("SELECT count(*) FROM case_state WHERE unheard_cycle > 0") == 0


@pytest.mark.parametrize("clock", ASKED_BY)
def test_what_could_not_be_told_has_given_time_though_that_is_heard_of_only_later(
    tower: Tower, clock: str
) -> None:
    end = begin(tower, clock)
    ask(tower, clock)
    cancel(tower, clock, "2026-11-10 10:00")
    assert tower.clocks()[f"{clock}1"] == end

    failed(tower)
    given = tower.clocks()[f"{clock}1"]
    failed(tower)

    assert given == tower.clocks()[f"{clock}1"] > end
    assert tower.clocks()["D1"] == "stopped"
    assert tower.count("SELECT count(*) FROM case_state WHERE unheard_cycle > 0") == 0


def test_it_gives_the_time_that_it_gives_in_the_right_order(tower: Tower) -> None:
    begin(tower, "V")
    ask(tower, "V")
    failed(tower)
    cancel(tower, "V", "2026-11-10 10:00")
    at_once = tower.clocks()["V1"]
    tower.at("2026-11-02 09:00").open(OTHER)
    tower.at("2026-11-03 10:00").hear("case.data_requested.v1", OTHER, awaited_from="unverified")
    tower.at("2026-11-10 10:00").hear(
        "case.data_request_cancelled.v1", OTHER, status="unverified", cycle=1
    )

    failed(tower, OTHER)

    assert tower.clocks(OTHER)["V1"] == at_once


def test_a_limit_that_was_said_to_have_passed_meanwhile_lies_ahead_again(tower: Tower) -> None:
    end = begin(tower, "S")
    ask(tower, "S")
    cancel(tower, "S", "2026-11-23 08:00")
    tower.sweep()
    assert {"passed S", "offered settlement_passed"} <= set(tower.fired())

    failed(tower)

    assert tower.count("SELECT count(*) FROM clock WHERE passed_at IS NOT NULL") == 0
    assert tower.count("SELECT count(*) FROM case_state WHERE offered_at IS NOT NULL") == 0
    kept = [(fact["clock"], fact["due_at"]) for fact in tower.said("deadline.kept")]
    assert kept == [("S", end_of(end))]
    assert tower.said("deadline.recomputed")[-1]["after"] == end_of(tower.clocks()["S1"])
    assert tower.closings() == ["S kept"]
    tower.at(f"{tower.clocks()['S1']} 10:00").sweep()
    assert tower.fired().count("passed S") == 1
    tower.at("2027-01-29 10:00").sweep()
    assert tower.fired().count("passed S") == 2
    assert tower.fired().count("offered settlement_passed") == 2


def test_who_answers_within_the_given_time_is_not_late_and_nothing_is_handed_over(
    tower: Tower,
) -> None:
    begin(tower, "S")
    ask(tower, "S")
    cancel(tower, "S", "2026-11-23 08:00")
    tower.sweep()
    tower.at("2026-11-24 08:00").answer()

    failed(tower)

    assert tower.count("SELECT count(*) FROM clock WHERE passed_at IS NOT NULL") == 0
    assert tower.closings() == ["S paused", "S kept"]
    tower.at("2026-11-25 08:00").hear("report.escalation_consented.v1")
    tower.sweep()
    assert tower.count("SELECT count(*) FROM case_state WHERE handed_over_at IS NOT NULL") == 0


def test_a_case_that_was_merged_meanwhile_was_not_late_either(tower: Tower) -> None:
    begin(tower, "V")
    ask(tower, "V")
    cancel(tower, "V", "2026-11-16 10:00")
    tower.sweep()
    tower.hear("case.merged.v1", into="KTB-99999-00001", status="in_progress")

    failed(tower)

    assert tower.count("SELECT count(*) FROM clock WHERE passed_at IS NOT NULL") == 0
    assert tower.closings() == ["V stopped", "V kept"]


def test_a_message_that_does_not_say_of_which_question_it_was_gives_nothing(tower: Tower) -> None:
    end = begin(tower, "V")
    ask(tower, "V")
    cancel(tower, "V", "2026-11-10 10:00")

    body = json.loads(tower.stream.body("message.failed.v1", NUMBER, tower.clock.at, **UNHEARD))
    del body["data"]["news_at"]
    assert tower.receive(json.dumps(body).encode()) == "done"

    assert tower.clocks()["V1"] == end


def test_who_has_acted_meanwhile_is_not_late_after_all(tower: Tower) -> None:
    begin(tower, "V")
    ask(tower, "V")
    cancel(tower, "V", "2026-11-16 10:00")
    tower.hear("case.disposed.v1")
    tower.sweep()
    assert "passed V" in tower.fired()

    failed(tower)

    assert [fact["clock"] for fact in tower.said("deadline.kept")] == ["V"]
    assert tower.said("deadline.recomputed")[-1]["clock"] == "V"
    assert tower.closings() == ["V stopped", "V kept"]
    assert tower.count("SELECT count(*) FROM clock WHERE passed_at IS NOT NULL") == 0
    before = tower.fired()
    tower.sweep()
    assert tower.fired() == before


def stands_with_a_longer_limit(tower: Tower) -> str:
    """S has passed and stands; then it is another class', and has no end any more: which it had."""
    end = begin(tower, "S")
    ask(tower, "S")
    cancel(tower, "S", "2026-11-23 08:00")
    tower.sweep()
    tower.at("2026-11-24 08:00").answer()
    longer = {"kind": "complaint", "class": "supervisory", "status": "answered"}
    tower.hear("case.reclassified.v1", **longer)
    assert tower.clocks()["S1"] == "paused"
    return end


def test_what_has_not_passed_by_another_limit_is_not_said_to_have_been_kept(tower: Tower) -> None:
    stands_with_a_longer_limit(tower)

    failed(tower)

    assert tower.said("deadline.kept") == []
    assert tower.count("SELECT count(*) FROM clock WHERE clock = 'S' AND passed_at IS NULL") == 1
    assert tower.count("SELECT count(*) FROM inbox WHERE state <> 'done'") == 0


def test_what_an_older_version_left_passed_without_an_end_is_kept_with_the_end_that_was_told(
    tower: Tower,
) -> None:
    end = stands_with_a_longer_limit(tower)
    tower.database.psql(
        "WITH s AS (UPDATE clock SET passed_at = now() WHERE clock = 'S' RETURNING id, number)"
        " INSERT INTO due (number, clock_id, what, due_at, fired_at)"
        " SELECT number, id, 'passed', %s, now() FROM s",
        [end_of(end)],
    )

    failed(tower)

    assert [fact["due_at"] for fact in tower.said("deadline.kept")] == [end_of(end)]
    assert tower.count("SELECT count(*) FROM inbox WHERE state <> 'done'") == 0


def test_a_clock_that_stopped_while_it_stood_is_given_no_end(tower: Tower, window: Window) -> None:
    begin(tower, "S")
    ask(tower, "S", "2026-11-04")
    cancel(tower, "S", "2026-11-06 10:00")
    tower.at("2026-11-10 10:00").answer()
    tower.at("2026-11-12 10:00").hear("case.closed.v1")
    before = len(tower.said("deadline.recomputed"))

    failed(tower)

    assert window.told("explain")["S1"]["ends_on"] is None
    assert len(tower.said("deadline.recomputed")) == before


@pytest.mark.parametrize(
    ("until", "given"), [("2026-11-03 15:00", False), ("2026-11-05 15:00", True)]
)
def test_what_was_decreed_since_moves_no_clock_that_has_stopped(
    tower: Tower, until: str, given: bool
) -> None:
    begin(tower, "V")
    ask(tower, "V", "2026-11-03")
    cancel(tower, "V", until)
    tower.hear("case.disposed.v1")
    kept = "SELECT due_at, rule_id, regime FROM clock WHERE clock = 'V'"
    [before] = tower.database.psql(kept)
    tower.database.psql(
        "INSERT INTO limit_rule (clock, days, unit, effective_from, decree)"
        " VALUES ('V', 1, 'working', '2019-01-01', 'SK')"
    )

    failed(tower)

    [after] = tower.database.psql(kept)
    assert after[1:] == before[1:]
    assert (after[0] > before[0]) is given
    assert tower.count("SELECT count(*) FROM clock WHERE passed_at IS NOT NULL") == 0


def test_who_was_late_with_that_time_too_stays_late(tower: Tower) -> None:
    begin(tower, "V")
    ask(tower, "V")
    cancel(tower, "V", "2026-11-05 10:00")
    tower.at("2026-12-01 10:00").hear("case.disposed.v1")
    tower.sweep()

    failed(tower)

    assert tower.said("deadline.kept") == []
    assert "passed V" in tower.fired()


def test_a_mail_of_a_question_that_was_heard_gives_nothing(tower: Tower) -> None:
    end = begin(tower, "V")
    ask(tower, "V")
    cancel(tower, "V", "2026-11-10 10:00")

    tower.hear("message.delivered.v1", about="data_requested", cycle=None)
    failed(tower, reason="no_address")

    assert tower.clocks()["V1"] == end


def test_a_limit_that_ended_meanwhile_passes_at_once_and_that_is_not_late_by_the_system(
    tower: Tower,
) -> None:
    end = begin(tower, "V")
    ask(tower, "V")
    tower.at("2026-11-16 10:00").sweep()
    assert "passed V" not in tower.fired()
    late = {"what": "passed", "le": "60.0"}
    in_time = REGISTRY.get_sample_value("lapor_escalation_lateness_seconds_bucket", late) or 0

    cancel(tower, "V", "2026-11-16 10:00")
    tower.sweep()

    assert "passed V" in tower.fired()
    assert REGISTRY.get_sample_value("lapor_escalation_lateness_seconds_bucket", late) == (
        in_time + 1
    )
    passed = "SELECT due_at FROM due WHERE what = 'passed' AND fired_at IS NOT NULL"
    assert [rfc3339(at) for (at,) in tower.database.psql(passed)] == [end_of(end)]
    assert tower.count("SELECT count(*) FROM breach WHERE closed_at IS NULL") == 1


def test_who_was_late_already_is_late_again(tower: Tower) -> None:
    begin(tower, "S")
    tower.at("2027-03-01 10:00").sweep()
    assert tower.count("SELECT count(*) FROM breach WHERE closed_at IS NULL") >= 1
    ask(tower, "S", "2027-03-02")
    tower.sweep()

    cancel(tower, "S", "2027-03-04 10:00")
    tower.sweep()

    how = "SELECT how FROM breach b JOIN clock c ON c.id = b.clock_id WHERE c.clock = 'S'"
    assert sorted(str(h) for (h,) in tower.database.psql(how)) == ["None", "paused"]
    assert tower.fired().count("passed S") == 1


@pytest.mark.parametrize(
    ("clock", "then"),
    [("V", "case.disposed.v1"), ("V", "case.archived.v1"), ("S", "case.answered.v1")],
)
def test_who_acts_between_the_cancellation_and_the_sweep_was_late_all_the_same(
    tower: Tower, clock: str, then: str
) -> None:
    end = begin(tower, clock)
    ask(tower, clock)

    cancel(tower, clock, "2027-03-01 10:00")
    tower.hear(then)
    tower.sweep()

    assert f"passed {clock}" in tower.fired()
    said = [fact for fact in tower.said("deadline.passed") if fact["clock"] == clock]
    assert [(fact["due_at"], fact["ends_on"]) for fact in said] == [(end_of(end), end)]
    breaches = "SELECT b.how FROM breach b JOIN clock c ON c.id = b.clock_id WHERE c.clock = %s"
    how = "paused" if then == "case.answered.v1" else "stopped"
    assert tower.database.psql(breaches, [clock]) == [(how,)]


def test_a_hand_over_that_becomes_due_with_a_cancellation_is_not_late_by_the_system(
    tower: Tower,
) -> None:
    begin(tower, "S")
    tower.hear("report.escalation_consented.v1")
    ask(tower, "S")
    late = {"what": "handover", "le": "60.0"}
    in_time = REGISTRY.get_sample_value("lapor_escalation_lateness_seconds_bucket", late) or 0

    cancel(tower, "S", "2026-12-15 10:00")
    tower.sweep()

    assert tower.count("SELECT count(*) FROM case_state WHERE handed_over_at IS NOT NULL") == 1
    assert REGISTRY.get_sample_value("lapor_escalation_lateness_seconds_bucket", late) == (
        in_time + 1
    )
