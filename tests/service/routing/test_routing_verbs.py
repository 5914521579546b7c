"""Officers act on cases: every verb moves, files and tells; what is refused leaves no trace."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import REGISTRY

from tests.service.routing.office import (
    ACCUSED,
    ANSWER,
    DISPOSE,
    FOLLOW_UP,
    PROTECT,
    RECALL,
    RELAY,
    TEXT,
    VERIFY,
    WAYS,
)

VERBS = {
    "verification": VERIFY[2],
    "disposition": DISPOSE[2],
    "reassignment": {"agency": "dishub"},
    "archive": {"reason": "too_general", "text": "Please say which road and where it is."},
    "forwarding": {"to": "Balai Jalan", "text": "This road is a national one; they have it."},
    "recall": RECALL[2],
    "outside-words": RELAY[2],
    "complains-about": ACCUSED[2],
    "data-request": {"question": "At which kilometre is the hole, please?"},
    "data-request/cancellation": {"reason": "We found it in our own files."},
    "return": {"reason": "The road is the transport office's.", "proposed_agency": "dishub"},
    "follow-ups": FOLLOW_UP[2],
    "answer": ANSWER[2],
    "reclassification": {"category": "sampah", "reason": "It is about waste, not the road."},
    "confidentiality": PROTECT[2],
    "merge": {"into": "KTB-99999-99999", "reason": "the same hole"},
}

MEASURES = [
    ("lapor_disposition_delay_seconds_count", {"kind": "complaint"}),
    ("lapor_follow_up_delay_seconds_count", {"kind": "complaint"}),
    ("lapor_answer_delay_seconds_count", {"kind": "complaint"}),
    ("lapor_answers_total", {"outcome": "fulfilled"}),
    ("lapor_closed_total", {"how": "accepted"}),
    ("lapor_archived_total", {"reason": "too_general"}),
]
ACTIONS = {
    "verification": "verify",
    "disposition": "dispose",
    "reassignment": "reassign",
    "forwarding": "forward",
    "recall": "recall",
    "outside-words": "relay",
    "complains-about": "name_accused",
    "data-request": "request_data",
    "data-request/cancellation": "cancel_data_request",
    "follow-ups": "follow_up",
    "reclassification": "reclassify",
    "confidentiality": "protect",
}


def problem(answer):
    """What a refusal says: status, field, rule."""
    error = (answer.json.get("errors") or [{"field": None, "rule": None}])[0]
    return answer.status_code, error["field"], error["rule"]


def types(office, number):
    return [type for type, _ in office.said(number)]


def test_a_report_becomes_a_case_and_waits_with_the_coordinator(office):
    number = office.open()
    [(type, said)] = office.said(number)
    shown = office.case(number, "coordinator")

    assert (type, said["status"]) == ("case.opened.v1", "unverified")
    assert shown["suggestion"]["agency"] == "dpupr"
    assert "verify" in shown["actions"]
    assert "dispose" not in shown["actions"]  # before it is verified that can only fail

    office.act(number, "verification", "coordinator", **VERBS["verification"])
    assert "dispose" in office.case(number, "coordinator")["actions"]


def test_a_case_goes_its_whole_way(office):
    number = office.bring("closed")

    assert types(office, number) == [
        "case.opened.v1",
        "case.verified.v1",
        "case.disposed.v1",
        "case.reply_written.v1",
        "case.followed_up.v1",
        "case.reply_written.v1",
        "case.answered.v1",
        "case.closed.v1",
    ]
    said = dict(office.said(number))
    assert said["case.followed_up.v1"]["first"] is True
    assert said["case.answered.v1"]["reply_id"] == said["case.reply_written.v1"]["reply_id"]
    assert said["case.reply_written.v1"]["text"].endswith("Repaired.")
    history = office.case(number)["history"]
    assert [h["action"] for h in history] == ["verify", "dispose", "follow_up", "answer", "accept"]
    assert [h["officer"] for h in history] == ["coordinator"] * 2 + ["liaison"] * 2 + [None]


@pytest.mark.parametrize("status", WAYS)
def test_what_the_table_forbids_is_refused_without_a_trace(office, status):
    number, other = office.bring(status), office.open()
    before = office.case(number), office.said(number)
    officers = ["coordinator", "supervisor"] + ["liaison"] * (before[0]["agency"] == "dpupr")
    for as_ in officers:
        actions = office.case(number, as_)["actions"]
        for verb, body in VERBS.items():
            if ACTIONS.get(verb, verb) not in actions:
                body = body | {"into": other} if verb == "merge" else body
                assert office.act(number, verb, as_, **body).status_code in (403, 409)

    assert (office.case(number), office.said(number)) == before


def test_a_second_follow_up_is_not_the_first(office):
    number = office.bring("in_progress")
    office.act(number, "follow-ups", "liaison", text=TEXT)

    assert [d["first"] for t, d in office.said(number) if t == "case.followed_up.v1"] == [
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("status", "as_", "verb", "body", "refusal"),
    [
        ("unverified", "coordinator", "verification", {}, (422, "class", "required")),
        ("unverified", "coordinator", "verification", {"class": "grave"}, (422, "class", "one_of")),
        (
            "unverified",
            "coordinator",
            "verification",
            {"class": "ordinary", "category": "no-such"},
            (422, "category", "known"),
        ),
        ("unverified", "coordinator", "verification", {"x": 1}, (422, "x", "unknown")),
        (
            "unverified",
            "coordinator",
            "disposition",
            {"agency": "dpupr"},
            (409, "number", "not_verified"),
        ),
        (
            "unverified",
            "coordinator",
            "archive",
            {"reason": "incomplete", "text": "Nothing could be found out about it."},
            (422, "reason", "asked_first"),
        ),
        ("unverified", "coordinator", "archive", {"reason": "go_away", "text": TEXT}, None),
        ("disposed", "liaison", "follow-ups", {"text": "Terima kasih, kami teruskan."}, None),
        ("disposed", "liaison", "answer", ANSWER[2], (409, "number", "wrong_status")),
        (
            "disposed",
            "liaison",
            "return",
            {"reason": "This is not for us to decide.", "proposed_agency": "dpupr"},
            (422, "proposed_agency", "other"),
        ),
        (
            "in_progress",
            "liaison",
            "answer",
            {"outcome": "go_to_another_office", "reason": "x", "text": TEXT},
            (422, "outcome", "one_of"),
        ),
    ],
)
def test_a_refusal_names_the_field_and_the_rule(office, status, as_, verb, body, refusal):
    number = office.bring(status)
    answer = office.act(number, verb, as_, **body)

    expected = refusal or {"archive": (422, "reason", "one_of")}.get(
        verb, (422, "text", "substance")
    )
    assert problem(answer) == expected
    assert answer.headers["content-type"] == "application/problem+json"


def test_ping_pong_ends_with_the_arbiter(office):
    number = office.bring("disposed")
    office.act(number, "return", "liaison", **VERBS["return"])
    office.act(number, "disposition", "coordinator", agency="dishub")
    second = {"reason": "The road is the public works office's.", "proposed_agency": "dpupr"}
    office.act(number, "return", "stranger", **second)

    said = [d for t, d in office.said(number) if t == "case.returned.v1"]
    assert [(d["returns"], d["agency"], d["proposed_agency"], d["goes_to"]) for d in said] == [
        (1, "dpupr", "dishub", "coordinator"),
        (2, "dishub", "dpupr", "arbiter"),
    ]
    assert office.act(number, "disposition", "coordinator", agency="dpupr").status_code == 403
    assert office.act(number, "disposition", "arbiter", agency="dpupr").status_code == 200


def test_the_rule_that_suggested_stays_with_the_decision(office):
    number = office.open(category="pelayanan-kecamatan", district="63.02.01")
    suggested = office.case(number)["suggestion"]
    office.act(number, "verification", "coordinator", **{"class": "ordinary"})
    office.act(number, "disposition", "coordinator", agency="dpmd")

    changes = office.case(number)["history"][-1]["changes"]
    assert suggested["agency"] == "camat-pulau-sembilan"
    assert changes["suggested"] == "camat-pulau-sembilan"
    assert changes["rule"] == suggested["rule"]
    assert changes["agency"] == [None, "dpmd"]


def test_an_agency_that_takes_no_cases_any_more_is_not_suggested(office):
    """Another rule may fit, as if the first one were not there."""
    office_there = {"name": "Kantor Camat Pulau Sembilan"}
    path = "/v1/agencies/camat-pulau-sembilan"
    number = office.open(category="pelayanan-kecamatan", district="63.02.01")
    office.act(number, "verification", "coordinator", **{"class": "ordinary"})
    office.ask("PUT", path, office_there | {"active": False}, "administrator")

    suggested = office.case(number)["suggestion"]
    office.act(number, "disposition", "coordinator", agency="dpmd")
    office.ask("PUT", path, office_there | {"active": True}, "administrator")

    assert suggested["agency"] == "dpmd"
    changes = office.case(number)["history"][-1]["changes"]
    assert (changes["suggested"], changes["rule"]) == ("dpmd", suggested["rule"])


def test_supervisory_complaints_are_suggested_to_the_inspectorate(office):
    number = office.open()
    office.act(number, "verification", "coordinator", **{"class": "supervisory"})
    assert office.case(number)["suggestion"]["agency"] == "inspektorat"


def test_a_case_against_the_coordinator_is_the_arbiters_and_invisible_below(office):
    number = office.open()
    against = {"class": "supervisory", "complains_about": "diskominfo"}
    assert office.act(number, "verification", "coordinator", **against).status_code == 200

    assert office.ask("GET", f"/v1/cases/{number}", as_="coordinator").status_code == 404
    assert office.case(number, "arbiter")["decider"] == "arbiter"
    wrong = office.act(number, "disposition", "arbiter", agency="diskominfo")
    assert problem(wrong) == (422, "agency", "party")
    assert office.act(number, "disposition", "arbiter", agency="inspektorat").status_code == 200
    assert "follow_up" in office.case(number, "supervisor")["actions"]


def test_a_complaint_that_names_the_coordinator_is_never_on_the_coordinators_desk(office):
    number = office.open(agency="diskominfo")

    assert office.ask("GET", f"/v1/cases/{number}", as_="coordinator").status_code == 404
    listed = office.ask("GET", "/v1/cases?limit=100", as_="coordinator").json["items"]
    assert number not in {item["number"] for item in listed}
    assert office.act(number, "archive", "coordinator", **VERBS["archive"]).status_code == 404
    assert office.act(number, "verification", "arbiter", **VERIFY[2]).status_code == 200
    assert office.case(number, "arbiter")["complains_about"] == ["diskominfo"]


def test_reclassifying_tells_the_reporter_why(office):
    number = office.bring("disposed")
    reason = "It turned out to be a wish for a new road."
    body = {"kind": "aspiration", "reason": reason}
    assert office.act(number, "reclassification", "coordinator", **body).status_code == 200

    (_, words), (type, said) = office.said(number)[-2:]
    assert (words["about"], words["text"]) == ("reclassification", reason)
    assert (type, said["kind"], said["class"]) == ("case.reclassified.v1", "aspiration", None)


def test_another_class_after_a_return_takes_a_reclassification(office):
    """Or a limit that has passed would not have, and its reporter would hear no reason."""
    number = office.bring("disposed")
    office.act(number, "return", "liaison", **VERBS["return"])

    again = office.act(number, "verification", "coordinator", **{"class": "supervisory"})
    assert problem(again) == (422, "class", "verified")
    body = {"class": "supervisory", "reason": "It is about money, says the agency."}
    assert office.act(number, "reclassification", "coordinator", **body).status_code == 200
    assert types(office, number)[-1] == "case.reclassified.v1"


def test_the_same_request_again_is_answered_and_not_done_again(office):
    number = office.bring("disposed")
    headers = {"Idempotency-Key": "a-key-of-some-length"}
    path, body = f"/v1/cases/{number}/follow-ups", FOLLOW_UP[2]
    first, again = (office.ask("POST", path, body, "liaison", **headers) for _ in range(2))

    assert (first.status_code, first.json) == (again.status_code, again.json)
    assert types(office, number).count("case.followed_up.v1") == 1
    other = office.ask("POST", path, {"text": TEXT + " Twice."}, "liaison", **headers)
    assert other.status_code == 422


def test_what_happens_is_counted_under_its_question(office):
    def measured() -> list[float]:
        return [REGISTRY.get_sample_value(name, labels) or 0 for name, labels in MEASURES]

    before = measured()
    office.bring("closed")
    office.bring("archived")
    assert [now - then for then, now in zip(before, measured(), strict=True)] == [1] * len(MEASURES)


def test_of_two_officers_at_once_one_comes_first(office):
    number, token = office.bring("in_progress"), office.token("liaison")
    assert token
    with ThreadPoolExecutor(2) as threads:
        answers = list(
            threads.map(lambda _: office.act(number, "answer", "liaison", **ANSWER[2]), range(2))
        )

    assert sorted(a.status_code for a in answers) == [200, 409]
    assert types(office, number).count("case.answered.v1") == 1


def test_the_file_is_only_added_to(office):
    office.bring("disposed")
    for statement in ("UPDATE case_event SET why = NULL", "DELETE FROM case_event"):
        with pytest.raises(Exception, match="only added to"):
            office.database.psql(statement)
