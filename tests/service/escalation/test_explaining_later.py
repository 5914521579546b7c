"""A due date explains itself later too, by what gave it: not by what the case became since, and
not by what was decreed since."""

from __future__ import annotations

from typing import Any

import pytest

from tests.service.escalation.tower import Tower, end_of
from tests.service.escalation.window import Window

AMENDMENTS = {
    "a day off": "INSERT INTO local_day (calendar, day, rule, name, decree)"
    " VALUES ('regency', '2026-12-29', 'off', 'Banjir', 'Perbup 9/2027')",
    "a day that is worked": "INSERT INTO local_day (calendar, day, rule, name, decree)"
    " VALUES ('regency', '2026-12-25', 'worked', 'Tugas', 'Perbup 9/2027')",
    "a week": "INSERT INTO calendar_week (calendar, weekdays, national_days, joint_leave,"
    " effective_from, decree) VALUES ('regency', '{0,1,2,3,4,5}', true, false, '2026-01-01', 'x')",
    "a day of the nation": "INSERT INTO calendar_day"
    " VALUES ('2026-12-29', 'Cuti Bersama', 'joint_leave', 'SKB', true)",
    "one that is none": "DELETE FROM calendar_day WHERE day = '2026-12-25'",
    "one with another name": "UPDATE calendar_day SET name = 'Natal' WHERE day = '2026-12-24'",
    "a limit": "INSERT INTO limit_rule (clock, kind, class, days, unit, effective_from, decree)"
    " VALUES ('S', 'complaint', 'ordinary', 20, 'working', '2019-01-01', 'Perbup 9/2027')",
    "a limit for all": "INSERT INTO limit_rule (clock, days, unit, effective_from, decree)"
    " VALUES ('V', 1, 'calendar', '2026-12-01', 'Perbup 9/2027')",
}


def live_one_round(tower: Tower) -> None:
    """S passes on 7 January, is answered, and stops."""
    tower.at("2026-12-14 10:00").begin_work()
    tower.at("2027-01-08 10:00").sweep()
    tower.at("2027-01-11 10:00").answer()
    tower.hear("case.closed.v1", how="accepted", cycle=1)


def go_on(tower: Tower) -> None:
    """The case is taken up again, for another class, and handed over."""
    tower.at("2027-01-12 10:00").hear("case.reopened.v1", cycle=2)
    tower.hear("case.reclassified.v1", kind="complaint", **{"class": "supervisory"})
    tower.hear("report.escalation_consented.v1")
    tower.measure_stale()
    tower.at("2027-03-20 10:00").sweep()
    tower.append()


def dossier(tower: Tower) -> dict[str, dict[str, Any]]:
    """Its clocks, by clock and round."""
    [(content,)] = tower.database.psql("SELECT content FROM dossier")
    return {f"{c['clock']}{c['cycle']}": c for c in content["clocks"]}


def skipped(tower: Tower) -> dict[str, Any]:
    """What the chain says of each clock."""
    [entry] = tower.entries("handovers")
    return {f"{c['clock']}{c['cycle']}": c["skipped"] for c in entry["data"]["clocks"]}


def agrees(clock: dict[str, Any]) -> bool:
    """The days of a dossier's clock are as many as its limit, and the last is when it was due."""
    counted = [day["on"] for day in clock["days"] if day["verdict"] == "counted"]
    return len(counted) == clock["limit"]["days"] and clock["due_at"] == end_of(counted[-1])


def test_a_round_that_is_over_keeps_the_limit_of_its_class(tower: Tower, window: Window) -> None:
    live_one_round(tower)
    before = window.told("explain")["S1"]

    go_on(tower)

    told = window.told("explain")
    assert told["S1"] == before == window.told("explain", clock="S", cycle="1")["S1"]
    assert (before["state"], before["passed"], before["ends_on"]) == ("stopped", True, "2027-01-07")
    assert before["limit"]["days"] == 14
    assert before["days"][-1] == {
        "on": "2027-01-07", "verdict": "counted", "reason": "", "basis": "",
    }  # fmt: skip
    assert "14 working days" in window.told()["S1"]["sentence"]["en"]
    assert told["S2"]["limit"]["days"] == 60


def test_so_does_its_dossier_and_what_the_chain_says_of_it(tower: Tower) -> None:
    live_one_round(tower)
    go_on(tower)

    clock = dossier(tower)["S1"]

    assert agrees(clock)
    assert (clock["limit"]["days"], clock["due_at"]) == (14, end_of("2027-01-07"))
    assert [day["on"] for day in skipped(tower)["S1"]] == [
        "2026-12-24", "2026-12-25", "2027-01-01", "2027-01-05",
    ]  # fmt: skip


@pytest.mark.parametrize("sql", AMENDMENTS.values(), ids=AMENDMENTS)
def test_what_was_decreed_since_changes_no_word_about_a_clock_that_stopped(
    tower: Tower, window: Window, sql: str
) -> None:
    live_one_round(tower)
    before, short = window.told("explain"), window.told()

    tower.database.psql(sql)
    go_on(tower)

    after, clocks = window.told("explain"), dossier(tower)
    stopped = {name for name, told in before.items() if told["state"] == "stopped"}
    assert stopped == {"V1", "F1", "S1", "H1"}
    assert {name: after[name] for name in stopped} == before
    assert {name: window.told()[name] for name in stopped} == short
    assert agrees(clocks["S1"])
    assert len(skipped(tower)["S1"]) == 4
    passed = [clock for clock in clocks.values() if clock["passed_at"]]
    assert len(passed) > 1
    assert all(map(agrees, passed))


