"""What the Ombudsman answers stands in the case and in the worklist, for who handles it and for
nobody whom it complains about."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from chassis.inbox import ANYBODY
from tests.service.routing.office import ANSWER, DISPOSE, FOLLOW_UP, VERIFY
from tests.service.routing.test_routing_reporters import ago

WORDS = "Jembatan diperbaiki dalam 30 hari."


def answer(office, number, said, words=None, **other):
    """The Ombudsman's answer as escalation tells it, its words apart."""
    known = {"answer_id": str(uuid4()), "answer": said}
    told = {"reason": None, "reference": "0123/LM/I/2027/BJM", "spoken": words is not None}
    assert office.hear("escalation.answered.v1", number, **known | told | other) == "done"
    if words:
        said = office.hear("escalation.words_written.v1", number, **known, text=words)
        assert said == "done"


def order(office, number, days=20):
    """A corrective action, with the clock that it starts."""
    answer(office, number, "corrective_action", WORDS)
    due = ago(office, days=-days)
    office.hear("deadline.started.v1", number, clock="C", cycle=1, started_at=due, due_at=due)
    return due[:19]


def listed(office, as_):
    """The whole worklist of an officer."""
    items, after = [], ""
    while after is not None:
        page = office.ask("GET", f"/v1/cases?limit=100{after and f'&after={after}'}", as_=as_).json
        items, after = items + page["items"], page["next"]
    return {item["number"]: item for item in items}


def test_answers_stand_in_the_case_in_order_and_with_what_is_asked_for(office):
    number = office.bring("in_progress")
    office.hear("escalation.handed_over.v1", number)
    answer(office, number, "received", spoken=True)  # to the reporter: it is not heard here
    office.later(seconds=1)
    answer(office, number, "declined", reason="incomplete", spoken=True)
    office.later(seconds=1)
    answer(office, number, "received")
    answer(office, number, "under_examination")
    answer(office, number, "corrective_action", WORDS)

    case = office.case(number, "liaison")

    assert case["ombudsman"] == "corrective_action"
    shown = {a["answer"]: a["words"] for a in case["ombudsman_answers"]}
    assert shown == {
        "received": None, "declined": None, "under_examination": None, "corrective_action": WORDS,
    }  # fmt: skip
    kept = office.database.psql("SELECT text FROM ombudsman_words WHERE number = %s", [number])
    assert kept == [(WORDS,)]


def test_words_may_come_before_the_answer_that_they_belong_to(office):
    number = office.bring("in_progress")
    known = {"answer_id": str(uuid4()), "answer": "mediation"}
    office.hear("escalation.words_written.v1", number, **known, text="Undangan mediasi.")
    office.hear("escalation.answered.v1", number, **known, reason=None, spoken=True)

    assert [a["words"] for a in office.case(number)["ombudsman_answers"]] == ["Undangan mediasi."]


@pytest.mark.parametrize("said", ["received", "declined", "under_examination", "closed"])
def test_what_may_speak_of_the_reporter_is_kept_nowhere_though_its_case_is_unknown(office, said):
    """As it came in this stream formerly: it may come again, by a replay."""
    event = json.loads(office.body("escalation.words_written.v1", "KTB-34567-00009"))
    event["data"] |= {"answer": said, "text": "Kepada Ibu Segel Kuning."}

    assert office.service.inbox.receive(json.dumps(event).encode(), ANYBODY) == "done"

    filed = "SELECT state, body IS NULL FROM inbox WHERE event_id = %s"
    assert office.database.psql(filed, [event["id"]]) == [("done", True)]
    kept = "SELECT count(*) FROM ombudsman_words WHERE number = %s"
    assert office.database.psql(kept, [event["subject"]]) == [(0,)]


def test_an_order_is_due_when_it_ends_sooner_than_the_cases_own_limit(office):
    number = office.bring("in_progress")
    settle = ago(office, days=-30)
    office.hear("deadline.started.v1", number, clock="S", cycle=1, started_at=settle, due_at=settle)

    due = order(office, number)
    assert office.case(number)["due_at"][:19] == due

    answer(office, number, "closed")
    assert office.case(number)["due_at"][:19] == settle[:19]


