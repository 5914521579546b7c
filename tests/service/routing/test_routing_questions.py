"""A question waits for its answer, for who asked to take it back, or for its own time to end."""

from __future__ import annotations

import pytest

from tests.service.routing.office import (
    ARCHIVE,
    ASK,
    CANCEL,
    ago,
    notes,
    pass_limit,
    question,
    told,
)


@pytest.mark.parametrize(("status", "verbs"), [("unverified", []), ("in_progress", [])])
def test_supplied_data_resumes_where_it_was_asked(office, status, verbs):
    number = office.bring(status)
    asker = "coordinator" if status == "unverified" else "liaison"
    assert office.act(number, "data-request", asker, **ASK[2]).status_code == 200
    asked = told(office, number)
    assert (asked[0], asked[1]["awaited_from"]) == ("case.data_requested.v1", status)

    named = {"question_id": asked[1]["reply_id"]}
    office.hear("report.supplemented.v1", number, text="At kilometre 12.", **named)

    type, said = told(office, number)
    assert (type, said["status"]) == ("case.resumed.v1", status)
    assert notes(office, number) == [("supplement", "At kilometre 12.")]


@pytest.mark.parametrize(
    ("status", "asker", "others"),
    [("unverified", "coordinator", ("supervisor",)),
     ("in_progress", "liaison", ("coordinator", "supporter", "supervisor"))],
)  # fmt: skip
def test_who_asked_may_take_the_question_back_and_nobody_else(office, status, asker, others):
    number = office.bring(status)
    office.act(number, "data-request", asker, **ASK[2])
    cancel, reason = CANCEL[0], CANCEL[2]
    refused = [office.act(number, cancel, as_, **reason).status_code for as_ in others]
    assert refused == [403] * len(others)
    assert "cancel_data_request" in office.case(number, asker)["actions"]

    answer = office.act(number, cancel, asker, **reason)

    assert (answer.status_code, answer.json["status"]) == (200, status)
    (_, reply), (type, said) = office.said(number)[-2:]
    assert (reply["about"], reply["text"]) == ("cancellation", reason["reason"])
    assert (type, said["status"]) == ("case.data_request_cancelled.v1", status)
    assert said["reply_id"] == reply["reply_id"]
    assert office.act(number, cancel, asker, **reason).status_code == 409
    assert pass_limit(office, number, "D") == "done"  # it may have been under way
    assert office.case(number)["status"] == status


@pytest.mark.parametrize(("round_", "status"), [(1, "awaiting_reporter"), (2, "archived")])
def test_only_the_time_of_the_open_question_ends_its_case(office, round_, status):
    number = office.bring("unverified")
    for cycle in (1, 2):
        office.act(number, *ASK[:2], **ASK[2])
        began = told(office, number)[1]["at"]
        office.hear("deadline.started.v1", number, clock="D", cycle=cycle, started_at=began)
        if cycle == 1:
            named = {"question_id": question(office, number)}
            office.hear("report.supplemented.v1", number, text="At kilometre 12.", **named)

    due = ago(office, days=-2)  # as if the first had been asked long before the second
    office.hear("deadline.passed.v1", number, clock="D", cycle=round_, due_at=due)

    assert office.case(number)["status"] == status


def test_a_limit_that_ends_within_a_day_of_the_question_is_not_its_own(office):
    number = office.bring("awaiting_reporter")
    due = ago(office, hours=-23)
    office.hear("deadline.passed.v1", number, clock="D", cycle=1, due_at=due)
    assert office.case(number)["status"] == "awaiting_reporter"


def test_what_was_taken_back_was_not_asked(office):
    number = office.bring("awaiting_reporter")
    office.act(number, *CANCEL[:2], **CANCEL[2])

    incomplete = ARCHIVE[2] | {"reason": "incomplete"}
    answer = office.act(number, *ARCHIVE[:2], **incomplete)

    assert answer.status_code == 422, answer.text
    assert answer.json["errors"][0]["rule"] == "asked_first"
