"""Routing is restored to a time before it knew whom a case complains about, or that its reporter is
protected: what others know of that holds again, and is only ever added."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chassis import cli
from services.routing.life import Action
from services.routing.withholding import WHY
from tests.service.routing.office import TEXT, WAYS, Office
from tests.service.routing.test_desks import act, desks

Run = Callable[..., str]
EVERYTHING = ("confidential", "hidden_from_public", "coordinator")


@pytest.fixture
def withhold(office: Office, monkeypatch: Any, capsys: Any) -> Run:
    """`routing withhold ...`, and what it printed."""

    def run(*words: str) -> str:
        monkeypatch.setattr(cli, "settings", lambda _: office.settings)
        monkeypatch.setattr("sys.argv", ["routing", "withhold", *words])
        cli.main("routing")
        return str(capsys.readouterr().out)

    return run


def sees(office: Office, number: str, as_: str) -> int:
    return int(office.ask("GET", f"/v1/cases/{number}", as_=as_).status_code)


@pytest.mark.parametrize(
    ("words", "decider", "about", "kept_from"),
    [
        (["coordinator"], "arbiter", ["diskominfo"], {"coordinator"}),
        (["arbiter"], "coordinator", ["setda"], {"arbiter"}),
        (["arbiter", "coordinator"], "supervisor", ["diskominfo", "setda"],
         {"coordinator", "arbiter"}),
    ],
)  # fmt: skip
def test_the_accused_desk_does_not_read_it_and_who_decides_does(
    office: Office, withhold: Run, words: list[str], decider: str, about: list[str], kept_from: Any
) -> None:
    number = office.open()
    assert sees(office, number, "coordinator") == 200  # as the restore left it

    added = [one for one in ("coordinator", "arbiter") if one in words]
    assert withhold(number, *words) == f"{number}: {' '.join(added)}\n"

    desks_of = ("coordinator", "arbiter", "supervisor")
    assert {one for one in desks_of if sees(office, number, one) == 404} == kept_from
    case = office.case(number, decider)
    assert (case["decider"], sorted(case["complains_about"])) == (decider, about)
    told = [desk for desk in desks_of if desk in kept_from]
    assert desks(office, number)[1:] == [("desks_changed", decider, told)]


def test_the_step_is_on_file_done_by_no_officer_and_repeating_it_does_nothing(
    office: Office, withhold: Run
) -> None:
    number = office.open()
    assert withhold(number.lower(), *EVERYTHING) == f"{number}: {' '.join(EVERYTHING)}\n"

    protected, verified = office.case(number, "arbiter")["history"][-2:]

    for step, action in ((verified, Action.VERIFY), (protected, Action.PROTECT)):
        assert (step["action"], step["role"], step["officer"]) == (action, "administrator", None)
        assert step["why"] == WHY
    assert verified["changes"] == {
        "complains_about": [[], ["diskominfo"]], "decider": ["coordinator", "arbiter"],
    }  # fmt: skip
    assert protected["changes"] == {
        "confidentiality": ["open", "confidential"], "hidden_from_public": [False, True],
    }  # fmt: skip
    before = office.said(number), office.case(number, "arbiter")
    assert withhold(number, *EVERYTHING) == f"{number}: nothing to add\n"
    assert (office.said(number), office.case(number, "arbiter")) == before


@pytest.mark.parametrize("status", WAYS)
def test_it_holds_again_in_every_status(office: Office, withhold: Run, status: str) -> None:
    number = office.bring(status)

    withhold(number, *EVERYTHING)

    case = office.case(number)
    assert (case["status"], case["decider"]) == (status, "arbiter")
    assert (case["confidentiality"], case["hidden_from_public"]) == ("confidential", True)
    assert sees(office, number, "coordinator") == 404


def test_the_agency_learns_the_day_only_and_the_reporter_is_not_told_again(
    office: Office, withhold: Run
) -> None:
    number = office.bring("disposed")
    before, exact = office.said(number), office.case(number, "liaison")["received_at"]

    assert withhold(number, "confidential") == f"{number}: confidential\n"

    case = office.case(number, "liaison")
    assert case["confidentiality"] == "confidential"
    assert case["received_at"] != exact
    assert case["history"][-1]["why"] is None  # as for every protection
    assert office.said(number) == before


def test_nothing_is_lowered_and_nobody_is_made_anonymous_or_named(
    office: Office, withhold: Run
) -> None:
    anonymous = office.open(confidentiality="anonymous", hidden_from_public=True)
    raised = office.open(confidentiality="confidential", hidden_from_public=True)

    for number in (anonymous, raised):
        assert withhold(number, "confidential", "hidden_from_public").endswith("nothing to add\n")

    assert office.case(anonymous)["confidentiality"] == "anonymous"
    assert withhold(raised, "coordinator") == f"{raised}: coordinator\n"
    assert office.case(raised)["confidentiality"] == "confidential"


def test_whoever_follows_is_kept_from_that_desk_too_and_each_has_their_own_confidentiality(
    office: Office, withhold: Run
) -> None:
    parent, child = office.bring("disposed"), office.open()
    act(office, child, "merge", "coordinator", into=parent, reason="the same")

    withhold(child, "coordinator", "confidential")

    for number in (parent, child):
        assert sees(office, number, "coordinator") == 404
        assert desks(office, number)[-1] == ("desks_changed", "arbiter", ["coordinator"])
    levels = [office.case(number)["confidentiality"] for number in (parent, child)]
    assert levels == ["open", "confidential"]


def disposed_to(office: Office, agency: str, *supporting: str) -> str:
    number = office.open()
    act(office, number, "verification", "coordinator", **{"class": "ordinary"})
    part = {"agency": agency, "supporting": list(supporting)}
    act(office, number, "disposition", "coordinator", **part)
    return number


def test_what_the_accused_unit_got_and_gave_back_is_given_back_again(
    office: Office, withhold: Run
) -> None:
    """No unit has what complains about it: it must have returned it, before that was known."""
    number = disposed_to(office, "setda")

    withhold(number, "arbiter")

    assert sees(office, number, "arbiter") == 404
    case = office.case(number, "coordinator")
    assert (case["status"], case["agency"], case["returns"]) == ("unverified", None, 1)
    assert [one["action"] for one in case["history"][-2:]] == ["return", "verify"]
    assert desks(office, number)[-2:] == [
        ("returned", "coordinator", []), ("desks_changed", "coordinator", ["arbiter"]),
    ]  # fmt: skip


def test_what_it_only_supported_goes_on_without_it(office: Office, withhold: Run) -> None:
    number = disposed_to(office, "dpupr", "setda", "dlh")

    withhold(number, "arbiter")

    assert sees(office, number, "arbiter") == 404
    case = office.case(number, "coordinator")
    assert (case["status"], case["agency"], case["supporting"]) == ("disposed", "dpupr", ["dlh"])
    act(office, number, "follow-ups", "liaison", text=TEXT)


def test_what_it_is_at_work_on_is_named_and_left(office: Office, withhold: Run) -> None:
    number = disposed_to(office, "setda")
    act(office, number, "follow-ups", "arbiter", text=TEXT)

    with pytest.raises(SystemExit, match=f"{number}: confidential the unit .* is at work on it"):
        withhold(number, "arbiter", "confidential")

    case = office.case(number)
    assert (case["complains_about"], case["confidentiality"]) == ([], "confidential")


def test_what_is_no_case_or_would_leave_no_desk_is_refused(office: Office, withhold: Run) -> None:
    with pytest.raises(SystemExit, match="KTB-99999-99999: there is no such case") as ended:
        withhold("ktb-99999-99999", "coordinator")
    assert isinstance(ended.value.code, str)  # so it exits with 1

    number = office.open()
    with pytest.raises(SystemExit, match="no desk is left"):
        withhold(number, "coordinator", "arbiter", "supervisor")
    assert sees(office, number, "coordinator") == 200


def test_words_that_are_none_are_refused(office: Office, withhold: Run, capsys: Any) -> None:
    for words in (["open"], ["liaison"], []):
        with pytest.raises(SystemExit) as ended:
            withhold(office.open(), *words)
        assert ended.value.code == 2
    assert "confidential" in capsys.readouterr().err
