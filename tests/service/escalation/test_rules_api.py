"""An administrator amends the rules by decree: nothing is overwritten, who did it is kept, and
every open clock follows."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from falcon import testing
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from chassis.tokens import Issuer
from services.escalation import amending, api, what_if
from tests.harness.waiting import eventually
from tests.service.escalation.office import Office
from tests.service.escalation.tower import NUMBER, Tower, end_of

WHO = UUID("7d8a8f3e-6c5b-4a52-9f6a-7a0f7f1f2a11")
OTHER = "KTB-34567-00001"
DECREE = "Perbup 71/2026"
LIMIT = {"clock": "V", "days": 5, "unit": "working", "effective_from": "2026-11-02",
         "decree": DECREE}  # fmt: skip
RUNG = {"clock": "V", "level": 2, "after_days": 1, "brought_to": "sekda",
        "effective_from": "2026-11-02", "decree": DECREE}  # fmt: skip
DAY = {"day": "2026-11-05", "rule": "off", "name": "Hari jadi Kotabaru", "decree": DECREE}
WEEK = {"weekdays": [0, 1, 2, 3, 4, 5], "national_days": True, "joint_leave": False,
        "effective_from": "2026-11-02", "decree": DECREE}  # fmt: skip
HOSPITAL = WEEK | {"code": "rsud", "name": "RSUD", "zone": "Asia/Makassar"}
GIVEN = {"agency": "rsud", "effective_from": "2026-11-02", "decree": DECREE}


class Desk:
    """The administrator's."""

    def __init__(self, tower: Tower, secrets: Path) -> None:
        self.tower = tower
        self.client = testing.TestClient(api.app(tower.settings, tower.db, tower.clock))
        self.issuer = Issuer("routing", (secrets / "staff-token-key.json").read_bytes(), "KEY")

    def ask(self, method: str, path: str, body: Any = None, role: str = "administrator", **query):
        now, told = self.tower.clock.now(), {"role": role, "agency": None}
        token = self.issuer.issue("escalation", "officer", str(WHO), now, **told)["token"]
        headers = {"Authorization": f"Bearer {token}"}
        return self.client.simulate_request(
            method, f"/v1/{path}", json=body, headers=headers, params=query
        )

    def see(self, path: str, **query: Any) -> Any:
        answer = self.ask("GET", path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json

    def decree(self, path: str, body: Any, **other: Any) -> Any:
        answer = self.ask("POST", path, body | other)
        assert answer.status_code == 201, answer.text
        return answer.json

    def preview(self, path: str, body: Any, **other: Any) -> Any:
        answer = self.ask("POST", path, body | other, preview="true")
        assert answer.status_code == 200, answer.text
        return answer.json

    def refused(self, path: str, body: Any) -> list[tuple[str, str]]:
        answer = self.ask("POST", path, body)
        assert answer.status_code == 422, answer.text
        return sorted((e["field"], e["rule"]) for e in answer.json["errors"])


@pytest.fixture
def desk(tower: Tower, secrets_folder: Path) -> Desk:
    return Desk(tower, secrets_folder)


def test_a_decreed_limit_moves_what_is_open_and_says_so(tower: Tower, desk: Desk) -> None:
    tower.open()

    answer = desk.decree("limits", LIMIT)
    tower.measure_stale()

    assert answer["applied"]
    assert not answer["retroactive"]
    assert tower.clocks()["V1"] == "2026-11-09"
    [moved] = tower.said("deadline.recomputed")
    assert (moved["reason"], moved["before"], moved["after"]) == (
        "limit", end_of("2026-11-05"), end_of("2026-11-09")
    )  # fmt: skip
    kept = "SELECT before < after, reason, regime FROM clock_change"
    version = tower.count("SELECT version FROM regime")
    assert tower.database.psql(kept) == [(True, "limit", version)]


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


def test_a_preview_tells_what_would_move_and_moves_nothing(tower: Tower, desk: Desk) -> None:
    tower.open()
    tower.open(OTHER)
    tower.dispose(OTHER)
    version = tower.count("SELECT version FROM regime")

    told = [
        desk.preview("limits", LIMIT),
        desk.preview("limits", LIMIT, days=1000),
        desk.preview("ladder", RUNG),
        desk.preview("calendars/regency/days", DAY),
        desk.preview("calendars/regency/weeks", WEEK),
        desk.preview("calendars", HOSPITAL),
    ]

    # open are V and H of one case; F, S and H of the other; V ends before the first Saturday
    assert [(t["other_end"], t["other_ladder"], t["unknown"]) for t in told] == [
        (1, 0, 0), (1, 0, 0), (0, 1, 0), (3, 0, 0), (2, 1, 0), (0, 0, 0)
    ]  # fmt: skip
    assert {(t["open_clocks"], t["complete"], t["applied"], t["id"]) for t in told} == {
        (5, True, False, None)
    }
    assert tower.count("SELECT version FROM regime") == version
    assert tower.count("SELECT count(*) FROM amendment") == 0
    assert tower.count("SELECT count(*) FROM local_day") == 0
    tower.measure_stale()
    assert tower.said("deadline.recomputed") == []


def test_what_a_preview_foretells_is_what_comes_true(tower: Tower, desk: Desk) -> None:
    for n in range(6):
        tower.open(f"KTB-34567-0000{n}")
        if n % 2:
            tower.dispose(f"KTB-34567-0000{n}")
    foretold = desk.preview("calendars/regency/days", DAY)

    desk.decree("calendars/regency/days", DAY)
    tower.measure_stale()

    moved = tower.count("SELECT count(*) FROM outbox WHERE type = 'deadline.recomputed.v1'")
    assert moved == foretold["other_end"] == 9


def test_a_preview_looks_at_so_many_clocks_and_says_so(
    tower: Tower, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(amending, "MOST_MEASURED", 1)
    tower.open()

    told = desk.preview("limits", LIMIT)

    assert (told["open_clocks"], told["complete"]) == (1, False)


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


def test_superseded_limits_and_rungs_stay_to_be_seen(tower: Tower, desk: Desk) -> None:
    desk.decree("limits", LIMIT)
    desk.decree("limits", LIMIT, days=4, decree="Perbup 72/2026")
    desk.decree("limits", LIMIT, days=2, effective_from="2027-01-01")
    desk.decree("ladder", RUNG)

    limits = [d for d in desk.see("limits")["limits"] if d["clock"] == "V"]
    rungs = [d for d in desk.see("ladder")["ladder"] if (d["clock"], d["level"]) == ("V", 2)]

    assert [(d["days"], d["state"], d["decided_by"]) for d in limits] == [
        (2, "upcoming", str(WHO)),
        (4, "in_force", str(WHO)),
        (5, "superseded", str(WHO)),
        (3, "superseded", None),
    ]
    assert [(d["after_days"], d["state"]) for d in rungs] == [(1, "in_force"), (3, "superseded")]
    assert limits[0]["class"] is None
    tower.open()
    assert tower.clocks()["V1"] == "2026-11-06"


def test_a_calendar_is_made_given_to_an_agency_and_counts(tower: Tower, desk: Desk) -> None:
    desk.decree("calendars", HOSPITAL)
    desk.decree("calendars/rsud/agencies", GIVEN)
    desk.decree("calendars/rsud/weeks", WEEK, effective_from="2026-11-09", weekdays=[4, 0, 1, 4])
    tower.open()
    tower.dispose(agency="rsud")

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
    assert [(a["agency"], a["state"]) for a in hospital["agencies"]] == [("rsud", "in_force")]
    assert tower.clocks()["F1"] == "2026-11-07"


def test_a_calendar_is_made_once(desk: Desk) -> None:
    desk.decree("calendars", HOSPITAL)

    again = [desk.ask("POST", "calendars", HOSPITAL | {"code": c}) for c in ("rsud", "regency")]

    assert [answer.status_code for answer in again] == [409, 409]


def test_the_past_is_amended_only_by_name_and_the_history_says_so(tower: Tower, desk: Desk) -> None:
    assert desk.refused("limits", LIMIT | {"effective_from": "2026-11-01"}) == [
        ("effective_from", "not_past")
    ]
    assert desk.refused("calendars/regency/days", DAY | {"day": "2026-10-28"}) == [
        ("day", "not_past")
    ]
    tower.at("2026-10-30 10:00").open()

    told = desk.decree("limits", LIMIT, effective_from="2026-10-01", retroactive=True)
    tower.measure_stale()
    desk.decree("limits", LIMIT, effective_from="2026-12-01", retroactive=True)

    assert told["retroactive"]
    assert tower.clocks()["V1"] == "2026-11-06"
    assert [a["retroactive"] for a in desk.see("amendments")["amendments"]] == [False, True]


def test_every_amendment_is_kept_with_who_when_and_by_which_decree(
    tower: Tower, desk: Desk
) -> None:
    made = desk.decree("limits", LIMIT, kind="complaint", **{"class": "ordinary"}, clock="S")
    desk.decree("ladder", RUNG)
    desk.decree("calendars", HOSPITAL)
    desk.decree("calendars/rsud/weeks", WEEK)
    desk.decree("calendars/rsud/agencies", GIVEN)
    desk.decree("calendars/rsud/days", DAY)

    kept = desk.see("amendments")["amendments"]

    assert [a["what"] for a in kept] == ["day", "assignment", "week", "calendar", "rung", "limit"]
    assert kept[-1] == {
        "id": kept[-1]["id"], "what": "limit", "row_id": made["id"], "decree": DECREE,
        "retroactive": False, "decided_by": str(WHO), "decided_as": None,
        "decided_at": "2026-11-02T02:00:00+00:00",
        "detail": {"clock": "S", "kind": "complaint", "class": "ordinary", "days": 5,
                   "unit": "working", "effective_from": "2026-11-02"},
    }  # fmt: skip
    older = desk.see("amendments", before=str(kept[1]["id"]))["amendments"]
    assert older == kept[2:]


def test_what_was_kept_of_an_amendment_cannot_be_changed(tower: Tower, desk: Desk) -> None:
    desk.decree("limits", LIMIT)
    owner = create_engine(tower.database.owner_url)
    for engine, why in ((tower.engine, "permission denied"), (owner, "only added to")):
        with pytest.raises(DBAPIError, match=why), engine.begin() as connection:
            connection.execute(text("UPDATE amendment SET decree = 'x'"))
    owner.dispose()


WRONG = [
    ("limits", LIMIT | {"clock": "X"}, [("clock", "one_of")]),
    ("limits", LIMIT | {"days": 0}, [("days", "range")]),
    ("limits", LIMIT | {"unit": "weeks"}, [("unit", "one_of")]),
    ("limits", LIMIT | {"kind": "aspiration", "class": "ordinary"}, [("class", "kind")]),
    ("limits", {k: v for k, v in LIMIT.items() if k != "decree"}, [("decree", "required")]),
    ("limits", LIMIT | {"decree": "  "}, [("decree", "length")]),
    ("limits", LIMIT | {"effective_from": "soon"}, [("effective_from", "type")]),
    ("limits", LIMIT | {"retroactive": "yes"}, [("retroactive", "type")]),
    ("limits", LIMIT | {"id": 1}, [("id", "unknown")]),
    ("ladder", RUNG | {"level": 4}, [("level", "range")]),
    ("ladder", RUNG | {"level": 0}, [("after_days", "level"), ("brought_to", "level")]),
    ("ladder", RUNG | {"after_days": -1}, [("after_days", "level")]),
    ("ladder", RUNG | {"brought_to": "holder"}, [("brought_to", "level")]),
    ("ladder", RUNG | {"brought_to": "camat"}, [("brought_to", "one_of")]),
    ("ladder", RUNG | {"clock": "H"}, [("clock", "level")]),
    ("calendars", HOSPITAL | {"code": "The Hospital"}, [("code", "type")]),
    ("calendars", HOSPITAL | {"zone": "Asia/Tokyo"}, [("zone", "one_of")]),
    ("calendars", HOSPITAL | {"weekdays": []}, [("weekdays", "length")]),
    ("calendars", HOSPITAL | {"weekdays": [7]}, [("weekdays.0", "range")]),
    ("calendars/regency/weeks", WEEK | {"joint_leave": 1}, [("joint_leave", "type")]),
    ("calendars/regency/days", DAY | {"rule": "half"}, [("rule", "one_of")]),
    ("calendars/regency/days", DAY | {"name": "a\nb"}, [("name", "characters")]),
    ("calendars/regency/agencies", GIVEN | {"agency": ""}, [("agency", "length")]),
]


@pytest.mark.parametrize(("path", "body", "wrong"), WRONG)
def test_what_cannot_be_decreed_is_named_and_leaves_nothing(
    tower: Tower, desk: Desk, path: str, body: Any, wrong: list[tuple[str, str]]
) -> None:
    version = tower.count("SELECT version FROM regime")

    assert desk.refused(path, body) == wrong
    assert tower.count("SELECT version FROM regime") == version
    assert tower.count("SELECT count(*) FROM amendment") == 0


@pytest.mark.parametrize("path", ["weeks", "agencies", "days"])
def test_a_calendar_that_is_not_there_is_not_found(desk: Desk, path: str) -> None:
    body = {"weeks": WEEK, "agencies": GIVEN, "days": DAY}[path]

    assert desk.ask("POST", f"calendars/moon/{path}", body).status_code == 404


@pytest.mark.parametrize("role", ["coordinator", "liaison", "arbiter", "supervisor"])
def test_only_an_administrator_sees_and_amends_the_rules(desk: Desk, role: str) -> None:
    for path, body in (("limits", LIMIT), ("ladder", RUNG), ("calendars", HOSPITAL),
                       ("calendars/regency/days", DAY)):  # fmt: skip
        assert desk.ask("POST", path, body, role).status_code == 403
        assert desk.ask("GET", path, role=role).status_code == 403
    assert desk.ask("GET", "amendments", role=role).status_code == 403


def test_history_under_other_rules_is_told_without_changing_them(
    tower: Tower, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    tower.open()
    tower.at("2026-11-10 10:00").sweep()
    longer = {"limits": [{"clock": "V", "days": 30, "unit": "working"}]}
    version = tower.count("SELECT version FROM regime")

    answer = desk.ask("POST", "what-if", longer)

    assert answer.status_code == 200, answer.text
    assert (answer.json["clocks"], answer.json["complete"]) == (2, True)
    assert answer.json["unlike_history"] == 0
    assert answer.json["no_longer_late"] == [{"clock": "V", "agency": None, "count": 1}]
    assert answer.json["before"]["raised"] == [
        {"level": 1, "to": "head_of_coordinator", "count": 1}
    ]
    assert NUMBER not in answer.text
    assert tower.count("SELECT version FROM regime") == version
    assert desk.ask("POST", "what-if", longer, "coordinator").status_code == 403
    assert desk.refused("what-if", {"ladder": [RUNG | {"level": 0}]})[0][0].startswith("ladder.0")

    monkeypatch.setattr(what_if, "MOST_CLOCKS", 1)
    bounded = desk.ask("POST", "what-if", longer).json
    assert (bounded["clocks"], bounded["complete"]) == (1, False)
    monkeypatch.setattr(what_if, "LONGEST", timedelta())
    assert not desk.ask("POST", "what-if", longer).json["complete"]


def test_a_case_is_not_named_anywhere_in_the_rules(tower: Tower, desk: Desk) -> None:
    tower.open()
    desk.decree("limits", LIMIT)

    assert NUMBER not in desk.ask("GET", "amendments").text
    assert NUMBER not in desk.ask("POST", "limits", LIMIT, preview="true").text
