"""A limit that the rules now in force say had not passed gives no right."""

from __future__ import annotations

from tests.service.escalation.test_calendars import decree
from tests.service.escalation.tower import NUMBER, Tower

S_ENDS = "2026-11-20"  # of a case that was disposed of on Monday, 2 November
OTHER = "KTB-23456-78901"


def consented(tower: Tower) -> list[str]:
    """Which cases are handed over once the reporter consents."""
    tower.hear("report.escalation_consented.v1")
    tower.clock.at = tower.clock.at.replace(second=30)
    tower.sweep()
    tower.append()
    return [entry["subject"] for entry in tower.entries("handovers")]


def answered_late(tower: Tower) -> None:
    tower.begin_work()
    tower.at("2026-11-21 00:00:05").sweep()
    assert tower.said("escalation.offered") != []
    tower.at("2026-11-23 10:00").answer()


def passed(tower: Tower) -> int:
    return tower.count("SELECT count(*) FROM clock WHERE clock = 'S' AND passed_at IS NOT NULL")


def test_a_clock_that_stands_and_has_a_longer_limit_has_not_passed(tower: Tower) -> None:
    """Nobody is told that it had been kept: it had not, by the rules of that time."""
    answered_late(tower)

    tower.at("2026-11-24 10:00").hear(
        "case.reclassified.v1", status="answered", kind="complaint", **{"class": "supervisory"}
    )

    assert passed(tower) == 0
    assert tower.said("deadline.kept") == []
    assert tower.closings()[-1] == "S paused"
    assert consented(tower.at("2026-11-25 10:00")) == []


def test_a_day_off_decreed_meanwhile_takes_it_back_too(tower: Tower) -> None:
    answered_late(tower)

    decree(tower.at("2026-11-24 10:00"), "regency", S_ENDS, "off")
    decree(tower, "regency", "2026-11-19", "off")
    tower.measure_stale()

    assert passed(tower) == 0
    assert consented(tower.at("2026-11-25 10:00")) == []


def test_what_had_passed_before_its_clock_stood_stays_passed(tower: Tower) -> None:
    answered_late(tower)

    decree(tower.at("2026-11-24 10:00"), "regency", "2026-12-01", "off")
    tower.measure_stale()

    assert passed(tower) == 1
    assert consented(tower.at("2026-11-25 10:00")) == [NUMBER]


def test_who_lost_the_right_to_the_ombudsman_is_offered_it_with_the_next_limit(
    tower: Tower,
) -> None:
    tower.begin_work()
    tower.at("2026-11-21 00:00:05").sweep()

    tower.at("2026-11-24 10:00").hear(
        "case.reclassified.v1", status="in_progress", kind="complaint", **{"class": "supervisory"}
    )
    tower.at("2027-01-02 10:00").sweep()

    reasons = [offered["reason"] for offered in tower.said("escalation.offered")]
    assert reasons == ["settlement_passed", "handover_limit"]


def test_who_objects_to_an_archiving_is_not_offered_it_twice(tower: Tower) -> None:
    tower.open()
    tower.at("2027-01-02 10:00").sweep()
    tower.at("2027-01-04 10:00").dispose()
    tower.at("2027-01-05 10:00").hear("case.archived.v1", reason="incomplete")
    tower.at("2027-01-06 10:00").hear("case.objected.v1", status="unverified", cycle=2)

    tower.at("2027-02-10 10:00").sweep()

    assert "passed S" in tower.fired()
    assert [o["reason"] for o in tower.said("escalation.offered")] == ["handover_limit"]


def test_a_closed_case_that_joins_an_open_one_is_offered_it_anew(tower: Tower) -> None:
    answered_late(tower)
    tower.at("2026-12-08 10:00").hear("case.closed.v1", how="accepted", cycle=1)
    tower.at("2026-12-14 10:00").hear("case.merged.v1", status="in_progress", cycle=2)

    tower.at("2027-02-15 10:00").sweep()

    reasons = [offered["reason"] for offered in tower.said("escalation.offered")]
    assert reasons == ["settlement_passed", "handover_limit"]


def test_while_the_coordinator_asks_about_a_case_that_came_back_it_is_not_to_be_settled(
    tower: Tower,
) -> None:
    tower.begin_work()
    tower.at("2026-11-03 09:00").hear(
        "case.returned.v1", status="unverified", agency="dpupr", goes_to="coordinator", returns=1
    )
    tower.at("2026-11-03 10:00").hear("case.data_requested.v1", awaited_from="unverified")
    assert tower.clocks()["S1"] == "paused"

    tower.at("2026-11-05 10:00").hear("case.resumed.v1", status="unverified", cycle=1)
    assert tower.clocks()["S1"] == "2026-11-25"  # three days did not run whole
