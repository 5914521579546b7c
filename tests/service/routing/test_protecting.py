"""Officers raise a reporter's confidentiality: from then on the agency learns days only, and each
case that follows keeps its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from services.routing import models
from tests.harness.waiting import eventually
from tests.service.routing.office import FOLLOW_UP, PROTECT, TEXT, WAYS, told
from tests.service.routing.test_routing_access import BORN, DAY, moments
from tests.service.routing.test_routing_verbs import problem

REASON = PROTECT[2]["reason"]
HIDE = {"hidden_from_public": True, "reason": REASON}
BOTH = PROTECT[2] | HIDE


def protect(office, number, as_="coordinator", **body):
    return office.act(number, "confidentiality", as_, **(body or BOTH))


@pytest.fixture
def merged(office):
    """A parent with an agency, and a case that follows it; both open."""
    parent, child = office.bring("disposed"), office.open()
    answer = office.act(child, "merge", "coordinator", into=parent, reason="the same hole")
    assert answer.status_code == 200, answer.text
    return parent, child


@pytest.mark.parametrize("status", WAYS)
def test_it_is_raised_filed_and_told_in_every_status(office, status):
    number = office.bring(status)
    answer = protect(office, number)

    assert answer.status_code == 200, answer.text
    raised = {"confidentiality": "confidential", "hidden_from_public": True}
    assert answer.json | {"at": "", "cycle": 0} == raised | {
        "number": number, "status": status, "cycle": 0, "at": "", "unchanged": [],
    }  # fmt: skip
    (_, words), (type, said) = office.said(number)[-2:]
    assert (words["about"], words["text"]) == ("protection", REASON)
    reply = {"reply_id": words["reply_id"], "status": status, "at": answer.json["at"]}
    assert (type, said) == ("case.protected.v1", raised | {**reply, "at": said["at"]})
    shown = office.case(number, "coordinator")
    assert {name: shown[name] for name in raised} == raised
    last = shown["history"][-1]
    assert (last["action"], last["officer"], last["why"]) == ("protect", "coordinator", REASON)
    assert last["changes"] == {
        "confidentiality": ["open", "confidential"], "hidden_from_public": [False, True],
    }  # fmt: skip
    assert "protect" not in shown["actions"]
    assert problem(protect(office, number)) == (422, "confidentiality", "change")


@pytest.mark.parametrize("raised", [PROTECT[2], HIDE])
def test_the_agency_that_knew_the_moment_learns_the_day_from_then_on(office, raised):
    number = office.bring("answered", received_at=BORN)
    for type in ("report.supplemented.v1", "escalation.offered.v1", "report.accepted.v1"):
        office.hear(type, number, at=BORN)
    before = moments(office, number, "liaison")
    assert protect(office, number, "liaison", **raised).status_code == 200

    after, exact = moments(office, number, "liaison"), moments(office, number, "coordinator")
    assert sum(at.startswith(BORN[:19]) for at in before) >= 7
    assert after[0].startswith(DAY)
    assert {at[10:19] for at in after} == {"T16:00:00"}
    assert sum(at.startswith(BORN[:19]) for at in exact) >= 7
    assert len(after) == len(before) + 1 == len(exact)


def test_why_is_read_by_the_desks_and_not_by_the_agencies(office):
    """It may tell who the reporter is."""
    number = office.bring("in_progress")
    assert protect(office, number).status_code == 200

    for as_ in ("liaison", "supporter"):
        shown = office.ask("GET", f"/v1/cases/{number}", as_=as_)
        assert shown.json["history"][-1]["action"] == "protect"
        assert REASON not in shown.text
        assert TEXT in shown.text
    for as_ in ("coordinator", "arbiter", "supervisor"):
        shown = office.case(number, as_)
        assert (shown["history"][-1]["why"], shown["replies"][-1]["text"]) == (REASON, REASON)


LEVEL, HIDDEN = "confidentiality", "hidden_from_public"


@pytest.mark.parametrize(
    ("now", "body", "field", "rule"),
    [
        ({LEVEL: "confidential"}, {LEVEL: "open"}, LEVEL, "raise"),
        ({LEVEL: "confidential"}, {LEVEL: "anonymous"}, LEVEL, "anonymous"),
        ({LEVEL: "anonymous"}, {LEVEL: "confidential"}, LEVEL, "anonymous"),
        ({LEVEL: "anonymous"}, {LEVEL: "open"}, LEVEL, "anonymous"),
        ({}, {LEVEL: "secret"}, LEVEL, "one_of"),
        ({}, {LEVEL: None, HIDDEN: None}, LEVEL, "change"),
        ({}, {LEVEL: "open", HIDDEN: False}, LEVEL, "change"),
        ({HIDDEN: True}, {HIDDEN: False}, HIDDEN, "raise"),
        ({HIDDEN: True}, {LEVEL: "confidential", HIDDEN: False}, HIDDEN, "raise"),
        ({}, {HIDDEN: 1}, HIDDEN, "type"),
        ({}, {"reason": "."}, "reason", "length"),
        ({}, {}, LEVEL, "change"),
    ],
)
def test_what_raises_nothing_is_refused_by_field_and_rule_and_changes_nothing(
    office, now, body, field, rule
):
    number = office.open(**{HIDDEN: False} | now)
    before = office.case(number), office.said(number)

    assert problem(protect(office, number, **{"reason": REASON} | body)) == (422, field, rule)
    assert (office.case(number), office.said(number)) == before


def test_without_a_reason_nobody_is_protected(office):
    number = office.open()
    answer = protect(office, number, confidentiality="confidential")
    assert problem(answer) == (422, "reason", "required")


def test_one_that_follows_is_protected_by_itself_and_the_other_is_as_it_was(office, merged):
    parent, child = merged
    before = office.case(parent), office.said(parent)
    for as_, body in (("coordinator", PROTECT[2]), ("liaison", HIDE)):
        assert protect(office, child, as_, **body).status_code == 200

    assert (office.case(parent), office.said(parent)) == before
    assert told(office, child)[0] == "case.protected.v1"
    office.act(parent, "follow-ups", "liaison", text=TEXT)
    shown = office.case(child)
    assert (shown["confidentiality"], shown["hidden_from_public"]) == ("confidential", True)
    assert (shown["status"], shown["merged_into"]) == ("in_progress", parent)


def test_who_raises_it_for_a_case_that_others_follow_is_told_whose_is_unchanged(office, merged):
    parent, child = merged
    before = office.case(child), office.said(child)
    answer = protect(office, parent)

    assert answer.json["unchanged"] == [child]
    assert (office.case(child), office.said(child)) == before
    office.act(parent, "follow-ups", "liaison", text=TEXT)
    assert office.case(child)["confidentiality"] == "open"


def test_what_is_done_at_the_same_time_is_done_too(office, merged):
    """Both wait for the follower: whoever comes second finds what the first has done."""
    parent, child = merged
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock'"
    )
    office.token("coordinator"), office.token("liaison")
    with ThreadPoolExecutor(2) as threads:
        with office.db.begin() as tx:
            tx.execute(sa.select(models.Case).where(models.Case.number == child).with_for_update())
            doing = [
                threads.submit(protect, office, child),
                threads.submit(office.act, parent, *FOLLOW_UP[:2], **FOLLOW_UP[2]),
            ]
            eventually(lambda: office.database.psql(waiting) == [(2,)], "both wait")
        assert [one.result(timeout=20).status_code for one in doing] == [200, 200]

    shown = office.case(child)
    assert (shown["status"], shown["confidentiality"]) == ("in_progress", "confidential")
    assert {type for type, _ in office.said(child)[-4:]} >= {
        "case.protected.v1", "case.followed_up.v1",
    }  # fmt: skip


def test_of_two_who_raise_it_at_once_one_comes_first(office):
    number = office.bring("in_progress")
    office.token("coordinator"), office.token("liaison")
    with ThreadPoolExecutor(2) as threads:
        answers = list(
            threads.map(lambda as_: protect(office, number, as_), ("coordinator", "liaison"))
        )

    assert sorted(a.status_code for a in answers) == [200, 422]
    assert [type for type, _ in office.said(number)].count("case.protected.v1") == 1


def test_the_same_request_again_is_answered_as_it_was(office):
    number, headers = office.open(), {"Idempotency-Key": "a-key-for-raising-it"}
    path = f"/v1/cases/{number}/confidentiality"
    first, again = (office.ask("POST", path, BOTH, "coordinator", **headers) for _ in range(2))

    assert (first.status_code, first.json) == (again.status_code, again.json)
    assert first.status_code == 200
