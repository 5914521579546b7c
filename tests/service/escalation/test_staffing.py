"""Whoever is away, an escalation reaches somebody; an administrator says who is."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from falcon import testing
from sqlalchemy.exc import DBAPIError

from chassis.tokens import Issuer
from services.escalation import api
from tests.service.escalation.desk import GRANT, WHO
from tests.service.escalation.tower import Tower

AWAY = {
    "post": "head_of_agency", "agency": "dpupr", "standing": "absent",
    "effective_from": "2026-11-02", "decree": "SK Bupati 800/17/2026",
}  # fmt: skip


class Staff:
    """The administrator's window."""

    def __init__(self, tower: Tower, secrets: Path) -> None:
        self.tower = tower
        self.client = testing.TestClient(api.app(tower.settings, tower.db, tower.clock))
        self.issuer = Issuer("routing", (secrets / "staff-token-key.json").read_bytes(), "KEY")

    def ask(self, method: str, body: Any = None, role: str = "administrator") -> Any:
        now = self.tower.clock.now()
        told = {"role": role, "agency": None, "grant": str(GRANT)}
        token = self.issuer.issue("escalation", "officer", str(WHO), now, **told)["token"]
        headers = {"Authorization": f"Bearer {token}"}
        return self.client.simulate_request(method, "/v1/posts", json=body, headers=headers)

    def decree(self, **other: Any) -> None:
        answer = self.ask("POST", AWAY | other)
        assert answer.status_code == 201, answer.text


@pytest.fixture
def staff(tower: Tower, secrets_folder: Path) -> Staff:
    return Staff(tower, secrets_folder)


def raised(tower: Tower) -> list[tuple[str, int, str, str | None]]:
    return [
        (fact["clock"], fact["level"], fact["to"], fact["because"])
        for fact in tower.said("escalation.raised")
    ]


def test_what_was_meant_for_somebody_away_goes_one_up_and_says_why(tower: Tower, staff: Staff):
    staff.decree()
    tower.open()
    tower.dispose()

    tower.at("2026-11-10 08:00").sweep()

    assert raised(tower) == [("F", 1, "sekda", "absent")]


def test_an_empty_desk_reminds_who_stands_above_it(tower: Tower, staff: Staff):
    staff.decree(post="holder", standing="vacant")
    tower.open()
    tower.dispose()

    tower.at("2026-11-09 08:00").sweep()

    reminders = [(f["to"], f["because"], f["agency"]) for f in tower.said("deadline.approaching")]
    assert reminders == [("head_of_agency", "vacant", "dpupr")]


def test_who_acts_for_the_holder_is_reminded_and_what_passed_goes_one_up(
    tower: Tower, staff: Staff
):
    staff.decree(standing="deputised")
    staff.decree(post="holder", standing="deputised")
    tower.open()
    tower.dispose()

    tower.at("2026-11-09 08:00").sweep()
    tower.at("2026-11-10 08:00").sweep()

    reminders = [(f["to"], f["because"]) for f in tower.said("deadline.approaching")]
    assert reminders == [("holder", "deputised")]
    assert raised(tower) == [("F", 1, "sekda", "deputised")]


def test_it_is_looked_up_when_it_fires_and_moves_no_clock(tower: Tower, staff: Staff):
    tower.open()
    tower.dispose()
    before = tower.clocks()
    tower.at("2026-11-10 08:00").sweep()
    tower.at("2026-11-11 09:00")
    staff.decree(post="sekda", agency=None, effective_from="2026-11-11")

    tower.at("2026-11-13 08:00").sweep()

    assert raised(tower) == [
        ("F", 1, "head_of_agency", None),
        ("F", 2, "bupati", "absent"),
    ]
    assert tower.clocks() == before


def test_who_comes_back_is_reached_again(tower: Tower, staff: Staff):
    staff.decree()
    staff.decree(standing="held", effective_from="2026-11-09")
    tower.open()
    tower.dispose()

    tower.at("2026-11-10 08:00").sweep()

    assert raised(tower) == [("F", 1, "head_of_agency", None)]


def test_every_word_is_kept_with_who_entered_it_and_when(tower: Tower, staff: Staff):
    staff.decree()
    staff.decree(standing="held", effective_from="2026-11-09", effective_until="2026-11-30")

    newest, first = staff.ask("GET").json["standings"]

    assert first == AWAY | {
        "id": first["id"], "effective_until": None, "decided_by": str(WHO),
        "decided_at": "2026-11-02T02:00:00+00:00",
    }  # fmt: skip
    assert (newest["standing"], newest["effective_until"]) == ("held", "2026-11-30")
    with pytest.raises(DBAPIError), tower.db.begin() as tx:
        tx.connection().exec_driver_sql("UPDATE post_standing SET standing = 'held'")


@pytest.mark.parametrize(
    ("wrong", "field", "rule"),
    [
        ({"post": "mayor"}, "post", "one_of"),
        ({"standing": "ill"}, "standing", "one_of"),
        ({"post": "sekda"}, "agency", "none"),
        ({"agency": None}, "agency", "required"),
        ({"agency": "DPUPR"}, "agency", "known"),
        ({"agency": "rsud-zzz", "post": "holder"}, "agency", "known"),
        ({"agency": "dpupr "}, "agency", "type"),
        ({"agency": ""}, "agency", "type"),
        ({"effective_from": "2026-11-01"}, "effective_from", "not_past"),
        ({"effective_until": "2026-11-01"}, "effective_until", "range"),
        ({"decree": " "}, "decree", "length"),
        ({"effective_from": "tomorrow"}, "effective_from", "type"),
        ({"name": "Somebody"}, "name", "unknown"),
    ],
)
def test_what_cannot_be_decreed_is_named(tower: Tower, staff: Staff, wrong, field, rule):
    answer = staff.ask("POST", AWAY | wrong)

    assert answer.status_code == 422
    found = [(e["field"], e["rule"]) for e in answer.json["errors"]]
    assert found == [(field, rule)]
    assert tower.count("SELECT count(*) FROM post_standing") == 0


@pytest.mark.parametrize("role", ["coordinator", "liaison", "arbiter", "supervisor"])
def test_only_an_administrator_says_who_is_where(staff: Staff, role: str):
    assert staff.ask("POST", AWAY, role).status_code == 403
    assert staff.ask("GET", role=role).status_code == 403


@pytest.mark.parametrize(("clock", "ends"), [("D", "2026-12-02"), ("R", "2026-11-16")])
def test_the_reporter_is_reminded_three_working_days_before_their_own_time_ends(
    tower: Tower, clock: str, ends: str
) -> None:
    tower.begin_work()
    if clock == "D":
        tower.hear("case.data_requested.v1", awaited_from="in_progress")
    else:
        tower.answer()
        tower.deliver()
    assert tower.clocks()[f"{clock}1"] == ends
    day = {"D": "2026-11-27", "R": "2026-11-11"}[clock]

    tower.at(f"{day} 23:59:59").sweep()
    assert tower.fired() == []
    tower.at(f"{day} 23:59:59").clock.at += timedelta(seconds=1)
    tower.sweep()

    assert tower.fired() == [f"approaching {clock}"]
    assert tower.said("deadline.approaching")[0]["to"] is None