def test_a_dossier_agrees_with_itself_also_when_a_decree_has_just_been_made(tower: Tower) -> None:
    tower.at("2026-12-14 10:00").begin_work()
    tower.hear("report.escalation_consented.v1")
    tower.database.psql(AMENDMENTS["a day off"])

    tower.at("2027-01-20 10:00").sweep()
    tower.append()

    assert agrees(dossier(tower)["S1"])
    assert dossier(tower)["S1"]["due_at"] == end_of("2027-01-08")  # measured before it fired
    assert "2026-12-29" in [day["on"] for day in skipped(tower)["S1"]]


def test_a_clock_that_stopped_while_it_stood_is_given_no_end(tower: Tower, window: Window) -> None:
    tower.begin_work()
    tower.at("2026-11-04 10:00").answer()
    stood = window.told("explain")["S1"]

    tower.at("2026-11-20 10:00").hear("case.closed.v1", how="accepted", cycle=1)

    told = window.told("explain")["S1"]
    assert (told["state"], told["ends_on"], told["passed"]) == ("stopped", None, False)
    assert told["days"] == stood["days"]
    assert [day["verdict"] for day in told["days"]] == ["counted"]
    assert "no longer runs" in told["sentence"]["en"]
    assert "Ends on" not in told["sentence"]["en"]


def test_a_clock_that_stopped_before_its_end_would_have_ended_then(
    tower: Tower, window: Window
) -> None:
    tower.begin_work()

    said = window.told("explain")["F1"]["sentence"]
    assert "no longer runs. It would have ended on Monday, 9 November 2026" in said["en"]
    assert "waktu sudah berakhir. Batasnya sedianya berakhir Senin, 9 November 2026" in said["id"]
    assert "Ends on" not in said["en"]


def test_a_clock_that_stopped_after_its_end_has_ended_then(tower: Tower, window: Window) -> None:
    tower.open()
    tower.dispose()
    tower.at("2026-11-12 10:00").sweep()
    tower.hear("case.followed_up.v1", agency="dpupr", first=True, cycle=1)

    said = window.told("explain")["F1"]["sentence"]
    assert (
        "It ended on Monday, 9 November 2026 at 23:59:59 WITA. The limit has passed." in said["en"]
    )
    assert "Batasnya berakhir Senin, 9 November 2026" in said["id"]


def test_what_can_no_longer_be_told_is_said_and_not_made_up(tower: Tower, window: Window) -> None:
    """A limit that somebody rewrote by hand gives another end than the one that was in force."""
    live_one_round(tower)
    tower.database.psql("UPDATE limit_rule SET days = days + 1 WHERE clock = 'S'")

    go_on(tower)

    told = window.told("explain")["S1"]
    assert (told["state"], told["ends_on"], told["days"]) == ("stopped", "2027-01-07", [])
    assert "can no longer be told" in told["sentence"]["en"]
    assert "tidak dapat dirinci lagi" in told["sentence"]["id"]
    assert dossier(tower)["S1"]["days"] is None
    assert skipped(tower)["S1"] is None
    assert agrees(dossier(tower)["H2"])


def test_a_clock_that_stopped_before_anybody_knew_its_limit_is_not_given_one(
    tower: Tower, window: Window
) -> None:
    tower.database.psql("DELETE FROM limit_rule WHERE clock = 'V'")
    tower.open()
    tower.dispose()
    tower.database.psql(
        "INSERT INTO limit_rule (clock, days, unit, effective_from, decree)"
        " VALUES ('V', 3, 'working', '2019-01-01', 'Perbup 9/2027')"
    )

    told = window.told("explain")["V1"]

    assert (told["state"], told["limit"], told["ends_on"]) == ("stopped", None, None)
    assert told["sentence"]["en"].endswith("the clock stopped before its end could be computed.")


def test_every_week_and_day_comes_with_the_version_that_it_brought(tower: Tower) -> None:
    for name, asked in (
        ("a day off", "SELECT max(regime) FROM local_day"),
        ("a week", "SELECT max(regime) FROM calendar_week"),
        ("a day of the nation", "SELECT max(regime) FROM calendar_day"),
        ("one with another name", "SELECT max(regime) FROM calendar_day"),
        ("one that is none", "SELECT max(until_regime) FROM former_day"),
    ):
        tower.database.psql(AMENDMENTS[name])
        assert tower.count(asked) == tower.count("SELECT version FROM regime"), name

    former = "SELECT day::text, name, regime < until_regime FROM former_day ORDER BY id"
    assert tower.database.psql(former) == [
        ("2026-12-24", "Cuti Bersama Hari Raya Natal", True),
        ("2026-12-25", "Hari Raya Natal", True),
    ]
