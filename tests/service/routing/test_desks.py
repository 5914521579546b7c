"""What routing says of the desks of a case: which decides, and which must hear nothing of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from chassis import cli
from services.routing.commands import SayDesks
from tests.service.routing.office import ARCHIVE, DISPOSE, FOLLOW_UP, VERIFY, Office

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


RECLASSIFY = {"kind": "complaint", "class": "supervisory", "reason": "It complains about us."}


def test_what_becomes_a_complaint_about_a_desk_is_not_that_desks_any_more(office: Office) -> None:
    number, follower = office.open(kind="aspiration", agency="diskominfo"), office.open()
    verify(office, follower)
    act(office, follower, "merge", "coordinator", into=number, reason="the same")

    act(office, number, "reclassification", "coordinator", **RECLASSIFY)

    for one in (number, follower):
        assert desks(office, one)[-1] == ("reclassified", "arbiter", ["coordinator"])
        assert office.ask("GET", f"/v1/cases/{one}", as_="coordinator").status_code == 404
    case = office.case(number)
    assert (case["decider"], case["complains_about"]) == ("arbiter", ["diskominfo"])


@pytest.mark.parametrize(
    "part", [{"agency": "setda"}, {"agency": "dpupr", "supporting": ["setda"]}]
)
def test_nothing_becomes_a_complaint_about_a_desk_that_has_a_part_in_it(
    office: Office, part: Any
) -> None:
    number = office.open(kind="aspiration", agency="setda")
    act(office, number, "verification", "coordinator")
    act(office, number, "disposition", "coordinator", **part)
    before = office.case(number, "coordinator")

    answer = office.act(number, "reclassification", "coordinator", **RECLASSIFY)

    assert (answer.status_code, answer.json["errors"][0]["rule"]) == (422, "party")
    assert office.case(number, "coordinator") == before


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


# --- cases from before it was said


def from_before(office: Office, number: str) -> str:
    """A case as the upgrade finds it: what was said of it did not say this."""
    office.database.psql("UPDATE cases SET desks_known = false WHERE number = %s", [number])
    office.database.psql(
        "UPDATE outbox SET data = (data::jsonb - 'passes_by' - 'decider')::json WHERE subject = %s",
        [number],
    )
    return number


@pytest.fixture
def say_desks(office: Office, monkeypatch: Any, capsys: Any) -> Callable[[], list[str]]:
    office.database.psql("UPDATE cases SET desks_known = true")

    def run() -> list[str]:
        monkeypatch.setattr(cli, "settings", lambda _: office.settings)
        monkeypatch.setattr("sys.argv", ["routing", "say-desks"])
        cli.main("routing")
        return str(capsys.readouterr().out).splitlines()

    return run


def test_an_operator_has_it_said_of_open_cases_from_before_once(
    office: Office, say_desks: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(SayDesks, "BATCH", 2)
    unverified = from_before(office, office.open(agency="diskominfo"))
    disposed = office.open(agency="setda")
    verify(office, disposed)
    act(office, disposed, "disposition", "coordinator", **DISPOSE[2])
    from_before(office, disposed)
    usual = from_before(office, office.open(agency="dpupr"))
    over = from_before(office, office.bring("closed", agency="setda"))
    new = office.open(agency="diskominfo")
    before = office.said(new)

    assert say_desks() == ["2 cases seen, said of 2", "3 cases seen, said of 2",
                           "done: said of 2 cases"]  # fmt: skip

    assert desks(office, unverified) == [("desks_changed", "arbiter", ["coordinator"])]
    assert desks(office, disposed) == [("desks_changed", "coordinator", ["arbiter"])]
    assert office.said(disposed)[-1][1]["status"] == "disposed"
    assert desks(office, usual) == desks(office, over) == []  # nothing else was taken for granted
    assert office.said(new) == before
    assert say_desks() == ["done: said of 0 cases"]


def test_of_a_follower_from_before_it_is_said_too(office: Office, say_desks: Any) -> None:
    parent, accusing = office.open(), office.open(agency="diskominfo")
    act(office, accusing, "merge", "arbiter", into=parent, reason="the same")
    for number in (parent, accusing):
        from_before(office, number)

    assert say_desks()[-1] == "done: said of 2 cases"

    for number in (parent, accusing):
        assert desks(office, number) == [("desks_changed", "arbiter", ["coordinator"])]


@pytest.mark.parametrize(
    ("status", "step"),
    [
        ("disposed", lambda office, number: act(office, number, *FOLLOW_UP[:2], **FOLLOW_UP[2])),
        ("closed", lambda office, number: office.hear("report.reopened.v1", number)),
    ],
)
def test_the_next_step_of_a_case_from_before_says_it_whichever_it_is(
    office: Office, status: str, step: Any
) -> None:
    number = from_before(office, office.bring(status, agency="setda"))

    step(office, number)

    assert office.said(number)[-1][0] == "case.desks_changed.v1"
    assert desks(office, number) == [("desks_changed", "coordinator", ["arbiter"])]


def test_a_step_that_says_it_anyway_says_it_once(office: Office, say_desks: Any) -> None:
    number = from_before(office, office.open(agency="setda"))

    verify(office, number)

    assert desks(office, number) == [("verified", "coordinator", ["arbiter"])]
    assert say_desks() == ["done: said of 0 cases"]
