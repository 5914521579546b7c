"""What is told of a case's limits, over HTTP, to who may see the case."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from falcon import testing

from chassis.tokens import LIFETIME
from services.escalation.models import LocalDay
from tests.service.escalation.tower import NUMBER, Tower
from tests.service.escalation.window import Window

OTHER = "KTB-98765-43210"
WAITING = {"awaited_from": "in_progress"}


def test_a_case_tells_each_limit_with_its_rule_and_how_it_stands(window: Window, tower: Tower):
    tower.open()
    tower.dispose()

    told = window.told()

    assert {name: (d["state"], d["ends_on"]) for name, d in told.items()} == {
        "V1": ("stopped", "2026-11-05"),
        "H1": ("running", "2027-01-01"),
        "F1": ("running", "2026-11-09"),
        "S1": ("running", "2026-11-20"),
    }
    assert told["S1"]["limit"] == {
        "days": 14, "unit": "working", "effective_from": "2019-01-01",
        "decree": "PermenPANRB 62/2018, diganti dengan 5/2025 (angkanya belum dipastikan)",
    }  # fmt: skip
    assert "Ends on Monday, 9 November 2026" in told["F1"]["sentence"]["en"]
    assert "days" not in told["S1"]


def test_the_explanation_names_every_day_between_start_and_end(window: Window, tower: Tower):
    tower.at("2026-12-23 10:00").open()

    [limit] = window.told("explain", clock="V").values()

    assert [(d["on"], d["verdict"]) for d in limit["days"]] == [
        ("2026-12-24", "skipped"), ("2026-12-25", "skipped"), ("2026-12-26", "skipped"),
        ("2026-12-27", "skipped"), ("2026-12-28", "counted"), ("2026-12-29", "counted"),
        ("2026-12-30", "counted"),
    ]  # fmt: skip
    assert all("SKB 3 Menteri" in d["basis"] for d in limit["days"][:2])
    assert [d["reason"] for d in limit["days"][2:4]] == ["weekend", "weekend"]
    assert limit["ends_on"] == "2026-12-30"


def test_a_paused_clock_has_no_end_and_its_changes_are_told(window: Window, tower: Tower):
    tower.begin_work()
    tower.at("2026-11-04 09:00").hear("case.data_requested.v1", awaited_from="in_progress")

    limit = window.told()["S1"]

    assert (limit["state"], limit["ends_on"]) == ("paused", None)
    assert limit["changes"] == [
        {"on": "2026-11-04", "before": "2026-11-20", "after": None, "reason": "paused"}
    ]
    because = "The clock stands because the reporter was asked for data."
    assert f"{because} Days counted so far: 1." in limit["sentence"]["en"]


def test_each_day_on_which_a_clock_stood_says_why(window: Window, tower: Tower):
    tower.begin_work()
    tower.at("2026-11-04 09:00").hear("case.data_requested.v1", awaited_from="in_progress")
    tower.at("2026-11-05 09:00").hear("case.resumed.v1", status="in_progress")
    tower.at("2026-11-06 09:00").answer()
    tower.at("2026-11-10 09:00").hear("case.objected.v1", status="in_progress", cycle=2)
    tower.at("2026-11-11 09:00").hear("case.archived.v1")
    tower.at("2026-11-13 09:00").hear("case.objected.v1", status="unverified", cycle=2)
    tower.at("2026-11-16 09:00").hear("case.forwarded.v1")
    tower.at("2026-11-17 09:00").hear("case.objected.v1", status="unverified", cycle=3)
    tower.database.psql("UPDATE pause SET because = NULL WHERE because = 'answer_given'")

    limit = window.told("explain")["S1"]

    stood = {day["on"]: day["reason"] for day in limit["days"] if day["verdict"] == "paused"}
    assert stood == {
        "2026-11-04": "data_requested", "2026-11-05": "data_requested",
        "2026-11-06": "paused", "2026-11-09": "paused", "2026-11-10": "paused",
        "2026-11-11": "archived", "2026-11-12": "archived", "2026-11-13": "archived",
        "2026-11-16": "forwarded", "2026-11-17": "forwarded",
    }  # fmt: skip
    assert "because the reporter was asked for data: 2." in limit["sentence"]["en"]
    assert "karena laporan diarsipkan: 3." in limit["sentence"]["id"]
    assert "karena laporan diteruskan ke luar: 2." in limit["sentence"]["id"]
    assert "to Tuesday, 10 November 2026: 3." in limit["sentence"]["en"]


def test_a_reporter_who_cannot_be_reached_is_why_their_own_time_stands(
    window: Window, tower: Tower
):
    tower.begin_work()
    tower.answer()
    tower.deliver()
    tower.hear("message.failed.v1", about="answered", cycle=1, reason="rejected")

    said = window.told("explain")["R1"]["sentence"]

    assert "because the reporter could not be reached" in said["en"]


def test_a_clock_and_its_changes_are_told_as_of_one_moment(window: Window, tower: Tower):
    """A clock is paused after it was read and before its changes are."""
    tower.begin_work()
    heard: list[str] = []

    def pause(_: Any, __: Any, statement: str, *___: Any) -> None:
        if "FROM clock_change" in statement and not heard:
            heard.append("pausing")
            heard.append(tower.at("2026-11-04 09:00").hear("case.data_requested.v1", **WAITING))

    sa.event.listen(tower.engine, "before_cursor_execute", pause)
    meanwhile, afterwards = window.told()["S1"], window.told()["S1"]
    sa.event.remove(tower.engine, "before_cursor_execute", pause)

    assert heard == ["pausing", "done"]
    assert (meanwhile["state"], meanwhile["changes"]) == ("running", [])
    assert (afterwards["state"], len(afterwards["changes"])) == ("paused", 1)


def test_no_moment_is_told_only_days(window: Window, tower: Tower):
    tower.begin_work()
    tower.at("2026-11-04 09:41").hear("case.data_requested.v1", awaited_from="in_progress")
    tower.at("2026-11-06 17:13").hear("case.resumed.v1", status="in_progress")

    text = window.ask("explain").text

    assert "09:41" not in text
    assert "17:13" not in text
    assert "T0" not in text
    assert "T1" not in text


def test_one_round_of_one_clock_can_be_asked_for(window: Window, tower: Tower):
    tower.begin_work()
    tower.answer()
    tower.deliver()

    assert set(window.told("explain", clock="R", cycle="1")) == {"R1"}
    assert window.told("explain", clock="R", cycle="2") == {}


@pytest.mark.parametrize(
    ("query", "field"), [({"clock": "X"}, "clock"), ({"cycle": "0"}, "cycle"), ({"a": "1"}, "a")]
)
def test_what_cannot_be_asked_for_is_named(window: Window, tower: Tower, query, field):
    tower.open()

    answer = window.ask("explain", **query)

    assert answer.status_code == 422
    assert [e["field"] for e in answer.json["errors"]] == [field]


def test_an_end_that_cannot_be_told_says_so(window: Window, tower: Tower):
    tower.open()
    tower.database.psql("DELETE FROM due; UPDATE clock SET rule_id = NULL; DELETE FROM limit_rule")
    tower.measure_stale()

    limit = window.told()["V1"]

    assert (limit["state"], limit["limit"]) == ("unknown", None)
    assert "cannot be computed" in limit["sentence"]["en"]


def test_who_has_no_token_of_the_case_sees_nothing(window: Window, tower: Tower):
    tower.open()
    tower.open(OTHER)
    ended = window.token()
    foreign = window.ask(token=window.token(number=OTHER))
    missing = window.ask(number="KTB-00000-00001", token=window.token())

    assert foreign.status_code == missing.status_code == 404
    assert foreign.json | {"instance": ""} == missing.json | {"instance": ""}
    assert window.ask(token=window.token("routing", scope="officer")).status_code == 401
    assert window.ask(token="of.nobody.else").status_code == 401
    tower.clock.at += LIFETIME
    assert window.ask(token=ended).status_code == 401


def test_intake_cannot_say_who_is_an_officer(window: Window, tower: Tower):
    """The keys are apart: whoever breaks into intake makes no administrator."""
    from services.escalation.callers import Callers

    callers = Callers(tower.settings, tower.db, tower.clock)
    forged = window.token("intake", scope="officer")
    request = testing.create_req(headers={"Authorization": f"Bearer {forged}"})

    with pytest.raises(Exception, match="officer's token"):
        callers.officer(request)


def test_a_limit_is_explained_by_the_calendar_of_its_clock(window: Window, tower: Tower):
    tower.database.psql("""
        INSERT INTO service_calendar VALUES ('east', 'Kantor timur', 'Asia/Jayapura', 'Perbup 1');
        INSERT INTO calendar_week (calendar, weekdays, national_days, joint_leave, effective_from,
            decree) VALUES ('east', '{0,1,2,3,4,5}', true, true, '2026-01-01', 'Perbup 1');
        INSERT INTO calendar_assignment (agency, calendar, effective_from, decree)
            VALUES ('timur', 'east', '2026-01-01', 'Perbup 1')
    """)
    tower.at("2026-11-05 23:30").open()
    tower.dispose(agency="timur")

    told = window.told("explain")

    assert (told["F1"]["zone"], told["V1"]["zone"]) == ("Asia/Jayapura", "Asia/Makassar")
    assert (told["F1"]["started_on"], told["V1"]["started_on"]) == ("2026-11-06", "2026-11-05")
    assert [(d["on"], d["verdict"]) for d in told["F1"]["days"][:3]] == [
        ("2026-11-07", "counted"), ("2026-11-08", "skipped"), ("2026-11-09", "counted"),
    ]  # fmt: skip
    assert told["F1"]["ends_on"] == "2026-11-12"


def test_a_day_that_a_decree_has_worked_names_the_decree(window: Window, tower: Tower):
    with tower.db.begin() as tx:
        worked = {"day": "2026-11-07", "rule": "worked", "name": "Piket", "decree": "Perbup 9/2026"}
        tx.add(LocalDay(calendar="regency", **worked))
    tower.at("2026-11-06 10:00").open()

    limit = window.told("explain")["V1"]

    saturday = limit["days"][0]
    assert saturday == {
        "on": "2026-11-07", "verdict": "counted", "reason": "Piket", "basis": "Perbup 9/2026",
    }  # fmt: skip
    assert "7 November 2026, Piket (Perbup 9/2026)." in limit["sentence"]["id"]
    assert "pukul 23.59.59 WITA." in limit["sentence"]["id"]


@pytest.mark.parametrize("what", ["deadlines", "explain"])
def test_a_number_is_read_however_it_was_typed(window: Window, tower: Tower, what: str):
    tower.open()

    assert window.ask(what, number=NUMBER.lower()).json == window.ask(what).json
    other = window.ask(what, number=OTHER.lower())
    assert other.status_code == window.ask(what, number=OTHER).status_code == 404
