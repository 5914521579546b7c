"""What was forwarded to an authority outside is no dead end: the desk may take it back, and relays
what is said there."""

from __future__ import annotations

import pytest

from tests.service.routing.office import (
    ANSWER,
    DISPOSE,
    FOLLOW_UP,
    FORWARD,
    RECALL,
    RELAY,
    VERIFY,
    Office,
    told,
)


def recall(office: Office, number: str, as_: str = "coordinator") -> int:
    return int(office.act(number, "recall", as_, **RECALL[2]).status_code)


def test_what_was_recalled_is_the_desks_again_in_the_same_round(office: Office) -> None:
    number = office.bring("forwarded_externally")
    assert office.case(number, "coordinator")["actions"] == [
        "recall", "relay", "merge", "protect",
    ]  # fmt: skip

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


def test_what_is_said_outside_is_told_as_often_as_it_is_said_and_nothing_moves(
    office: Office,
) -> None:
    number = office.bring("forwarded_externally")
    before = office.case(number)

    for text in ("They have it on their list.", "They mend it in March."):
        body = RELAY[2] | {"text": text}
        assert office.act(number, "outside-words", "coordinator", **body).status_code == 200

    after = office.case(number)
    assert {name for name in before if before[name] != after[name]} == {"history", "replies"}
    type, said = told(office, number)
    named, on = said.pop("reply_id"), RELAY[2]["said_on"]
    assert (type, said | {"at": ""}) == ("case.word_relayed.v1", {
        "said_on": on, "cycle": 1, "status": "forwarded_externally", "at": "",
    })  # fmt: skip
    words = [data for kind, data in office.said(number) if data.get("about") == "outside_word"]
    assert (words[-1]["reply_id"], words[-1]["text"]) == (named, "They mend it in March.")
    assert len(words) == 2
    line = after["history"][-1]
    assert (line["action"], line["changes"]) == ("relay", {"said_on": on})


@pytest.mark.parametrize(
    ("given", "rule"),
    [({"said_on": "2126-01-01"}, "not_future"), ({"text": "\u200b"}, "length")],
)
def test_a_word_has_something_to_read_and_a_day_that_has_been(
    office: Office, given: dict[str, str], rule: str
) -> None:
    number = office.bring("forwarded_externally")

    answer = office.act(number, "outside-words", "coordinator", **RELAY[2] | given)

    assert answer.status_code == 422
    [error] = answer.json["errors"]
    assert (error["field"], error["rule"]) == (next(iter(given)), rule)
    assert told(office, number)[0] == "case.forwarded.v1"


def test_of_what_is_not_outside_no_word_is_relayed_and_only_by_who_decides(office: Office) -> None:
    back, out = office.bring("unverified"), office.bring("forwarded_externally")

    assert office.act(back, "outside-words", "coordinator", **RELAY[2]).status_code == 409
    assert office.act(out, "outside-words", "arbiter", **RELAY[2]).status_code == 403
    assert office.act(out, "outside-words", "liaison", **RELAY[2]).status_code == 404
