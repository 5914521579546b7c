"""The reporter's own time is counted against nobody, also where a case came back."""

from __future__ import annotations

import pytest

from tests.service.escalation.tower import Tower
from tests.service.escalation.window import Window


def come_back(tower: Tower) -> None:
    """Two agencies have returned the case: who decides now asks the reporter, an hour later."""
    tower.open()
    tower.dispose()
    told = {"agency": "dpupr", "status": "unverified", "goes_to": "arbiter"}
    tower.at("2026-11-03 10:00").hear("case.returned.v1", **told, returns=2)
    assert (tower.clocks()["F1"], tower.clocks()["A1"]) == ("2026-11-09", "2026-11-04")
    tower.at("2026-11-03 11:00").hear("case.data_requested.v1", awaited_from="unverified")


def test_who_decides_after_returns_and_asks_is_not_late_by_what_the_reporter_takes(
    tower: Tower, window: Window
) -> None:
    come_back(tower)
    tower.at("2026-11-20 09:00").sweep()
    assert tower.clocks() | {"F1": "paused", "S1": "paused", "A1": "paused"} == tower.clocks()
    assert [line for line in tower.fired() if line.startswith("passed")] == []

    tower.at("2026-11-20 10:00").hear("case.resumed.v1", status="unverified", cycle=1)

    assert (tower.clocks()["A1"], tower.clocks()["F1"]) == ("2026-11-23", "2026-11-27")
    told = window.told("explain")
    for clock, n in (("A1", 13), ("F1", 14)):  # from the day after each began
        stood = [day["reason"] for day in told[clock]["days"] if day["verdict"] == "paused"]
        assert stood == ["data_requested"] * n
        assert f"because the reporter was asked for data: {n}." in told[clock]["sentence"]["en"]
    tower.at("2026-11-24 00:00:01").sweep()
    assert tower.fired().count("passed A") == 1  # the negative control: its own day counts


@pytest.mark.parametrize(("heard", "ends"), [(True, "2026-11-04"), (False, "2026-11-23")])
def test_who_takes_that_question_back_has_gained_no_time_unless_nobody_could_be_told(
    tower: Tower, heard: bool, ends: str
) -> None:
    come_back(tower)
    if not heard:
        tower.hear("message.failed.v1", about="data_requested", cycle=None, reason="expired")

    tower.at("2026-11-20 10:00").hear(
        "case.data_request_cancelled.v1", status="unverified", cycle=1
    )

    assert tower.clocks()["A1"] == ends


def test_an_archiving_for_silence_leaves_the_days_that_were_left(tower: Tower) -> None:
    come_back(tower)
    tower.at("2026-12-04 00:10").hear("case.archived.v1", reason="incomplete")
    tower.at("2026-12-07 10:00").hear("case.objected.v1", status="unverified", cycle=2)

    assert tower.clocks()["A1"] == "2026-12-08"
