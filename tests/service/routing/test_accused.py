"""A unit that turns out to be the accused knows nothing of the case from that moment on."""

from __future__ import annotations

from typing import Any

import pytest

from tests.service.routing.office import (
    ACCUSED,
    ANSWER,
    ASK,
    DISPOSE,
    FOLLOW_UP,
    VERIFY,
    Office,
    told,
)

WHY = ACCUSED[2]["reason"]


def name(office: Office, number: str, *units: str, as_: str = "coordinator") -> Any:
    return office.act(number, "complains-about", as_, complains_about=[*units], reason=WHY)


def asked_by_agency(office: Office) -> str:
    number = office.bring("in_progress")
    question = ASK[2]
    assert office.act(number, "data-request", "liaison", **question).status_code == 200
    return number


@pytest.mark.parametrize(
    ("status", "cycle"),
    [("disposed", 1), ("in_progress", 2), ("awaiting_reporter", 2), ("answered", 2)],
)
def test_its_agency_loses_it_at_once_and_the_reporter_hears_that_and_not_why(
    office: Office, status: str, cycle: int
) -> None:
    number = asked_by_agency(office) if status == "awaiting_reporter" else office.bring(status)
    words = sum(kind == "case.reply_written.v1" for kind, _ in office.said(number))
    assert office.ask("GET", f"/v1/cases/{number}", as_="liaison").status_code == 200

    answer = name(office, number, "dpupr")

    assert (answer.status_code, answer.json["status"]) == (200, "unverified"), answer.text
    type, said = told(office, number)
    assert (type, said | {"at": ""}) == ("case.handed_up.v1", {
        "returns": None, "cycle": cycle, "decider": "coordinator", "passes_by": [],
        "status": "unverified", "at": "",
    })  # fmt: skip
    assert sum(kind == "case.reply_written.v1" for kind, _ in office.said(number)) == words
    for as_ in ("liaison", "supporter"):
        assert office.ask("GET", f"/v1/cases/{number}", as_=as_).status_code == 404
        listed = office.ask("GET", "/v1/cases?limit=100", as_=as_).json["items"]
        assert number not in {item["number"] for item in listed}
        assert office.act(number, "follow-ups", as_, **FOLLOW_UP[2]).status_code == 404
    shown = office.case(number)
    assert (shown["agency"], shown["complains_about"], shown["returns"]) == (None, ["dpupr"], 0)
    line = shown["history"][-1]
    assert (line["action"], line["officer"], line["why"]) == ("name_accused", "coordinator", WHY)
    assert line["changes"]["agency"] == ["dpupr", None]


def test_another_unit_carries_it_to_an_answer_and_the_accused_one_never_gets_it(
    office: Office,
) -> None:
    number = office.bring("answered")
    assert name(office, number, "dpupr").status_code == 200

    refused = office.act(number, "disposition", "coordinator", agency="dpupr")
    assert refused.json["errors"][0]["rule"] == "party"
    given = office.act(number, "disposition", "coordinator", agency="dishub")
    assert given.status_code == 200, given.text
    for verb, _, body in (FOLLOW_UP, ANSWER):
        assert office.act(number, verb, "stranger", **body).status_code == 200

    type, said = told(office, number)
    assert (type, said["agency"], said["cycle"]) == ("case.answered.v1", "dishub", 2)
    for as_, why in (("stranger", None), ("supervisor", WHY)):  # it may tell who reported
        told_why = [h["why"] for h in office.case(number, as_)["history"]]
        assert told_why[4] == why


def test_what_shows_both_their_files_names_it_no_more_for_the_accused(office: Office) -> None:
    file = {"title": "A photo of the road", "sha256": "ab" * 32}
    mine, other = office.bring("disposed"), office.bring("disposed")
    for number in (mine, other):
        body = FOLLOW_UP[2] | {"evidence": [file]}
        assert office.act(number, "follow-ups", "liaison", **body).status_code == 200

    def also_in() -> list[str]:
        replies = office.case(mine, "liaison")["replies"]
        return [number for file in replies[-1]["evidence"] for number in file["also_in"]]

    assert other in also_in()
    assert name(office, other, "dpupr").status_code == 200
    assert other not in also_in()


def test_a_desk_above_takes_it_from_the_one_that_it_complains_about(office: Office) -> None:
    number = office.open()
    assert office.act(number, "verification", "coordinator", **VERIFY[2]).status_code == 200

    assert name(office, number, "diskominfo", as_="supervisor").status_code == 200

    type, said = told(office, number)
    desks = {"decider": "arbiter", "passes_by": ["coordinator"], "status": "unverified"}
    assert (type, said) == ("case.desks_changed.v1", desks | {"at": said["at"]})
    assert office.ask("GET", f"/v1/cases/{number}", as_="coordinator").status_code == 404
    assert name(office, number, "dlh").status_code == 404
    body = DISPOSE[2]
    assert office.act(number, "disposition", "arbiter", **body).status_code == 200


def test_one_that_supports_or_has_no_part_is_recorded_and_nobody_is_told(office: Office) -> None:
    number = office.bring("in_progress")
    before = office.said(number)

    assert name(office, number, "dlh", "dishub").status_code == 200

    assert office.said(number) == before
    shown = office.case(number)
    assert (shown["status"], shown["supporting"]) == ("in_progress", [])
    assert shown["complains_about"] == ["dlh", "dishub"]
    assert office.ask("GET", f"/v1/cases/{number}", as_="supporter").status_code == 404
    assert office.case(number, "liaison")["actions"].count("answer") == 1


@pytest.mark.parametrize(
    ("units", "refusal"),
    [
        (["no-such"], ("complains_about", "known")),
        (["dishub"], ("complains_about", "change")),
        (["diskominfo", "setda", "inspektorat"], ("complains_about", "decider")),
    ],
)
def test_what_cannot_be_named_is_refused(office: Office, units: list[str], refusal: Any) -> None:
    number = office.bring("disposed")
    assert name(office, number, "dishub").status_code == 200

    answer = name(office, number, *units)

    error = answer.json["errors"][0]
    assert (answer.status_code, error["field"], error["rule"]) == (422, *refusal)


def test_cases_that_follow_are_taken_from_it_too_and_each_reporter_is_told(office: Office) -> None:
    parent, child = office.bring("answered"), office.open()
    assert office.act(child, "verification", "coordinator", **VERIFY[2]).status_code == 200
    merged = office.act(child, "merge", "coordinator", into=parent, reason="the same hole")
    assert merged.status_code == 200, merged.text

    assert name(office, child, "dpupr").status_code == 409
    assert name(office, parent, "dpupr").status_code == 200

    for number in (parent, child):
        type, said = told(office, number)
        assert (type, said["status"], said["cycle"]) == ("case.handed_up.v1", "unverified", 2)
        assert office.ask("GET", f"/v1/cases/{number}", as_="liaison").status_code == 404
        assert office.case(number)["complains_about"] == ["dpupr"]
