"""One handling, several reporters: a merged case follows, and ends for its own reporter."""

from __future__ import annotations

import json

import pytest

from services.routing.case_file import NOT_ASKED
from services.routing.models import About
from tests.service.routing.office import ASK, FOLLOW_UP, TEXT, WAYS, ago, notes, pass_limit, told

ANSWER = {"outcome": "fulfilled", "reason": "Done.", "text": TEXT}


@pytest.fixture
def merged(office):
    """A parent with an agency, and a case that follows it."""
    parent, child = office.bring("in_progress"), office.bring("unverified")
    body = {"into": parent, "reason": "the same hole"}
    answer = office.act(child, "merge", "coordinator", **body)
    assert answer.status_code == 200, answer.text
    return parent, child


def test_a_merged_case_moves_with_its_parent_and_its_reporter_gets_the_answer(office, merged):
    parent, child = merged
    assert told(office, child)[1] | {"at": ""} == {
        "into": parent, "kind": "complaint", "class": "ordinary", "category": "jalan-jembatan",
        "agency": "dpupr", "cycle": 1, "decider": "coordinator", "passes_by": [],
        "status": "in_progress", "at": "",
    }  # fmt: skip
    office.act(parent, "answer", "liaison", **ANSWER)

    assert [t for t, _ in office.said(child)[-2:]] == ["case.reply_written.v1", "case.answered.v1"]
    own, others = told(office, child)[1], told(office, parent)[1]
    assert own["reply_id"] != others["reply_id"]
    assert own | {"reply_id": ""} == others | {"reply_id": ""}
    assert office.case(parent)["followers"] == [child]
    assert [r["about"] for r in office.case(child)["replies"]] == ["answer"]


def test_a_question_is_read_by_the_asked_reporter_only(office, merged):
    parent, child = merged
    question = "Which colleague told you of it?"
    asked = office.act(parent, "data-request", "liaison", question=question)
    assert asked.status_code == 200, asked.text

    for number, words in ((parent, question), (child, NOT_ASKED[About.DATA_REQUEST])):
        (_, reply), (type, said) = office.said(number)[-2:]
        assert (type, said["status"]) == ("case.data_requested.v1", "awaiting_reporter")
        assert (said["reply_id"], reply["text"]) == (reply["reply_id"], words)
    assert question not in json.dumps(office.said(child))
    assert [r["text"] for r in office.case(child)["replies"]] == [NOT_ASKED[About.DATA_REQUEST]]


def test_why_a_question_was_taken_back_is_read_by_the_asked_reporter_only(office, merged):
    parent, child = merged
    office.act(parent, "data-request", "liaison", **ASK[2])
    reason = "Your colleague has told us."
    answer = office.act(parent, "data-request/cancellation", "liaison", reason=reason)
    assert answer.status_code == 200, answer.text

    for number, words in ((parent, reason), (child, NOT_ASKED[About.CANCELLATION])):
        (_, reply), (type, said) = office.said(number)[-2:]
        assert (type, said["status"]) == ("case.data_request_cancelled.v1", "in_progress")
        assert (said["reply_id"], reply["text"]) == (reply["reply_id"], words)
    assert reason not in json.dumps(office.said(child))
    kept = "SELECT number FROM case_event WHERE why = %s"
    assert office.database.psql(kept, [reason]) == [(parent,)]


def test_who_joins_a_case_whose_reporter_was_asked_reads_that_they_need_not_answer(office):
    parent, child = office.bring("awaiting_reporter"), office.bring("unverified")
    grandchild = office.bring("unverified")
    office.act(grandchild, "merge", "coordinator", into=child, reason="the same hole")
    office.act(child, "data-request", "coordinator", **ASK[2])  # else its time would only now stand
    before = office.said(parent)

    office.act(child, "merge", "coordinator", into=parent, reason="the same hole")

    for number in (child, grandchild):
        (merged, _), (_, reply), (asked, said) = office.said(number)[-3:]
        assert (merged, asked) == ("case.merged.v1", "case.data_requested.v1")
        assert (said["reply_id"], said["awaited_from"]) == (reply["reply_id"], "unverified")
        assert reply["text"] == NOT_ASKED[About.DATA_REQUEST]
    assert office.said(parent) == before


