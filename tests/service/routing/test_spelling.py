"""A number is one however it is typed: small letters do, for every operation on a case alike."""

from __future__ import annotations

from uuid import uuid4

import pytest

from services.routing import api, desk
from tests.service.routing.office import (
    ACCUSED,
    ANSWER,
    ARCHIVE,
    ASK,
    CANCEL,
    DISPOSE,
    FOLLOW_UP,
    FORWARD,
    PROTECT,
    RECALL,
    RELAY,
    VERIFY,
)
from tests.service.routing.test_reassigning import ON, put

RECLASSIFY = (
    "reclassification",
    "coordinator",
    {"category": "sampah", "reason": "It is about waste, not the road."},
)
RETURN = ("return", "liaison", {"reason": "The road is a national one, we have none there."})
MERGE = ("merge", "coordinator", {"reason": "The same hole."})
REASSIGN = ("reassignment", "coordinator", ON)
STATUSES = {
    VERIFY[0]: "unverified", DISPOSE[0]: "unverified", ARCHIVE[0]: "unverified",
    FORWARD[0]: "unverified", RECALL[0]: "forwarded_externally",
    RELAY[0]: "forwarded_externally", ASK[0]: "unverified",
    CANCEL[0]: "awaiting_reporter",
    RETURN[0]: "disposed", FOLLOW_UP[0]: "disposed", ANSWER[0]: "in_progress",
    RECLASSIFY[0]: "disposed", MERGE[0]: "unverified",
    PROTECT[0]: "disposed", ACCUSED[0]: "disposed", REASSIGN[0]: "disposed",
}  # fmt: skip
TURNS = (
    VERIFY, DISPOSE, ARCHIVE, FORWARD, RECALL, RELAY, ASK, CANCEL, RETURN, FOLLOW_UP, ANSWER,
    RECLASSIFY, MERGE, PROTECT, ACCUSED, REASSIGN,
)  # fmt: skip


@pytest.mark.parametrize(("verb", "as_", "body"), TURNS, ids=[verb for verb, *_ in TURNS])
def test_whoever_types_small_letters_acts_on_the_case(office, verb, as_, body):
    number = office.bring(STATUSES[verb])
    if verb == DISPOSE[0]:
        office.act(number, VERIFY[0], VERIFY[1], **VERIFY[2])
    if verb == MERGE[0]:
        office.later(minutes=1)
        into, number = number, office.open()
        body = body | {"into": into.lower()}

    put(office, active=verb != REASSIGN[0])

    done = office.act(number.lower(), verb, as_, **body)

    put(office, active=True)
    assert (done.status_code, done.json["number"]) == (200, number)


def test_no_verb_is_left_out():
    assert {verb for verb, *_ in TURNS} == set(desk.VERBS)
    others = {address for address in api.ADDRESSES if "{number}" in address}
    assert others == {"/v1/cases/{number}", "/v1/cases/{number}/token"}


def test_whoever_types_small_letters_reads_the_case(office):
    number = office.bring("in_progress")

    assert office.case(number.lower()) == office.case(number)
    for as_, status in (("liaison", 200), ("stranger", 404)):
        answers = [
            office.ask("POST", f"/v1/cases/{typed}/token", {}, as_=as_)
            for typed in (number, number.lower())
        ]
        assert [answer.status_code for answer in answers] == [status] * 2


def test_what_is_sent_again_with_another_spelling_happens_once(office):
    number = office.bring("disposed")
    key, path = str(uuid4()), "/v1/cases/{}/follow-ups"
    answers = [
        office.ask("POST", path.format(typed), FOLLOW_UP[2], "liaison", **{"Idempotency-Key": key})
        for typed in (number.lower(), number)
    ]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json == answers[1].json
    assert [type for type, _ in office.said(number)].count("case.followed_up.v1") == 1


def test_a_denial_is_on_record_with_the_number_and_answered_alike(office):
    number = office.bring("in_progress")
    answers = [
        office.ask("GET", f"/v1/cases/{typed}", as_="stranger").json
        for typed in (number, number.lower(), "KTB-00000-00000", "ktb-00000-00000")
    ]

    assert (
        len({tuple(answer[name] for name in ("status", "code", "title")) for answer in answers})
        == 1
    )
    kept = "SELECT number, times FROM denial WHERE route = '/v1/cases/{number}' ORDER BY id"
    assert {row[0] for row in office.database.psql(kept)} <= {number, None}
