"""An administrator decrees calendars, their weeks and days, and who works by them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.harness.waiting import eventually
from tests.service.escalation.desk import DAY, GIVEN, HOSPITAL, WEEK, WHO, Desk
from tests.service.escalation.office import Office
from tests.service.escalation.tower import Tower, end_of


def test_a_decree_reaches_the_open_clocks_of_running_workers(
    office: Office, secrets_folder: Path
) -> None:
    """The whole way: the API's row, the database's new version, a worker that measures again."""
    tower = office.tower
    tower.open()
    office.at("2026-11-02 11:00")
    office.start()

    Desk(tower, secrets_folder).decree("calendars/regency/days", DAY)

    eventually(lambda: tower.said("deadline.recomputed"))
    [moved] = tower.said("deadline.recomputed")
    assert (moved["before"], moved["after"]) == (end_of("2026-11-05"), end_of("2026-11-06"))
    assert tower.clocks()["V1"] == "2026-11-06"


def test_a_day_is_corrected_and_taken_back_by_decree_and_stays_to_be_seen(
    tower: Tower, desk: Desk
) -> None:
    tower.open()
    for change in (
        {},
        {"name": "Hari jadi Kabupaten", "decree": "Perbup 72/2026"},
        {"rule": "national", "decree": "Perbup 73/2026"},
    ):
        desk.decree("calendars/regency/days", DAY, **change)
        tower.measure_stale()

    shown = desk.see("calendars/regency/days", year="2026")

    assert [(d["rule"], d["name"], d["decree"], d["state"]) for d in shown["local"]] == [
        ("off", "Hari jadi Kotabaru", "Perbup 71/2026", "superseded"),
        ("off", "Hari jadi Kabupaten", "Perbup 72/2026", "superseded"),
        ("national", "Hari jadi Kotabaru", "Perbup 73/2026", "in_force"),
    ]
    assert {d["decided_by"] for d in shown["local"]} == {str(WHO)}
    assert len(shown["national"]) == 25
    assert shown["decree"].startswith("SKB 3 Menteri")
    assert [f["after"] for f in tower.said("deadline.recomputed")] == [
        end_of("2026-11-06"), end_of("2026-11-05")
    ]  # fmt: skip


def test_a_year_that_nobody_holds_is_told_apart_from_one_without_joint_leave(desk: Desk) -> None:
    assert desk.see("calendars/regency/days", year="2029")["decree"] is None
    assert desk.see("calendars/regency/days", year="2029")["held"]
    assert not desk.see("calendars/regency/days", year="2040")["held"]
    assert desk.see("calendars/regency/days")["year"] == 2026


def test_a_calendar_is_made_given_to_an_agency_and_counts(tower: Tower, desk: Desk) -> None:
    desk.decree("calendars", HOSPITAL)
    desk.decree("calendars/rsud/agencies", GIVEN)
    desk.decree("calendars/rsud/weeks", WEEK, effective_from="2026-11-09", weekdays=[4, 0, 1, 4])
    tower.open()
    tower.dispose(agency="rsud-pjs")

    [regency, hospital] = desk.see("calendars")["calendars"]

    assert (regency["code"], regency["zone"], regency["decided_by"]) == (
        "regency", "Asia/Makassar", None
    )  # fmt: skip
    assert (hospital["code"], hospital["name"], hospital["decided_by"]) == (
        "rsud", "RSUD", str(WHO)
    )  # fmt: skip
    assert [(w["weekdays"], w["state"]) for w in hospital["weeks"]] == [
        ([0, 1, 4], "upcoming"), ([0, 1, 2, 3, 4, 5], "in_force")
    ]  # fmt: skip
    assert [(a["agency"], a["state"]) for a in hospital["agencies"]] == [("rsud-pjs", "in_force")]
    assert tower.clocks()["F1"] == "2026-11-07"


def test_a_calendar_is_made_once(desk: Desk) -> None:
    desk.decree("calendars", HOSPITAL)

    again = [desk.ask("POST", "calendars", HOSPITAL | {"code": c}) for c in ("rsud", "regency")]

    assert [answer.status_code for answer in again] == [409, 409]


def test_two_who_decree_at_once_are_heard_one_after_the_other(desk: Desk) -> None:
    together = threading.Barrier(4)

    def decree(_: int) -> int:
        together.wait()
        return desk.ask("POST", "calendars", HOSPITAL).status_code

    with ThreadPoolExecutor(4) as threads:
        answers = sorted(threads.map(decree, range(4)))

    assert answers == [201, 409, 409, 409]
    assert [a["what"] for a in desk.see("amendments")["amendments"]] == ["calendar"]


@pytest.mark.parametrize("path", ["weeks", "agencies", "days"])
def test_a_calendar_that_is_not_there_is_not_found(desk: Desk, path: str) -> None:
    body = {"weeks": WEEK, "agencies": GIVEN, "days": DAY}[path]

    assert desk.ask("POST", f"calendars/moon/{path}", body).status_code == 404