def test_one_reporters_silence_ends_no_case_of_others(office, merged):
    """They were told that they need not answer: who asked goes on without it, and decides."""
    parent, child = merged
    office.act(parent, "data-request", "liaison", **ASK[2])
    due = ago(office, days=-10)
    office.later(days=11)

    office.hear("deadline.passed.v1", parent, clock="D", cycle=1, due_at=due)

    for number in merged:
        type, said = told(office, number)
        assert (type, said["how"], said["status"]) == ("case.resumed.v1", "silent", "in_progress")
        assert office.case(number)["status"] == "in_progress"
    office.act(parent, "data-request", "liaison", **ASK[2])
    office.hear("report.withdrawn.v1", child)
    due = ago(office, days=-10)
    office.later(days=11)
    office.hear("deadline.passed.v1", parent, clock="D", cycle=2, due_at=due)
    assert told(office, parent)[1]["reason"] == "incomplete"  # the negative control


def test_no_case_is_settled_later_by_being_merged(office):
    parent, child = office.bring("unverified"), office.bring("in_progress")
    merge = {"into": parent, "reason": "the same hole"}
    begun = {"clock": "S", "cycle": 1, "started_at": ago(office, days=13)}
    begun["due_at"] = ago(office, days=-1)
    office.hear("deadline.started.v1", child, **begun)

    refused = office.act(child, "merge", "coordinator", **merge)

    assert (refused.status_code, refused.json["errors"][0]["rule"]) == (422, "order")
    for verb, as_, body in WAYS["disposed"]:
        office.act(parent, verb, as_, **body)
    office.hear("deadline.started.v1", parent, **begun)
    assert office.act(child, "merge", "coordinator", **merge).status_code == 200


def test_what_a_complaint_without_a_class_follows_stays_a_complaint(office):
    parent, child = office.bring("unverified"), office.bring("unverified")
    office.act(child, "merge", "coordinator", into=parent, reason="the same hole")
    change = {"kind": "aspiration", "reason": "It wishes for a road."}

    refused = office.act(parent, "reclassification", "coordinator", **change)

    assert (refused.status_code, refused.json["errors"][0]["rule"]) == (422, "class")
    office.hear("report.withdrawn.v1", child)
    assert office.act(parent, "reclassification", "coordinator", **change).status_code == 200


def test_a_complaint_that_was_left_without_a_class_can_be_given_one_once_it_stands_alone(office):
    """It had followed what is none, as until 2026-11-30 it could."""
    number = office.bring("in_progress")
    office.database.psql("UPDATE cases SET class = NULL WHERE number = %s", [number])
    given = {"class": "ordinary", "reason": "It is about waste, not misconduct."}

    answer = office.act(number, "reclassification", "coordinator", **given)

    assert answer.status_code == 200, answer.text
    assert told(office, number)[1]["class"] == "ordinary"


def test_a_follower_is_told_its_parents_number_once_and_a_parent_none(office, merged):
    parent, child = merged
    office.act(parent, "data-request", "liaison", **ASK[2])
    office.hear("report.supplemented.v1", parent)
    body = {"category": "sampah", "reason": "It is about waste, not the road."}
    office.act(parent, "reclassification", "coordinator", **body)
    office.act(parent, "answer", "liaison", **ANSWER)
    office.hear("report.objected.v1", child)

    assert [t for t, d in office.said(child) if parent in json.dumps(d)] == ["case.merged.v1"]
    assert child not in json.dumps(office.said(parent))


def test_a_followers_reporter_may_object_and_that_moves_all(office, merged):
    parent, child = merged
    office.act(parent, "answer", "liaison", **ANSWER)
    office.hear("report.objected.v1", child, reason="Not on my side of the road.")

    for number in merged:
        assert told(office, number)[0] == "case.objected.v1"
        assert office.case(number)["status"] == "in_progress"
    assert notes(office, child)[-1][0] == "object"


def test_a_followers_acceptance_closes_that_one_only(office, merged):
    parent, child = merged
    office.act(parent, "answer", "liaison", **ANSWER)
    office.hear("report.accepted.v1", child)

    assert (office.case(child)["status"], office.case(parent)["status"]) == ("closed", "answered")


def test_officers_handle_the_parent_only_and_protect_each_reporter(office, merged):
    _, child = merged
    assert office.act(child, "follow-ups", "liaison", **FOLLOW_UP[2]).status_code == 409
    assert office.case(child, "liaison")["actions"] == ["protect"]


