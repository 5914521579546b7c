"""Whoever acts while nobody can tell the limit may have been late: that is told once it can be."""

from __future__ import annotations

import pytest
from prometheus_client import REGISTRY

from services.escalation import seed
from services.escalation.rules import national
from services.escalation.watch import watching
from tests.service.escalation.test_calendars import decree
from tests.service.escalation.tower import Tower, end_of
from tests.service.escalation.window import Window

BREACHES = """
SELECT c.clock, b.how FROM breach b JOIN clock c ON c.id = b.clock_id ORDER BY c.clock
"""
UNKNOWN = "SELECT count(*) FROM clock WHERE problem IS NOT NULL"


def decreed(tower: Tower) -> None:
    """The limits come, and their calendar."""
    tower.plant()
    tower.measure_stale()
    tower.sweep()


def handled(tower: Tower, disposed: str, followed_up: str) -> None:
    tower.open()
    tower.at(disposed).dispose()
    tower.at(followed_up).hear("case.followed_up.v1", agency="dpupr", first=True, cycle=1)


def test_who_acted_late_before_the_limit_was_decreed_was_late_all_the_same(
    bare_tower: Tower,
) -> None:
    handled(bare_tower, "2026-11-10 10:00", "2026-12-07 10:00")
    assert bare_tower.count("SELECT count(*) FROM due") == 0

    decreed(bare_tower)

    passed = {f["clock"]: f["due_at"] for f in bare_tower.said("deadline.passed")}
    assert passed["V"] == end_of("2026-11-05")
    assert passed["F"] == end_of("2026-11-17")
    assert ("F", "stopped") in bare_tower.database.psql(BREACHES)
    raised = [f for f in bare_tower.said("escalation.raised") if f["clock"] == "F"]
    assert [(f["level"], f["agency"]) for f in raised] == [(n, "dpupr") for n in (1, 2, 3)]
    decree(bare_tower, "regency", "2026-12-01", "off")
    bare_tower.measure_stale()
    bare_tower.sweep()
    assert bare_tower.fired().count("passed F") == 1


def test_who_acted_in_time_was_not_and_that_can_explain_itself(
    bare_tower: Tower, secrets_folder
) -> None:
    """The negative control; no more of the ladder than had come true by then."""
    handled(bare_tower, "2026-11-05 10:00", "2026-11-12 10:00")

    decreed(bare_tower)

    assert {f["clock"] for f in bare_tower.said("deadline.passed")}.isdisjoint("VF")
    told = Window(bare_tower, secrets_folder).told()
    assert [told[c]["ends_on"] for c in ("V1", "F1")] == ["2026-11-05", "2026-11-12"]
    assert "It would have ended on" in told["F1"]["sentence"]["en"]
    assert bare_tower.count(UNKNOWN) == 0


def test_a_year_that_was_missing_hides_nobody_either(tower: Tower) -> None:
    tower.at("2030-12-26 10:00").open()
    tower.dispose()
    tower.at("2031-01-20 10:00").hear("case.followed_up.v1", agency="dpupr", first=True, cycle=1)
    decree(tower, "regency", "2030-12-30", "off")
    tower.measure_stale()  # it is still missing
    assert tower.count(f"{UNKNOWN} AND clock = 'F'") == 1

    with tower.db.begin() as tx:
        seed.plant(tx, national.years(range(2025, 2032)))
    tower.measure_stale()
    tower.sweep()

    assert tower.fired().count("passed F") == 1


def alarming(tower: Tower, reason: str) -> int:
    with tower.db.begin() as tx:
        watching.show_what_is_late(tx, tower.clock.now())
    name = "lapor_escalation_undecidable_clocks"
    return int(REGISTRY.get_sample_value(name, {"reason": reason}) or 0)


def test_what_stopped_while_nobody_could_tell_its_end_alarms_until_somebody_can(
    bare_tower: Tower,
) -> None:
    bare_tower.open()
    bare_tower.at("2026-11-10 10:00").dispose()
    clocks = alarming(bare_tower, "no_limit")
    assert clocks == bare_tower.count("SELECT count(*) FROM clock") > 3

    bare_tower.at("2026-12-07 10:00").hear("case.withdrawn.v1")
    assert bare_tower.count(f"{UNKNOWN} AND stopped_at IS NULL") == 0
    assert alarming(bare_tower, "no_limit") == clocks

    decreed(bare_tower)
    assert alarming(bare_tower, "no_limit") == 0


def test_a_complaint_that_ended_without_a_class_alarms_nobody_for_good(bare_tower: Tower) -> None:
    """No limit could be decreed for it. Those that hold for each class can."""
    bare_tower.open()
    bare_tower.dispose()
    bare_tower.hear("case.withdrawn.v1")
    clocks = alarming(bare_tower, "no_limit")

    bare_tower.database.psql("UPDATE case_state SET class = NULL")

    assert alarming(bare_tower, "no_limit") == clocks - 1


@pytest.mark.parametrize("objected", [False, True])
def test_what_was_archived_late_was_late_once(bare_tower: Tower, objected: bool) -> None:
    bare_tower.open()
    bare_tower.at("2026-11-10 10:00").hear("case.archived.v1")
    decreed(bare_tower)
    assert bare_tower.fired().count("passed V") == 1

    if objected:
        bare_tower.at("2026-11-12 10:00").hear("case.objected.v1", status="unverified", cycle=2)
        bare_tower.sweep()
    assert bare_tower.fired().count("passed V") == 1
    standing = bare_tower.count("SELECT count(*) FROM breach WHERE closed_at IS NULL")
    assert standing == int(objected)