def test_a_closed_case_is_in_the_worklist_again_while_an_order_is_open(office):
    number = office.bring("closed")
    assert number not in listed(office, "liaison")

    due = order(office, number)

    for who in ("liaison", "coordinator"):
        assert listed(office, who)[number]["ombudsman"] == "corrective_action"
        assert listed(office, who)[number]["due_at"][:19] == due
    assert number not in listed(office, "stranger")

    answer(office, number, "closed")
    assert number not in listed(office, "liaison")


def test_an_order_in_a_case_that_follows_another_is_seen_too(office):
    parent, number = office.bring("in_progress"), office.bring("in_progress")
    stopped = {"clock": "S", "cycle": 1, "due_at": ago(office, days=-10)}
    office.hear("deadline.started.v1", parent, **stopped)
    office.hear("deadline.started.v1", number, **stopped)  # the merge stops this one
    merge = {"into": parent, "reason": "the same bridge"}
    assert office.act(number, "merge", "coordinator", **merge).status_code == 200

    due = order(office, number)

    assert listed(office, "liaison")[number]["due_at"][:19] == due
    shown = [d["clock"] for d in office.case(number, "liaison")["deadlines"]]
    assert shown == ["C", "S"]


def test_what_is_ordered_about_a_follower_stands_in_the_file_that_can_be_acted_on(office):
    parent, number = office.bring("in_progress"), office.bring("in_progress")
    merge = {"into": parent, "reason": "the same bridge"}
    assert office.act(number, "merge", "coordinator", **merge).status_code == 200
    assert office.case(parent, "liaison")["ombudsman_in_followers"] == []
    answer(office, number, "declined", reason="incomplete", spoken=True)
    office.later(seconds=1)
    answer(office, number, "mediation", "Undangan mediasi.")
    office.later(seconds=1)

    due = order(office, number)
    case = office.case(parent, "liaison")

    asked, ordered = case["ombudsman_in_followers"]
    assert (case["ombudsman"], case["ombudsman_answers"]) == (None, []), "its own file is none"
    assert (asked["answer"], asked["open"], asked["due_at"]) == ("mediation", False, None)
    assert (ordered["number"], ordered["answer"]) == (number, "corrective_action")
    assert (ordered["words"], ordered["open"]) == (WORDS, True)
    assert (ordered["due_at"][:19], ordered["ends_on"] is not None) == (due, True)
    assert "follow-ups" in case["actions"] or "follow_up" in case["actions"]
    assert office.case(number, "liaison")["merged_into"] == parent

    office.later(seconds=1)
    answer(office, number, "closed")

    opens = [one["open"] for one in office.case(parent, "liaison")["ombudsman_in_followers"]]
    assert opens == [False, False]
    assert office.ask("GET", f"/v1/cases/{parent}", as_="stranger").status_code == 404


def test_whom_the_case_complains_about_sees_neither_answer_nor_order(office):
    number = office.open()
    office.act(number, "verification", "coordinator", **VERIFY[2] | {"complains_about": "dishub"})
    office.act(number, "disposition", "coordinator", **DISPOSE[2])
    office.act(number, "follow-ups", "liaison", **FOLLOW_UP[2])
    office.act(number, "answer", "liaison", **ANSWER[2])

    order(office, number)

    assert number not in listed(office, "stranger")
    assert office.ask("GET", f"/v1/cases/{number}", as_="stranger").status_code == 404
    assert office.case(number, "liaison")["ombudsman"] == "corrective_action"


@pytest.mark.parametrize("status", ["unverified", "in_progress", "closed", "archived"])
def test_the_order_waits_for_nobody_though_its_limit_is_heard_of_first(office, status):
    number = office.bring(status)
    due = ago(office, days=-9)
    office.hear("deadline.started.v1", number, clock="O", cycle=1, started_at=due, due_at=due)

    answer(office, number, "recommendation", WORDS)

    assert office.case(number)["due_at"][:19] == due[:19]


def test_the_worklist_is_read_by_its_index(office):
    """The planner may use it only while both are worded alike."""
    plan = office.database.psql(
        "SET enable_seqscan = off; SET enable_bitmapscan = off; EXPLAIN SELECT number FROM cases"
        " WHERE (merged_into IS NULL AND status IN ('unverified', 'awaiting_reporter', 'disposed',"
        " 'in_progress', 'answered') OR ombudsman IN ('corrective_action', 'recommendation'))"
        " ORDER BY due_at NULLS LAST, number LIMIT 51"
    )
    assert any("cases_open" in line for (line,) in plan)
