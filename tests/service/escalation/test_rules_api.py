"""An administrator amends the rules by decree: nothing is overwritten, who did it is kept, and
every open clock follows."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from services.escalation.rules import amending, histories, what_if
from tests.service.escalation.desk import (
    DAY,
    DECREE,
    GIVEN,
    HOSPITAL,
    LIMIT,
    POST,
    RUNG,
    WEEK,
    WHO,
    Desk,
)
from tests.service.escalation.tower import NUMBER, Tower, end_of

REMINDER = {"level": 0, "after_days": -1, "brought_to": "holder"}
FORETOLD: list[tuple[str, dict[str, Any]]] = [
    ("limits", LIMIT | {"clock": "S", "kind": "complaint", "class": "supervisory"}),
    ("limits", LIMIT | {"clock": "F", "days": 1000}),
    ("ladder", RUNG | {"clock": "F"}),
    ("calendars/rsud/days", DAY),
    ("calendars/rsud/weeks", WEEK | {"weekdays": [0]}),
]


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


def test_a_preview_tells_what_would_move_and_moves_nothing(tower: Tower, desk: Desk) -> None:
    for n in range(6):
        tower.open(f"KTB-34567-0000{n}")
        tower.open(f"KTB-34568-0000{n}")
        tower.dispose(f"KTB-34568-0000{n}")
    version = tower.count("SELECT version FROM regime")

    told = [
        desk.preview("limits", LIMIT),
        desk.preview("limits", LIMIT, days=1000),
        desk.preview("ladder", RUNG),
        desk.preview("calendars/regency/days", DAY),
        desk.preview("calendars/regency/weeks", WEEK),
        desk.preview("calendars", HOSPITAL),
    ]

    # open are V and H of six cases; F, S and H of six others; V ends before the first Saturday
    assert [(t["other_end"], t["other_ladder"], t["unknown"]) for t in told] == [
        (5, 0, 0), (5, 0, 0), (0, 5, 0), (15, 0, 0), (10, 5, 0), (0, 0, 0)
    ]  # fmt: skip
    assert {(t["open_clocks"], t["complete"], t["applied"], t["id"]) for t in told} == {
        (30, True, False, None)
    }
    assert tower.count("SELECT version FROM regime") == version
    assert tower.count("SELECT count(*) FROM amendment") == 0
    assert tower.count("SELECT count(*) FROM local_day") == 0
    tower.measure_stale()
    assert tower.said("deadline.recomputed") == []


def test_what_a_preview_foretells_is_what_comes_true(tower: Tower, desk: Desk) -> None:
    for n in range(7):
        tower.open(f"KTB-34567-0000{n}")
        if n % 2:
            tower.dispose(f"KTB-34567-0000{n}")
    foretold = desk.preview("calendars/regency/days", DAY)

    desk.decree("calendars/regency/days", DAY)
    tower.measure_stale()

    moved = tower.count("SELECT count(*) FROM outbox WHERE type = 'deadline.recomputed.v1'")
    assert moved == foretold["other_end"] == 10


def test_a_preview_looks_at_so_many_clocks_and_says_so(
    tower: Tower, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(amending, "MOST_MEASURED", 5)
    for n in range(3):
        tower.open(f"KTB-34567-0000{n}")

    told = desk.preview("limits", LIMIT)

    assert (told["open_clocks"], told["complete"]) == (5, False)
    monkeypatch.setattr(histories, "LONGEST", 0.0)
    told = desk.preview("limits", LIMIT)
    assert (told["open_clocks"], told["complete"]) == (0, False)


def test_no_preview_tells_of_a_case_by_itself(tower: Tower, desk: Desk) -> None:
    """Else a day off in a hospital's calendar told whether a case is there, and when it ends."""
    desk.decree("calendars", HOSPITAL)
    desk.decree("calendars/rsud/agencies", GIVEN)
    without = [desk.preview(path, body) for path, body in FORETOLD]

    tower.open()
    tower.dispose(agency="rsud-pjs", **{"class": "supervisory"})

    assert [desk.preview(path, body) for path, body in FORETOLD] == without


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


def test_a_rule_that_would_make_many_late_at_once_waits_for_a_person(
    tower: Tower, desk: Desk
) -> None:
    """Forty cases, for which a limit of one day has passed already: the breaker holds them."""
    for n in range(40):
        tower.open(f"KTB-34567-{n:05}")
    tower.at("2026-11-04 10:00")

    desk.decree("limits", LIMIT, days=1, effective_from="2026-11-01", retroactive=True)
    tower.measure_stale()
    tower.sweep()

    assert tower.clocks("KTB-34567-00000")["V1"] == "2026-11-03"
    assert tower.count("SELECT count(*) FROM clock WHERE passed_at IS NOT NULL") == 0
    assert tower.database.psql("SELECT reason FROM breaker") == [("mass_firing",)]


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


