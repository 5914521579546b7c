"""Whoever let a limit pass does not hear of it as who stands above them."""

from __future__ import annotations

import json

import pytest

from tests.service.escalation.test_passed_by import told, watch
from tests.service.escalation.tower import Tower


@pytest.mark.parametrize(
    ("agency", "klass", "second"),
    [
        ("inspektorat", "supervisory", ("sekda", "late_itself")),
        ("inspektorat", "ordinary", ("sekda", None)),
        ("setda", "ordinary", ("bupati", "late_itself")),
        ("setda", "supervisory", ("inspectorate", None)),
        ("diskominfo", "ordinary", ("sekda", None)),
        ("dpupr", "supervisory", ("inspectorate", None)),
    ],
)
def test_the_second_level_is_above_the_agency_that_is_late(
    tower: Tower, agency: str, klass: str, second: tuple[str, str | None]
) -> None:
    tower.open()
    tower.dispose(agency=agency, **{"class": klass})

    watch(tower, 3, 17)

    first = [(0, "holder", None), (1, "head_of_agency", None)]
    assert told(tower, "F") == [*first, (2, *second), (3, "bupati", None)]


def test_after_the_second_return_who_stands_above_the_arbiter_hears_of_it(tower: Tower) -> None:
    tower.open()
    tower.dispose()
    arbiters = {"decider": "arbiter", "passes_by": []}
    tower.hear("case.returned.v1", agency="dpupr", returns=2, goes_to="arbiter", **arbiters)

    watch(tower, 3, 13)

    assert told(tower, "F")[-1] == (2, "bupati", "late_itself")


def test_a_limit_is_brought_above_whose_it_was_not_above_who_has_the_case_now(
    tower: Tower,
) -> None:
    tower.open()
    tower.dispose(agency="inspektorat", **{"class": "supervisory"})
    tower.at("2026-11-16 11:00").hear("case.returned.v1", agency="inspektorat", returns=1)
    tower.dispose(**{"class": "supervisory"})
    tower.hear("case.followed_up.v1", agency="dpupr", first=True)

    tower.sweep()

    assert (2, "sekda", "late_itself") in told(tower, "F")


def test_who_took_a_case_over_when_its_limit_had_passed_is_not_who_is_late(tower: Tower) -> None:
    tower.open()
    watch(tower, 3, 6)
    taken_over = {"decider": "arbiter", "passes_by": ["coordinator"], "returns": None}
    tower.hear("case.handed_up.v1", status="unverified", **taken_over)

    watch(tower, 7, 12)

    assert told(tower, "V") == [
        (0, "holder", None), (1, "head_of_coordinator", None), (2, "sekda", None),
    ]  # fmt: skip


def test_who_let_a_limit_pass_and_gave_the_case_back_then_is_who_is_late(tower: Tower) -> None:
    tower.open()
    tower.dispose(agency="inspektorat", **{"class": "supervisory"})
    watch(tower, 3, 10)
    tower.hear("case.returned.v1", agency="inspektorat", returns=1)
    tower.dispose(agency="dpupr", **{"class": "supervisory"})

    watch(tower, 11, 17)

    assert (2, "sekda", "late_itself") in told(tower, "F")


def test_what_the_ombudsman_is_given_says_that_too(tower: Tower) -> None:
    tower.open()
    tower.dispose(agency="inspektorat", **{"class": "supervisory"})

    watch(tower, 3, 13)

    kept = "SELECT detail FROM case_event WHERE what = 'escalation.raised' ORDER BY id"
    details = [found if isinstance(found, dict) else json.loads(found)
               for (found,) in tower.database.psql(kept)]  # fmt: skip
    assert [(told["level"], told["to"], told["because"]) for told in details] == [
        (1, "head_of_agency", None), (2, "sekda", "late_itself"),
    ]  # fmt: skip
