"""Whoever a case complains about hears of no limit of it; who decides about it does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from psycopg2.errors import CheckViolation

from tests.service.escalation.tower import NUMBER, Tower

COORDINATOR = {"decider": "arbiter", "passes_by": ["coordinator"]}
ARBITER = {"decider": "coordinator", "passes_by": ["arbiter"]}
SUPERVISOR = {"decider": "coordinator", "passes_by": ["supervisor"]}
NOBODY: dict[str, Any] = {"decider": "coordinator", "passes_by": []}
ARBITER_DECIDES = {"decider": "arbiter", "passes_by": []}


def told(tower: Tower, clock: str) -> list[tuple[int, str, str | None]]:
    """Whom each reminder (0) and each level of a clock reached, and why not who was meant."""
    said = tower.said("deadline.approaching", "escalation.raised")
    return [(f.get("level", 0), f["to"], f["because"]) for f in said if f["clock"] == clock]


def watch(tower: Tower, first: int, last: int) -> None:
    """The sweep of each day of a month."""
    for day in range(first, last + 1):
        tower.at(f"2026-11-{day:02} 08:00").sweep()


@pytest.mark.parametrize(
    ("desks", "reached"),
    [
        (NOBODY, [(0, "holder", None), (1, "head_of_coordinator", None), (2, "sekda", None)]),
        (COORDINATOR, [(0, "sekda", None), (1, "sekda", "complained_about"),
                       (2, "bupati", "late_itself")]),
        (ARBITER, [(0, "holder", None), (1, "head_of_coordinator", None),
                   (2, "bupati", "complained_about")]),
        (SUPERVISOR, [(0, "holder", None), (1, "head_of_coordinator", None), (2, "sekda", None)]),
    ],
    ids=["nobody", "the coordinator", "the arbiter", "the supervisor"],
)  # fmt: skip
def test_before_an_agency_has_it_no_desk_hears_that_it_complains_about(
    tower: Tower, desks: dict[str, Any], reached: list[Any]
) -> None:
    tower.hear("case.opened.v1", kind="complaint", **desks)

    watch(tower, 4, 13)

    assert told(tower, "V") == [*reached, (3, "bupati", None)]


@pytest.mark.parametrize(
    ("klass", "desks", "reached"),
    [
        ("ordinary", NOBODY, [(0, "holder", None), (1, "head_of_coordinator", None),
                              (2, "sekda", None)]),
        ("ordinary", COORDINATOR, [(0, "sekda", None), (1, "sekda", None),
                                   (2, "bupati", "late_itself")]),
        ("ordinary", ARBITER, [(0, "holder", None), (1, "head_of_coordinator", None),
                               (2, "bupati", "complained_about")]),
        ("supervisory", SUPERVISOR, [(0, "holder", None), (1, "head_of_coordinator", None),
                                     (2, "bupati", "complained_about")]),
    ],
    ids=["nobody", "the coordinator", "the arbiter", "the supervisor"],
)  # fmt: skip
def test_after_a_return_no_desk_hears_that_it_complains_about(
    tower: Tower, klass: str, desks: dict[str, Any], reached: list[Any]
) -> None:
    tower.open()
    tower.dispose(**{"class": klass})
    tower.hear("case.returned.v1", agency="dpupr", returns=1, **desks)

    watch(tower, 3, 17)

    assert told(tower, "F") == [*reached, (3, "bupati", None)]


def test_the_limit_for_settling_passes_the_coordinator_by_as_well(tower: Tower) -> None:
    tower.open()
    tower.dispose()
    tower.hear("case.returned.v1", agency="dpupr", returns=1, **COORDINATOR)

    watch(tower, 18, 27)

    above = (2, "bupati", "late_itself")  # as the arbiter decides
    assert told(tower, "S") == [(0, "sekda", None), (1, "sekda", None), above]


def test_after_the_second_return_the_arbiter_is_reminded(tower: Tower) -> None:
    tower.open()
    tower.dispose()
    tower.hear("case.returned.v1", agency="dpupr", returns=2, goes_to="arbiter", **ARBITER_DECIDES)

    watch(tower, 3, 10)

    assert told(tower, "F") == [(0, "sekda", None), (1, "sekda", None)]


def test_the_arbiters_limit_starts_at_the_second_return_whoever_decides_at_the_first(
    tower: Tower,
) -> None:
    tower.open()
    tower.dispose()
    tower.hear("case.returned.v1", agency="dpupr", returns=1, goes_to="arbiter", **COORDINATOR)
    assert "A1" not in tower.clocks()

    tower.dispose(agency="dlh")
    tower.hear("case.returned.v1", agency="dlh", returns=2, goes_to="arbiter", **COORDINATOR)

    assert tower.clocks()["A1"] == "2026-11-03"


def test_the_arbiters_limit_runs_at_every_later_return_where_the_coordinator_decides_instead(
    tower: Tower,
) -> None:
    both = {"decider": "coordinator", "passes_by": ["arbiter", "supervisor"]}
    tower.hear("case.opened.v1", kind="complaint", **both)
    for returns, open_ones in ((1, set()), (2, {"A1"}), (3, {"A2"})):
        tower.dispose()
        tower.hear(
            "case.returned.v1", agency="dpupr", returns=returns, goes_to="coordinator", **both
        )
        running = {name for name, how in tower.clocks().items() if how != "stopped"}
        assert {name for name in running if name.startswith("A")} == open_ones

    watch(tower, 2, 4)

    assert told(tower, "A") == [(3, "bupati", None)]


@pytest.mark.parametrize("klass", ["ordinary", "supervisory"])
def test_an_agency_that_has_it_is_told_and_whoever_is_accused_above_it_is_not(
    tower: Tower, klass: str
) -> None:
    both = {"decider": "coordinator", "passes_by": ["arbiter", "supervisor"]}
    tower.hear("case.opened.v1", kind="complaint", **both)
    tower.dispose(**{"class": klass})

    watch(tower, 3, 17)

    assert told(tower, "F") == [
        (0, "holder", None), (1, "head_of_agency", None), (2, "bupati", "complained_about"),
        (3, "bupati", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("type", "data"),
    [
        ("case.verified.v1", {}),
        ("case.reclassified.v1", {"status": "unverified"}),
        ("case.desks_changed.v1", {"status": "unverified"}),
        ("case.objected.v1", {"status": "unverified", "cycle": 1}),
    ],
)
def test_each_step_that_may_change_it_is_heard(tower: Tower, type: str, data: Any) -> None:
    tower.open()

    tower.hear(type, **data, **COORDINATOR)

    watch(tower, 4, 6)
    assert told(tower, "V") == [(0, "sekda", None), (1, "sekda", "complained_about")]


def test_a_step_that_does_not_say_it_leaves_it_as_it_was(tower: Tower) -> None:
    tower.hear("case.opened.v1", kind="complaint", **COORDINATOR)
    tower.receive(_older(tower, "case.verified.v1"))

    watch(tower, 4, 6)

    assert told(tower, "V") == [(0, "sekda", None), (1, "sekda", "complained_about")]


def test_a_case_of_a_sender_that_does_not_say_it_yet_is_the_coordinators(tower: Tower) -> None:
    assert tower.receive(_older(tower, "case.opened.v1")) == "done"

    watch(tower, 4, 6)

    assert told(tower, "V") == [(0, "holder", None), (1, "head_of_coordinator", None)]


def _older(tower: Tower, type: str) -> bytes:
    body = json.loads(tower.stream.body(type, NUMBER, tower.clock.at))
    for name in ("decider", "passes_by"):
        del body["data"][name]
    return json.dumps(body).encode()


def test_what_the_ombudsman_is_given_says_whom_it_reached_and_why(tower: Tower) -> None:
    tower.hear("case.opened.v1", kind="complaint", **COORDINATOR)

    watch(tower, 4, 6)

    kept = "SELECT detail->>'to', detail->>'because' FROM case_event WHERE what = %s"
    found = tower.database.psql(kept, ["escalation.raised"])
    assert found == [("sekda", "complained_about")]


def test_other_words_for_a_desk_are_refused(tower: Tower) -> None:
    tower.open()

    for column, word in (("passes_by", ["diskominfo"]), ("decider", "diskominfo")):
        with pytest.raises(CheckViolation):
            tower.database.psql(f"UPDATE case_state SET {column} = %s", [word])
