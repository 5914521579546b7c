"""What an agency has in hand that gets no new cases, nobody need be left to answer: the desk that
decides hands it on, and nothing else of it changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.service.routing.office import (
    ANSWER,
    FOLLOW_UP,
    TEXT,
    VERIFY,
    Office,
    notes,
    pass_limit,
    told,
)

PATH, NAME = "/v1/agencies/dpupr", {"name": "Dinas Pekerjaan Umum dan Penataan Ruang"}
HELD = ("disposed", "in_progress", "answered")
ON = {"agency": "dishub", "supporting": ["dlh"], "note": "The office was merged into this one."}


def put(office: Office, *, active: bool) -> dict[str, Any]:
    answer = office.ask("PUT", PATH, NAME | {"active": active}, "administrator")
    assert answer.status_code == 200, answer.text
    return dict(answer.json)


@pytest.fixture
def leave(office: Office) -> Iterator[Any]:
    """The agency of every case gets no new ones from when this is called, until the test ends."""
    yield lambda: put(office, active=False)
    put(office, active=True)


def hand_on(office: Office, number: str, as_: str = "coordinator", **other: Any) -> Any:
    return office.act(number, "reassignment", as_, **ON | other)


def problem(answer: Any) -> tuple[int, str, str]:
    error = answer.json["errors"][0]
    return answer.status_code, error["field"], error["rule"]


@pytest.mark.parametrize("status", HELD)
def test_the_handling_goes_on_where_it_was(office: Office, leave: Any, status: str) -> None:
    number = office.bring(status)
    before = office.case(number)
    leave()

    assert hand_on(office, number).status_code == 200

    after = office.case(number)
    changed = {name for name in before if before[name] != after[name]}
    shown = {"agency_active", "history", "actions", "suggestion"}
    assert changed <= {"agency", "supporting"} | shown
    assert (after["agency"], after["supporting"]) == ("dishub", ["dlh"])
    type, said = told(office, number)
    assert (type, said | {"at": ""}) == ("case.reassigned.v1", {
        "agency": "dishub", "supporting": ["dlh"], "instead_of": "dpupr", "cycle": 1,
        "status": status, "at": "",
    })  # fmt: skip
    line = after["history"][-1]
    assert (line["action"], line["officer"], line["why"]) == ("reassign", "coordinator", ON["note"])
    assert line["changes"]["agency"] == ["dpupr", "dishub"]


@pytest.mark.parametrize("status", HELD)
def test_whoever_has_it_then_can_carry_it_through(office: Office, leave: Any, status: str) -> None:
    number = office.bring(status)
    leave()
    assert hand_on(office, number).status_code == 200

    assert office.ask("GET", f"/v1/cases/{number}", as_="liaison").status_code == 404
    if status == "answered":
        assert office.hear("report.objected.v1", number) == "done"
    if status == "disposed":
        assert office.act(number, "follow-ups", "stranger", **FOLLOW_UP[2]).status_code == 200
    assert office.act(number, "answer", "stranger", **ANSWER[2]).status_code == 200
    assert office.case(number)["status"] == "answered"


def test_a_question_stays_open_and_the_next_agency_may_take_it_back(
    office: Office, leave: Any
) -> None:
    number = office.bring("in_progress")
    question = {"question": "At which kilometre is the hole, please?"}
    assert office.act(number, "data-request", "liaison", **question).status_code == 200
    leave()

    assert hand_on(office, number).status_code == 200

    assert told(office, number)[1]["status"] == "awaiting_reporter"
    reason = {"reason": "It stands in the file that we were given."}
    cancelled = office.act(number, "data-request/cancellation", "stranger", **reason)
    assert cancelled.json["status"] == "in_progress"


def test_it_is_no_return_and_one_that_was_it_was_not_meant_for_may_return_it(
    office: Office, leave: Any
) -> None:
    number = office.bring("disposed")
    leave()
    assert hand_on(office, number).status_code == 200
    assert office.case(number)["returns"] == 0

    returned = office.act(number, "return", "stranger", reason="It is not our road.")

    assert returned.status_code == 200
    assert told(office, number)[1]["returns"] == 1


def test_an_agency_that_gets_cases_keeps_what_it_has(office: Office) -> None:
    number = office.bring("in_progress")

    assert "reassign" not in office.case(number, "coordinator")["actions"]
    refused = hand_on(office, number)
    assert refused.status_code == 409
    assert [error["rule"] for error in refused.json["errors"]] == ["agency_active"]
    assert office.case(number)["agency"] == "dpupr"


def test_only_the_desk_that_decides_hands_it_on(office: Office, leave: Any) -> None:
    number = office.bring("disposed")
    for _ in range(2):
        assert (
            office.act(number, "return", "liaison", reason="It is not our road.").status_code == 200
        )
        who = office.case(number)["decider"]
        body = {"agency": "dpupr", "supporting": ["dlh"]}
        assert office.act(number, "disposition", who, **body).status_code == 200
    leave()

    for as_ in ("coordinator", "supervisor", "liaison", "supporter"):
        assert "reassign" not in office.case(number, as_)["actions"]
        assert hand_on(office, number, as_).status_code == 403
    assert "reassign" in office.case(number, "arbiter")["actions"]
    assert hand_on(office, number, "arbiter").status_code == 200


def test_the_accused_desk_does_not_and_the_accused_unit_gets_nothing(
    office: Office, leave: Any
) -> None:
    number = office.open()
    for as_, accused in (("coordinator", "diskominfo"), ("arbiter", "dlh")):
        body = VERIFY[2] | {"complains_about": accused}
        assert office.act(number, "verification", as_, **body).status_code == 200
    assert office.act(number, "disposition", "arbiter", agency="dpupr").status_code == 200
    leave()

    assert hand_on(office, number, "coordinator").status_code == 404
    assert problem(hand_on(office, number, "arbiter")) == (422, "supporting", "party")
    lead = hand_on(office, number, "arbiter", agency="dlh", supporting=[])
    assert problem(lead) == (422, "agency", "party")


def test_nobody_is_handed_it_who_gets_no_cases(office: Office, leave: Any) -> None:
    number = office.bring("disposed")
    leave()

    assert problem(hand_on(office, number, agency="dpupr")) == (422, "agency", "active")
    assert problem(hand_on(office, number, supporting=["dpupr"])) == (422, "supporting", "active")
    assert problem(hand_on(office, number, agency="nobody")) == (422, "agency", "known")
    assert office.case(number)["agency"] == "dpupr"


def test_a_case_that_follows_goes_along(office: Office, leave: Any) -> None:
    parent, child = office.open(), office.open()
    for number in (parent, child):
        assert office.act(number, "verification", "coordinator", **VERIFY[2]).status_code == 200
    merged = office.act(child, "merge", "coordinator", into=parent, reason="the same hole")
    assert merged.status_code == 200, merged.text
    assert office.act(parent, "disposition", "coordinator", agency="dpupr").status_code == 200
    leave()

    assert hand_on(office, child).status_code == 409
    assert hand_on(office, parent).status_code == 200

    assert told(office, child)[0] == "case.reassigned.v1"
    assert office.case(child)["agency"] == "dishub"


def test_who_joins_a_case_that_was_handed_on_reads_who_answered(office: Office, leave: Any) -> None:
    parent, child = office.bring("answered"), office.open()
    leave()
    assert hand_on(office, parent).status_code == 200

    merged = office.act(child, "merge", "coordinator", into=parent, reason="the same hole")

    assert merged.status_code == 200, merged.text
    type, said = told(office, child)
    assert (type, said["agency"]) == ("case.answered.v1", "dpupr")


def test_what_is_over_is_handed_on_once_it_is_taken_up_again(office: Office, leave: Any) -> None:
    number = office.bring("closed")
    leave()
    assert hand_on(office, number).status_code == 409

    assert office.hear("report.reopened.v1", number) == "done"
    assert hand_on(office, number).status_code == 200
    assert told(office, number)[1] | {"at": ""} == {
        "agency": "dishub", "supporting": ["dlh"], "instead_of": "dpupr", "cycle": 2,
        "status": "in_progress", "at": "",
    }  # fmt: skip


def test_the_administrator_reads_how_many_and_the_desk_which(office: Office, leave: Any) -> None:
    def listed(**query: str) -> dict[str, bool | None]:
        asked = "&".join(f"{name}={word}" for name, word in ({"limit": "100"} | query).items())
        answer = office.ask("GET", f"/v1/cases?{asked}", as_="coordinator")
        return {item["number"]: item["agency_active"] for item in answer.json["items"]}

    before = leave()["open_cases"]
    assert put(office, active=True)["open_cases"] is None  # nobody counts along while it works
    held = [office.bring(status) for status in HELD]
    office.bring("closed")
    fresh = office.open()
    assert {listed()[number] for number in held} == {True}

    assert leave()["open_cases"] == before + len(HELD)

    assert {listed()[number] for number in held} == {False}
    assert listed()[fresh] is None
    assert set(held) <= listed(agency="dpupr").keys()
    unknown = office.ask("GET", "/v1/cases?agency=nobody", as_="coordinator")
    assert problem(unknown) == (422, "agency", "known")
    for number in held:
        assert hand_on(office, number).status_code == 200
    assert leave()["open_cases"] == before


def test_silence_after_an_answer_still_closes_it(office: Office, leave: Any) -> None:
    number = office.bring("answered")
    leave()
    assert hand_on(office, number).status_code == 200

    assert pass_limit(office, number, "R") == "done"

    assert told(office, number)[0] == "case.closed.v1"
    assert notes(office, number) == []
    assert TEXT in office.case(number)["replies"][-1]["text"]