@pytest.mark.parametrize(
    ("path", "body", "table"),
    [("limits", LIMIT, "amendment"), ("ladder", RUNG, "amendment"),
     ("calendars", HOSPITAL, "amendment"), ("calendars/regency/days", DAY, "amendment"),
     ("calendars/regency/weeks", WEEK, "amendment"), ("posts", POST, "post_standing")],
)  # fmt: skip
def test_who_hears_no_answer_and_sends_again_has_decreed_once(
    tower: Tower, desk: Desk, path: str, body: Any, table: str
) -> None:
    """With a newer token, and on a day on which the decree would come too late."""
    key, count = "f" * 16, f"SELECT count(*) FROM {table}"
    previewed = {} if path == "posts" else {"preview": "true"}
    desk.ask("POST", path, body, key=key, **previewed)  # which is no decree

    first = desk.ask("POST", path, body, key=key)
    tower.at("2026-11-06 08:00")
    again = desk.ask("POST", path, body, key=key)

    assert [(a.status_code, a.json) for a in (first, again)] == [(201, first.json)] * 2
    assert tower.count(count) == 1
    other = desk.ask("POST", path, body | {"decree": "Perbup 72/2026"}, key=key)
    assert (other.status_code, other.json["errors"][0]["rule"]) == (422, "same_body")
    if path != "calendars":  # the negative control: another key or officer is another decree
        body = {k: "2026-11-09" if str(v).startswith("2026") else v for k, v in body.items()}
        assert desk.ask("POST", path, body, key="g" * 16).status_code == 201
        assert desk.ask("POST", path, body, key="g" * 16, who=UUID(int=7)).status_code == 201
        assert tower.count(count) == 3


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
    ("ladder", RUNG | {"clock": "H"} | REMINDER, [("clock", "level")]),
    ("calendars", HOSPITAL | {"code": "The Hospital"}, [("code", "type")]),
    ("calendars", HOSPITAL | {"zone": "Asia/Tokyo"}, [("zone", "one_of")]),
    ("calendars", HOSPITAL | {"weekdays": []}, [("weekdays", "length")]),
    ("calendars", HOSPITAL | {"weekdays": [7]}, [("weekdays.0", "range")]),
    ("calendars/regency/weeks", WEEK | {"joint_leave": 1}, [("joint_leave", "type")]),
    ("calendars/regency/days", DAY | {"rule": "half"}, [("rule", "one_of")]),
    ("calendars/regency/days", DAY | {"name": "a\nb"}, [("name", "characters")]),
    ("calendars/regency/agencies", GIVEN | {"agency": ""}, [("agency", "type")]),
    ("calendars/regency/agencies", GIVEN | {"agency": "rsud-pjs "}, [("agency", "type")]),
    ("calendars/regency/agencies", GIVEN | {"agency": "RSUD-PJS"}, [("agency", "known")]),
    ("calendars/regency/agencies", GIVEN | {"agency": "rsud-zzz"}, [("agency", "known")]),
]


@pytest.mark.parametrize(("path", "body", "wrong"), WRONG)
def test_what_cannot_be_decreed_is_named_and_leaves_nothing(
    tower: Tower, desk: Desk, path: str, body: Any, wrong: list[tuple[str, str]]
) -> None:
    version = tower.count("SELECT version FROM regime")

    assert desk.refused(path, body) == wrong
    assert tower.count("SELECT version FROM regime") == version
    assert tower.count("SELECT count(*) FROM amendment") == 0


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
    for n in range(6):
        tower.open(f"KTB-34567-0000{n}")
    tower.at("2026-11-10 10:00").sweep()
    longer = {"limits": [{"clock": "V", "days": 30, "unit": "working"}]}
    version = tower.count("SELECT version FROM regime")

    answer = desk.ask("POST", "what-if", longer)

    assert answer.status_code == 200, answer.text
    assert (answer.json["clocks"], answer.json["complete"]) == (10, True)
    assert answer.json["unlike_history"] == 0
    assert answer.json["no_longer_late"] == [{"clock": "V", "agency": None, "count": 5}]
    assert answer.json["before"]["raised"] == [
        {"level": 1, "to": "head_of_coordinator", "count": 5}
    ]
    assert "KTB" not in answer.text
    assert tower.count("SELECT version FROM regime") == version
    assert desk.ask("POST", "what-if", longer, "coordinator").status_code == 403
    assert desk.refused("what-if", {"ladder": [RUNG | {"level": 0}]})[0][0].startswith("ladder.0")

    monkeypatch.setattr(what_if, "MOST_CLOCKS", 5)
    bounded = desk.ask("POST", "what-if", longer).json
    assert (bounded["clocks"], bounded["complete"]) == (5, False)
    monkeypatch.setattr(histories, "LONGEST", 0.0)
    assert not desk.ask("POST", "what-if", longer).json["complete"]


def test_history_does_not_tell_of_a_case_by_itself(tower: Tower, desk: Desk) -> None:
    """An administrator may see no case, nor learn by asking that there is one."""
    shorter = {"limits": [{"clock": clock, "days": 1, "unit": "working"} for clock in "VFSH"]}
    without = desk.ask("POST", "what-if", shorter).json

    tower.begin_work()
    tower.at("2026-12-10 10:00").sweep()

    assert desk.ask("POST", "what-if", shorter).json == without


def test_a_case_is_not_named_anywhere_in_the_rules(tower: Tower, desk: Desk) -> None:
    tower.open()
    desk.decree("limits", LIMIT)

    assert NUMBER not in desk.ask("GET", "amendments").text
    assert NUMBER not in desk.ask("POST", "limits", LIMIT, preview="true").text
