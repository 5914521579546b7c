"""What routing says of the desks of a case: which decides, and which must hear nothing of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.service.routing.office import ARCHIVE, DISPOSE, VERIFY, Office

RETURN = {"reason": "It is not our road.", "proposed_agency": None}
Desks = tuple[str, str, list[str]]


def desks(office: Office, number: str) -> list[Desks]:
    """Each fact that says it, with who decides and who hears nothing."""
    return [
        (type.split(".")[1], data["decider"], data["passes_by"])
        for type, data in office.said(number)
        if "passes_by" in data
    ]


def act(office: Office, number: str, verb: str, as_: str, **body: Any) -> None:
    answer = office.act(number, verb, as_, **body)
    assert answer.status_code == 200, answer.text


def verify(office: Office, number: str, as_: str = "coordinator", **more: Any) -> None:
    act(office, number, "verification", as_, **VERIFY[2] | more)


@pytest.mark.parametrize(
    ("named", "decider", "passes_by"),
    [
        (None, "coordinator", []),
        ("dpupr", "coordinator", []),
        ("diskominfo", "arbiter", ["coordinator"]),
        ("setda", "coordinator", ["arbiter"]),
        ("inspektorat", "coordinator", ["supervisor"]),
    ],
)
def test_a_case_that_opens_says_it(
    office: Office, named: str | None, decider: str, passes_by: list[str]
) -> None:
    number = office.open(agency=named)

    assert desks(office, number) == [("opened", decider, passes_by)]


def test_each_step_that_may_change_it_says_it_again(office: Office) -> None:
    number = office.open()
    verify(office, number, complains_about="diskominfo")
    verify(office, number, "arbiter", complains_about="setda")
    verify(office, number, "supervisor", complains_about="dishub")

    assert desks(office, number) == [
        ("opened", "coordinator", []),
        ("verified", "arbiter", ["coordinator"]),
        ("verified", "supervisor", ["coordinator", "arbiter"]),
        ("verified", "supervisor", ["coordinator", "arbiter"]),  # dishub is no desk
    ]


def test_no_fact_names_the_agency_that_is_complained_about(office: Office) -> None:
    number = office.open(agency="diskominfo")
    verify(office, number, "arbiter")
    act(office, number, "disposition", "arbiter", agency="dpupr")
    act(office, number, "return", "liaison", **RETURN)

    assert "diskominfo" not in json.dumps(office.said(number))


def test_returns_say_who_decides_then(office: Office) -> None:
    number = office.bring("disposed")
    act(office, number, "return", "liaison", **RETURN)
    act(office, number, "disposition", "coordinator", agency="dishub")
    act(office, number, "return", "stranger", **RETURN)

    assert desks(office, number)[-2:] == [
        ("returned", "coordinator", []), ("returned", "arbiter", []),
    ]  # fmt: skip


def test_the_first_return_past_the_coordinator_is_still_the_first(office: Office) -> None:
    number = office.open(agency="diskominfo")
    verify(office, number, "arbiter")
    act(office, number, "disposition", "arbiter", **DISPOSE[2])
    act(office, number, "return", "liaison", **RETURN)

    _, said = office.said(number)[-1]
    assert (said["returns"], said["decider"], said["goes_to"]) == (1, "arbiter", "arbiter")
    assert desks(office, number)[-1] == ("returned", "arbiter", ["coordinator"])


def test_an_objection_to_an_archiving_says_it(office: Office) -> None:
    number = office.open(agency="diskominfo")
    act(office, number, "archive", "arbiter", **ARCHIVE[2])
    assert office.hear("report.objected.v1", number) == "done"

    assert desks(office, number)[-1] == ("objected", "arbiter", ["coordinator"])


def test_a_merge_says_it_of_both_and_of_who_follows_already(office: Office) -> None:
    parent, follower, accusing = office.open(), office.open(), office.open(agency="diskominfo")
    act(office, follower, "merge", "coordinator", into=parent, reason="the same")
    assert desks(office, parent) == [("opened", "coordinator", [])]

    act(office, accusing, "merge", "arbiter", into=parent, reason="the same")

    assert desks(office, parent)[1:] == [("desks_changed", "arbiter", ["coordinator"])]
    assert desks(office, follower)[1:] == [
        ("merged", "coordinator", []), ("desks_changed", "arbiter", ["coordinator"]),
    ]  # fmt: skip
    assert desks(office, accusing)[1:] == [("merged", "arbiter", ["coordinator"])]


def test_a_merge_that_changes_nothing_about_desks_says_nothing_of_the_other(
    office: Office,
) -> None:
    parent, child = office.bring("in_progress"), office.open()
    before = office.said(parent)

    act(office, child, "merge", "coordinator", into=parent, reason="the same")

    assert office.said(parent) == before
