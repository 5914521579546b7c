"""What comes between the end of a limit and the sweep does not hide that it had passed."""

from __future__ import annotations

import pytest

from tests.service.escalation.test_calendars import decree
from tests.service.escalation.tower import Tower, end_of, rfc3339

MEASURED = "SELECT due_at, passed_at, rule_id, regime FROM clock WHERE clock = 'V'"
ENDED = {"V": "2026-11-06 00:00:01", "F": "2026-11-10 00:00:01"}


@pytest.mark.parametrize(
    ("clock", "then"),
    [("V", "case.disposed.v1"), ("V", "case.archived.v1"), ("V", "case.withdrawn.v1"),
     ("V", "case.data_requested.v1"), ("F", "case.followed_up.v1")],
)  # fmt: skip
def test_whoever_acts_after_the_end_was_late_though_nobody_had_looked(
    tower: Tower, clock: str, then: str
) -> None:
    tower.open()
    if clock == "F":
        tower.dispose()
    end = tower.clocks()[f"{clock}1"]

    tower.at(ENDED[clock]).hear(then)
    tower.sweep()

    assert tower.fired().count(f"passed {clock}") == 1
    [said] = [fact for fact in tower.said("deadline.passed") if fact["clock"] == clock]
    assert said["due_at"] == end_of(end)
    breach = "SELECT count(*) FROM breach b JOIN clock c ON c.id = b.clock_id WHERE"
    assert tower.count(f"{breach} c.clock = '{clock}' AND b.closed_at IS NOT NULL") == 1


@pytest.mark.parametrize("then", ["case.disposed.v1", "case.archived.v1"])
def test_whoever_acts_in_the_last_second_was_not(tower: Tower, then: str) -> None:
    tower.open()
    end = tower.clocks()["V1"]

    tower.at(f"{end} 23:59:59").hear(then)
    tower.at("2026-11-06 00:10:00").sweep()

    assert "passed V" not in tower.fired()


def test_a_pause_in_between_and_new_rules_do_not_hide_it(tower: Tower) -> None:
    tower.open()
    tower.at(ENDED["V"]).hear("case.data_requested.v1", awaited_from="unverified")
    tower.hear("case.reclassified.v1", status="awaiting_reporter", kind="aspiration")
    tower.at("2026-11-06 00:00:05").hear("case.resumed.v1", status="unverified", cycle=1)

    tower.sweep()

    assert tower.fired().count("passed V") == 1
    assert tower.count("SELECT count(*) FROM breach WHERE closed_at IS NULL") == 1


def test_a_day_off_that_is_decreed_meanwhile_counts_for_who_has_acted_since(tower: Tower) -> None:
    tower.open()
    tower.at(ENDED["V"]).dispose()
    decree(tower, "regency", "2026-11-05", "off")

    tower.sweep()

    assert "passed V" not in tower.fired()
    assert tower.count("SELECT count(*) FROM breach") == 0
    ended = "SELECT due_at FROM clock WHERE clock = 'V'"
    assert [rfc3339(at) for (at,) in tower.database.psql(ended)] == [end_of("2026-11-06")]


@pytest.mark.parametrize(
    ("last_off", "raised"), [("2026-11-11", []), ("2026-11-05", []), (None, ["raised V 2 sekda"])]
)
def test_what_was_told_of_a_limit_stays_and_only_what_holds_is_told_after_it(
    tower: Tower, last_off: str | None, raised: list[str]
) -> None:
    """V was said to have passed. Its next level was due when the case was disposed, unless days off
    count that were decreed since; of V itself they come too late."""
    tower.open()
    tower.at(ENDED["V"]).sweep()
    tower.at("2026-11-11 00:00:01").dispose()
    for day in ("2026-11-05", "2026-11-06", "2026-11-09", "2026-11-10", "2026-11-11"):
        if last_off and day <= last_off:
            decree(tower, "regency", day, "off")
    before = tower.database.psql(MEASURED)

    tower.sweep()

    assert [line for line in tower.fired() if "raised V 2" in line] == raised
    assert tower.database.psql(MEASURED) == before
    assert rfc3339(before[0][0]) == end_of("2026-11-05")


def test_rules_that_cannot_tell_an_end_leave_the_one_that_was_known(tower: Tower) -> None:
    tower.open()
    tower.at(ENDED["V"]).dispose()
    tower.database.psql("DELETE FROM calendar_day WHERE day >= '2026-01-01'")
    tower.database.psql("DELETE FROM calendar_year WHERE year >= 2026")

    tower.sweep()

    assert tower.fired().count("passed V") == 1


def test_a_day_off_elsewhere_changes_nothing(tower: Tower) -> None:
    """The negative control."""
    tower.open()
    tower.at(ENDED["V"]).dispose()
    decree(tower, "regency", "2026-12-01", "off")

    tower.sweep()

    assert tower.fired().count("passed V") == 1


def test_the_agency_is_named_whose_limit_it_was(tower: Tower) -> None:
    tower.open()
    tower.dispose()
    merged = {"into": "KTB-11111-11111", "status": "in_progress", "agency": "dlh", "cycle": 1,
              "kind": "complaint", "class": "ordinary", "category": "sampah"}  # fmt: skip
    tower.at(ENDED["F"]).hear("case.merged.v1", **merged)

    tower.sweep()

    raised = {f["clock"]: f["agency"] for f in tower.said("escalation.raised")}
    assert raised["F"] == "dpupr"
    about = "SELECT data->>'agency' FROM feed_pending WHERE data->>'clock' = 'F'"
    assert {agency for (agency,) in tower.database.psql(about)} == {"dpupr"}