def test_a_follower_is_shown_with_its_own_reporters_limits_and_else_with_its_parents(
    office, merged
):
    parent, child = merged
    for number, days in ((parent, 1), (child, 2)):
        for clock in "SRHC":
            due = {"clock": clock, "cycle": 1, "due_at": ago(office, days=-days)}
            assert office.hear("deadline.started.v1", number, **due) == "done"

    of_parent, of_child = (
        [(d["clock"], d["due_at"][:10]) for d in office.case(n)["deadlines"]] for n in merged
    )

    theirs, own = (ago(office, days=-days)[:10] for days in (1, 2))
    assert of_parent == [("C", theirs), ("H", theirs), ("R", theirs), ("S", theirs)]
    assert sorted(of_child) == [("C", theirs), ("C", own), ("H", own), ("R", own), ("S", theirs)]


def test_a_followers_present_limit_is_its_parents_but_for_its_own_reporters_time(office, merged):
    parent, child = merged
    theirs, own, reporters = (ago(office, days=-days) for days in (-2, -60, -9))
    limit = {"clock": "S", "cycle": 1}
    for number, due in ((child, own), (parent, theirs)):
        office.hear("deadline.started.v1", number, **limit, due_at=due, ends_on=due[:10])
    above = {"level": 3, "to": "bupati", "agency": "dpupr"}
    office.hear("escalation.raised.v1", parent, **limit, **above, due_at=theirs)

    def present(number):
        case = office.case(number)
        return (case["due_at"] or "")[:10], case["ends_on"], case["level"]

    assert present(child) == present(parent) == (theirs[:10], theirs[:10], 3)

    office.act(parent, "answer", "liaison", **ANSWER)
    assert present(child) == present(parent) == ("", None, 0)
    began = {"clock": "R", "cycle": 1, "due_at": reporters, "ends_on": reporters[:10]}
    office.hear("deadline.started.v1", child, **began)
    assert present(child) == (reporters[:10], reporters[:10], 0)
    assert present(parent) == ("", None, 0)


def test_a_case_is_merged_into_one_whose_number_is_typed_in_small_letters(office):
    parent, child = office.bring("in_progress"), office.bring("unverified")
    done = office.act(child, "merge", "coordinator", into=parent.lower(), reason="the same hole")
    assert done.status_code == 200, done.text
    assert told(office, child)[1]["into"] == office.case(child)["merged_into"] == parent


def test_a_parent_is_not_withdrawn_from_under_its_followers(office, merged):
    parent, child = merged
    office.hear("report.withdrawn.v1", parent)
    type, said = told(office, parent)
    assert (type, said["action"], said["reason_code"]) == (
        "case.refused.v1", "withdraw", "others_follow",
    )  # fmt: skip
    assert office.case(parent)["history"][-1]["refused"] == "others_follow"

    office.hear("report.withdrawn.v1", child)
    office.hear("report.withdrawn.v1", parent)
    assert [office.case(n)["status"] for n in merged] == ["withdrawn"] * 2


def test_followers_follow_their_parent_into_another_case(office, merged):
    parent, child = merged
    other = office.bring("disposed", received_at=ago(office, hours=1))
    body = {"into": other, "reason": "all the same hole"}
    office.act(parent, "merge", "coordinator", **body)

    assert [office.case(n)["merged_into"] for n in merged] == [other] * 2
    assert told(office, child)[1]["into"] == other
    assert office.case(other)["followers"] == sorted(merged)


@pytest.mark.parametrize("ended", ["accepted", "auto_closed"])
def test_a_parent_that_its_reporter_ends_leaves_its_followers_their_own_say(office, merged, ended):
    parent, child = merged
    office.act(parent, "answer", "liaison", **ANSWER)
    before = office.said(child)

    if ended == "accepted":
        office.hear("report.accepted.v1", parent)
    else:
        pass_limit(office, parent, "R")

    assert office.case(parent)["status"] == "closed"
    assert told(office, parent)[1]["how"] == ended
    assert office.case(child)["status"] == "answered"
    assert office.said(child) == before

    pass_limit(office, child, "R")
    assert (office.case(child)["status"], office.case(child)["merged_into"]) == ("closed", None)
    assert told(office, child)[1]["how"] == "auto_closed"


