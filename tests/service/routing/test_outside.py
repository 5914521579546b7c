"""What was forwarded to an authority outside is no dead end: the desk may take it back."""

from __future__ import annotations

import pytest

from tests.service.routing.office import (
    ANSWER,
    DISPOSE,
    FOLLOW_UP,
    FORWARD,
    RECALL,
    VERIFY,
    Office,
    told,
)


def recall(office: Office, number: str, as_: str = "coordinator") -> int:
    return int(office.act(number, "recall", as_, **RECALL[2]).status_code)


def test_what_was_recalled_is_the_desks_again_in_the_same_round(office: Office) -> None:
    number = office.bring("forwarded_externally")
    assert office.case(number, "coordinator")["actions"] == ["recall", "merge", "protect"]

    assert recall(office, number) == 200

    type, said = told(office, number)
    reply = said.pop("reply_id")
    assert (type, said | {"at": ""}) == ("case.recalled.v1", {
        "cycle": 1, "decider": "coordinator", "passes_by": [], "status": "unverified", "at": "",
    })  # fmt: skip
    [words] = [data for kind, data in office.said(number) if data.get("about") == "recall"]
    assert (words["reply_id"], words["text"]) == (reply, RECALL[2]["reason"])
    shown = office.case(number)
    assert (shown["ended_at"], shown["reopen_until"], shown["objections"]) == (None, None, 0)
    line = shown["history"][-1]
    filed = (line["action"], line["officer"], line["why"])
    assert filed == ("recall", "coordinator", RECALL[2]["reason"])
    assert line["changes"]["status"] == ["forwarded_externally", "unverified"]


@pytest.mark.parametrize("how", ["recalled", "objected to"])
def test_it_is_carried_through_to_an_answer(office: Office, how: str) -> None:
    number = office.bring("forwarded_externally")
    if how == "recalled":
        assert recall(office, number) == 200
    else:
        assert office.hear("report.objected.v1", number, reason="It is your road.") == "done"
    listed = office.ask("GET", "/v1/cases?limit=100", as_="coordinator")
    numbers = [item["number"] for item in listed.json["items"]]
    assert number in numbers

    for verb, as_, body in (VERIFY, DISPOSE, FOLLOW_UP, ANSWER):
        assert office.act(number, verb, as_, **body).status_code == 200

    assert office.case(number)["status"] == "answered"


def test_it_is_recalled_at_any_time_and_an_objection_that_comes_then_is_refused(
    office: Office,
) -> None:
    number = office.bring("forwarded_externally")
    office.later(days=40)

    assert recall(office, number) == 200
    assert office.hear("report.objected.v1", number, reason="It is your road.") == "done"

    type, said = told(office, number)
    assert (type, said["reason_code"]) == ("case.refused.v1", "wrong_status")
    assert recall(office, number) == 409


def test_only_who_decides_about_it_recalls_it_and_the_accused_desk_knows_nothing(
    office: Office,
) -> None:
    number = office.open()
    accused = VERIFY[2] | {"complains_about": "diskominfo"}
    assert office.act(number, "verification", "coordinator", **accused).status_code == 200
    assert office.act(number, "forwarding", "arbiter", **FORWARD[2]).status_code == 200
    denied = "SELECT status FROM denial WHERE number = %s AND route LIKE '%%/recall' ORDER BY id"

    assert [recall(office, number, as_) for as_ in ("coordinator", "supervisor")] == [404, 403]
    assert office.database.psql(denied, [number]) == [(404,), (403,)]
    assert recall(office, number, "arbiter") == 200

    said = told(office, number)[1]
    assert (said["decider"], said["passes_by"]) == ("arbiter", ["coordinator"])


def test_a_case_that_follows_comes_back_with_it_and_each_reporter_is_told(office: Office) -> None:
    parent, child = office.open(), office.open()
    for number in (parent, child):
        assert office.act(number, "verification", "coordinator", **VERIFY[2]).status_code == 200
    merged = office.act(child, "merge", "coordinator", into=parent, reason="the same hole")
    assert merged.status_code == 200, merged.text
    assert office.act(parent, "forwarding", "coordinator", **FORWARD[2]).status_code == 200

    assert recall(office, child) == 409
    assert recall(office, parent) == 200

    for number in (parent, child):
        assert told(office, number)[0] == "case.recalled.v1"
        assert [r["about"] for r in office.case(number)["replies"]] == ["forwarding", "recall"]