def test_a_followers_silence_ends_its_own_case_only(office, merged):
    parent, child = merged
    office.act(parent, "answer", "liaison", **ANSWER)

    pass_limit(office, child, "R")

    assert [office.case(n)["status"] for n in merged] == ["answered", "closed"]


def test_who_joins_an_answered_case_is_told_the_answer(office):
    parent, child = office.bring("answered"), office.bring("unverified")
    grandchild = office.bring("unverified")
    office.act(grandchild, "merge", "coordinator", into=child, reason="the same hole")

    done = office.act(child, "merge", "coordinator", into=parent, reason="the same hole")

    assert done.status_code == 200, done.text
    for number in (child, grandchild):
        facts = [fact for fact in office.said(number) if fact[0] != "case.opened.v1"][-3:]
        assert [type for type, _ in facts] == [
            "case.merged.v1", "case.reply_written.v1", "case.answered.v1",
        ]  # fmt: skip
        (_, merged), (_, reply), (_, answered) = facts
        assert reply["text"].startswith(TEXT)
        assert answered["reply_id"] == reply["reply_id"]
        assert (answered["agency"], answered["outcome"]) == ("dpupr", "fulfilled")
        assert (merged["cycle"], answered["cycle"]) == (1, 1)
    assert told(office, parent)[0] == "case.answered.v1"
    assert [r["agency"] for r in office.case(child)["replies"]] == ["dpupr"]


@pytest.mark.parametrize(("status", "cycle"), [("answered", 2), ("closed", 2), ("in_progress", 1)])
def test_who_was_answered_before_begins_a_round_of_their_own(office, status, cycle):
    """The time to object to that answer is used, and there will be another one."""
    parent = office.bring("in_progress", received_at=ago(office, hours=1))
    child = office.bring(status)

    office.act(child, "merge", "coordinator", into=parent, reason="the same hole")
    assert told(office, child)[1]["cycle"] == cycle
    office.act(parent, "answer", "liaison", **ANSWER)

    assert [told(office, n)[1]["cycle"] for n in (parent, child)] == [1, cycle]
    pass_limit(office, child, "R", cycle=cycle)
    assert office.case(child)["status"] == "closed"


def test_who_rates_a_case_says_nothing_of_those_that_followed_it(office, merged):
    parent, child = merged
    office.act(parent, "answer", "liaison", **ANSWER)
    office.hear("report.accepted.v1", parent)

    office.hear("report.rated.v1", parent, stars=4)

    assert [office.case(n)["status"] for n in merged] == ["closed", "answered"]
    office.hear("report.accepted.v1", child)
    assert told(office, child)[0] == "case.closed.v1"


def test_a_follower_is_heard_however_long_ago_its_parents_reporter_was_content(office, merged):
    """No notice reached its reporter, so no time runs."""
    parent, child = merged
    office.act(parent, "answer", "liaison", **ANSWER)
    office.hear("report.accepted.v1", parent)
    office.later(days=40)

    office.hear("report.supplemented.v1", child, text="It is open again.")
    assert notes(office, child) == [("supplement", "It is open again.")]
    assert told(office, child)[0] == "case.answered.v1"

    office.hear("report.objected.v1", child)
    assert [office.case(n)["status"] for n in merged] == ["in_progress"] * 2
    office.act(parent, "answer", "liaison", **ANSWER)
    office.hear("report.accepted.v1", parent)
    office.hear("report.accepted.v1", child)
    office.later(days=40)
    office.hear("report.reopened.v1", child)
    assert told(office, child)[1]["reason_code"] == "too_late"  # the negative control


def test_an_agency_learns_no_moment_of_who_has_left_its_case_again(office):
    child = office.open(confidentiality="confidential")
    parent = office.bring("in_progress", received_at=ago(office, hours=1))
    office.act(child, "merge", "coordinator", into=parent, reason="the same hole")
    office.act(parent, "answer", "liaison", **ANSWER)
    office.hear("report.objected.v1", child)
    office.act(parent, "answer", "liaison", **ANSWER)
    pass_limit(office, child, "R", cycle=2)
    assert office.case(parent)["followers"] == []

    for as_, exact in (("liaison", False), ("coordinator", True)):
        at = {event["at"][10:19] for event in office.case(parent, as_)["history"]}
        assert (at != {"T16:00:00"}) == exact  # midnight there
