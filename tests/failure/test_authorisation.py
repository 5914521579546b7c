"""Who may do what with whose: every operation, everybody, and things of one's own, of others and of
nobody. What is not allowed changes nothing and tells nothing.

The operations come from the OpenAPI documents; one that MAY does not know fails.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import httpx
import pytest

from services.intake.domain import number
from tests.harness.doors import OPERATIONS, Doors, Operation, Request, document
from tests.harness.rooms import Escalation, Intake, Routing
from tests.service.escalation.tower import NUMBER

STAFF = (
    "coordinator",
    "arbiter",
    "supervisor",
    "administrator",
    "liaison",
    "supporter",
    "stranger",
)
EVERYBODY = (*STAFF, "reporter", "other reporter", "Ombudsman", "signed out", "nobody")
ALL = frozenset(EVERYBODY)
SIGNED_IN = frozenset(STAFF)
DESK = frozenset({"coordinator", "arbiter", "supervisor"})
LEAD = frozenset({"liaison"})  # of the agency that has the case
HANDLERS = LEAD | {"supporter"}
ADMINISTRATOR = frozenset({"administrator"})
COORDINATOR = frozenset({"coordinator"})
# Who succeeds with what `Doors.good` asks. Everybody else is refused, as it is told below.
MAY: Mapping[str, frozenset[str]] = {
    "POST /v1/reports": ALL,
    "POST /v1/reports/track": ALL,  # whoever has number and code, which are in the body
    "POST /v1/reports/{number}/supplements": frozenset({"reporter"}),
    "POST /v1/reports/{number}/objections": frozenset({"reporter"}),
    "POST /v1/reports/{number}/acceptance": frozenset({"reporter"}),
    "POST /v1/reports/{number}/reopening": frozenset({"reporter"}),
    "POST /v1/reports/{number}/withdrawal": frozenset({"reporter"}),
    "POST /v1/reports/{number}/escalation-consent": frozenset({"reporter"}),
    "POST /v1/reports/{number}/consent-withdrawal": frozenset({"reporter"}),
    "POST /v1/reports/{number}/contact": frozenset({"reporter"}),
    "POST /v1/reports/{number}/escalation-check": frozenset({"reporter"}),
    "GET /v1/agencies": ALL,
    "GET /v1/districts": ALL,
    "GET /v1/categories": ALL,
    "PUT /v1/agencies/{code}": ADMINISTRATOR,
    "POST /v1/officers/sign-in": ALL,  # whoever has the password, which is in the body
    "POST /v1/officers/sign-out": SIGNED_IN,
    "POST /v1/officers/password": SIGNED_IN,
    "GET /v1/officers/me": SIGNED_IN,
    "POST /v1/officers/token": SIGNED_IN,
    "GET /v1/officers": ADMINISTRATOR,
    "POST /v1/officers": ADMINISTRATOR,
    "POST /v1/officers/{username}/disabling": ADMINISTRATOR,
    "POST /v1/officers/{username}/first-password": ADMINISTRATOR,
    "GET /v1/cases": SIGNED_IN,  # each their own
    "GET /v1/cases/{number}": DESK | HANDLERS,
    "POST /v1/cases/{number}/token": DESK | HANDLERS,
    "GET /v1/cases/{number}/deadlines": DESK | HANDLERS | {"reporter"},
    "GET /v1/cases/{number}/explain": DESK | HANDLERS | {"reporter"},
    "POST /v1/cases/{number}/verification": COORDINATOR,
    "POST /v1/cases/{number}/disposition": COORDINATOR,
    "POST /v1/cases/{number}/reassignment": COORDINATOR,
    "POST /v1/cases/{number}/archive": COORDINATOR,
    "POST /v1/cases/{number}/forwarding": COORDINATOR,
    "POST /v1/cases/{number}/recall": COORDINATOR,
    "POST /v1/cases/{number}/outside-words": COORDINATOR,
    "POST /v1/cases/{number}/complains-about": DESK,
    "POST /v1/cases/{number}/data-request": COORDINATOR,
    "POST /v1/cases/{number}/data-request/cancellation": COORDINATOR,
    "POST /v1/cases/{number}/reclassification": COORDINATOR,
    "POST /v1/cases/{number}/confidentiality": COORDINATOR | LEAD,
    "POST /v1/cases/{number}/merge": COORDINATOR,
    "POST /v1/cases/{number}/return": LEAD,
    "POST /v1/cases/{number}/follow-ups": LEAD,
    "POST /v1/cases/{number}/answer": LEAD,
    "GET /v1/posts": ADMINISTRATOR,
    "POST /v1/posts": ADMINISTRATOR,
    "GET /v1/limits": ADMINISTRATOR,
    "POST /v1/limits": ADMINISTRATOR,
    "GET /v1/ladder": ADMINISTRATOR,
    "POST /v1/ladder": ADMINISTRATOR,
    "POST /v1/national-decrees": ADMINISTRATOR,
    "GET /v1/calendars": ADMINISTRATOR,
    "POST /v1/calendars": ADMINISTRATOR,
    "POST /v1/calendars/{code}/weeks": ADMINISTRATOR,
    "POST /v1/calendars/{code}/agencies": ADMINISTRATOR,
    "GET /v1/calendars/{code}/days": ADMINISTRATOR,
    "POST /v1/calendars/{code}/days": ADMINISTRATOR,
    "GET /v1/amendments": ADMINISTRATOR,
    "POST /v1/what-if": ADMINISTRATOR,
    "GET /v1/ombudsman/feed": frozenset({"Ombudsman"}),
    "GET /v1/ombudsman/checkpoint": frozenset({"Ombudsman"}),
    "GET /v1/ombudsman/checkpoints": frozenset({"Ombudsman"}),
    "GET /v1/ombudsman/epochs": frozenset({"Ombudsman"}),
    "GET /v1/ombudsman/target": ADMINISTRATOR,
    "PUT /v1/ombudsman/target": ADMINISTRATOR,
    "POST /v1/ombudsman/target/confirmation": ADMINISTRATOR,
    "POST /v1/ombudsman/acknowledgements": frozenset({"Ombudsman"}),
    "GET /v1/ombudsman/dossiers/{number}": frozenset({"Ombudsman"}),
    "GET /v1/ombudsman/keys": ALL,
    "GET /v1/receipts/keys": ALL,
    "POST /v1/ombudsman/handovers/{number}/answers": frozenset({"Ombudsman"}),
}
EVERY = pytest.mark.parametrize("operation", OPERATIONS, ids=str)


def test_the_table_knows_every_operation_and_no_other() -> None:
    assert set(MAY) == {str(operation) for operation in OPERATIONS}


def proof(doors: Doors, operation: Operation, who: str) -> dict[str, str]:
    """What that one has in their hands; a reporter has the code of the report that is asked for."""
    intake, routing = doors.rooms["intake"], doors.rooms["routing"]
    assert isinstance(intake, Intake)
    assert isinstance(routing, Routing)
    if operation.service == "escalation" and (token := token_of(doors, operation, who)):
        return {"Authorization": f"Bearer {token}"}
    if who in STAFF:
        return {"Authorization": f"Bearer {routing.token('matrix', who)}"}
    if who == "signed out":
        return {"Authorization": "Bearer 3HJq0m8ZQ6rcf0Xy0gq4kz8m9m0yq1Wb7J8n5v2c1a0"}
    if who == "Ombudsman":
        return {"Authorization": f"Bearer {doors.rooms['escalation'].key}"}  # type: ignore[attr-defined]
    if who == "nobody":
        return {}
    own = operation.path.rsplit("/", 1)[-1] if who == "reporter" else "of another"
    return {"Tracking-Code": intake.receipt(own)["code"]}


def token_of(doors: Doors, operation: Operation, who: str) -> str:
    """What others gave that one for escalation; whoever may not see a case has another's token."""
    room = doors.rooms["escalation"]
    assert isinstance(room, Escalation)
    if operation.security == "case" and who in (*STAFF, "reporter", "other reporter"):
        number = NUMBER if who in DESK | HANDLERS | {"reporter"} else "KTB-00000-00000"
        if who not in STAFF:
            return room.token("case", number, by="intake")
        return room.token("case", number, officer=officer_id(doors, "escalation", who))
    return room.officer(who) if who in STAFF else ""


def asked_by(doors: Doors, operation: Operation, who: str) -> Request:
    """A request that would succeed, had its sender the right."""
    good = doors.good(operation)
    kept = {n: v for n, v in good.headers.items() if n not in ("Authorization", "Tracking-Code")}
    return good.but(headers=kept | proof(doors, operation, who))


def officer_id(doors: Doors, service: str, who: str) -> str:
    """The id of one of the staff, as a service knows it."""
    if service == "escalation":
        return str(uuid5(NAMESPACE_OID, who))
    asked = "SELECT id::text FROM officer WHERE username = %s"
    return str(doors.rooms["routing"].database.psql(asked, [who])[0][0])


def denials(doors: Doors, service: str) -> list[tuple[Any, ...]]:
    """What stands on record of who was refused, in order; only two services know officers."""
    if service not in ("routing", "escalation"):
        return []
    asked = "SELECT officer_id::text, method, route, status FROM denial ORDER BY id"
    return doors.rooms[service].database.psql(asked)


# Where a denial leaves a row: escalation's is proved by an entry of the feed.
RECORDS = {
    "routing": ("routing.denial",),
    "escalation": ("escalation.denial", "escalation.feed_pending"),
}


def judge(doors: Doors, operation: Operation, may: frozenset[str]) -> None:
    """Fails unless exactly those succeed, and whoever else asks changes nothing; of an officer's
    denial there is a record, and of nothing else."""
    service = operation.service
    for who in EVERYBODY:
        request = asked_by(doors, operation, who)
        before, denied = doors.rows(service), denials(doors, service)
        answer = doors.send(request)
        if who in may:
            assert answer.is_success, f"{who}: {answer.text}"
            assert denials(doors, service) == denied, who
            continue
        assert answer.status_code in refusals(operation, who), f"{who}: {answer.text}"
        assert answer.headers["content-type"] == "application/problem+json"
        if who in STAFF and answer.status_code != 401 and service != "intake":
            id = officer_id(doors, service, who)
            denied.append((id, operation.method, operation.path, answer.status_code))
            for table in RECORDS[service]:
                before[table] += 1
        assert denials(doors, service) == denied, who
        assert doors.rows(service) == before, who


def refusals(operation: Operation, who: str) -> tuple[int, ...]:
    """How somebody without the right is told so: nobody's session is 401; a case or a report that
    is not theirs is absent."""
    if operation.security == "trackingCode":
        return (404, 429)
    if operation.security == "case" and who in (*STAFF, "other reporter"):
        return (404,)
    if operation.security.startswith("ombudsman") or who not in STAFF:
        return (401,)
    return (403, 404) if operation.path.startswith("/v1/cases/") else (403,)


@EVERY
def test_only_who_may_succeeds(doors: Doors, operation: Operation) -> None:
    judge(doors, operation, MAY[str(operation)])


@pytest.mark.parametrize(
    ("label", "wrong"),
    [
        ("GET /v1/cases/{number}", DESK | LEAD),
        ("GET /v1/cases/{number}", DESK | HANDLERS | {"stranger"}),
        ("GET /v1/officers", frozenset()),
        ("POST /v1/reports/{number}/supplements", frozenset({"reporter", "other reporter"})),
        ("GET /v1/ombudsman/feed", frozenset({"Ombudsman", "supervisor"})),
    ],
)
def test_the_judge_sees_one_too_many_and_one_too_few(
    doors: Doors, label: str, wrong: frozenset[str]
) -> None:
    """The negative control."""
    [operation] = [op for op in OPERATIONS if str(op) == label]
    with pytest.raises(AssertionError):
        judge(doors, operation, wrong)


def absent(request: Request) -> Request:
    """The same for what is not there."""
    never = number("KTB", secrets.randbelow(10**9))
    return request.but(parts={"number": never, "username": "nobody-at-all", "code": "none"})


def told(answer: httpx.Response) -> tuple[object, ...]:
    """All of an answer but what differs between any two."""
    headers = {n: v for n, v in answer.headers.items() if n != "date"}
    return answer.status_code, headers, answer.json() | {"instance": ""}


@pytest.mark.parametrize("operation", [o for o in OPERATIONS if o.asked("path")], ids=str)
def test_what_is_of_others_looks_as_what_is_not_there(doors: Doors, operation: Operation) -> None:
    for who in EVERYBODY:
        if who in MAY[str(operation)] and who not in ADMINISTRATOR:
            continue
        request = asked_by(doors, operation, who)
        if operation.security == "trackingCode":  # one that nobody has guessed at yet
            request = request.but(parts={"number": doors.rooms["intake"].submit()["number"]})
        foreign, none = doors.send(request), doors.send(absent(request))
        if foreign.status_code in (401, 404):
            assert told(foreign) == told(none), who
        else:  # this officer may know of it: that the right is missing is no secret
            assert none.status_code in (403, 404), who


EXTRA = {
    "status": "closed", "number": "KTB-00000-00000", "role": "administrator", "agency": "dishub",
    "id": 1, "officer_id": "x", "decider": "coordinator", "received_at": "2020-01-01T00:00:00Z",
    "code_hash": "x", "password_hash": "x", "must_change_password": False, "is_admin": True,
    "cycle": 9, "stars": 5, "confidentiality": "open", "channel": "paper", "due_at": None,
    "merged_into": None, "code": "x", "__proto__": {}, "class_": "ordinary", "kind": "complaint",
}  # fmt: skip


def shape(operation: Operation) -> dict[str, Any]:
    """The schema of what an operation takes."""
    content = operation.details["requestBody"]["content"]["application/json"]
    name = content["schema"]["$ref"].rsplit("/", 1)[-1]
    return dict(document(operation.service)["components"]["schemas"][name])


@pytest.mark.parametrize("operation", [o for o in OPERATIONS if o.has_body], ids=str)
def test_a_field_that_is_not_asked_for_is_refused_by_name(
    doors: Doors, operation: Operation
) -> None:
    good, before = doors.good(operation), None
    nested = [n for n, value in good.body.items() if isinstance(value, dict)]
    for name, value in EXTRA.items():
        bodies = {f"{n}.{name}": good.body | {n: good.body[n] | {name: value}} for n in nested}
        if name not in shape(operation)["properties"]:
            bodies[name] = good.body | {name: value}
        before = before or doors.rows()
        for field, body in bodies.items():
            answer = doors.send(good.but(body=body))
            assert answer.status_code == 422, f"{field}: {answer.text}"
            assert {e["rule"] for e in answer.json()["errors"]} == {"unknown"}
    assert doors.rows() == before


SECRET = re.compile(
    r"hash|pepper|salt|secret|password|token|\bcode\b|key_id|sealed|identity|contact"
)
SHOWN = {
    ("routing", "Token", "token"), ("routing", "Token", "must_change_password"),
    ("routing", "Me", "must_change_password"), ("routing", "Account", "must_change_password"),
    ("routing", "FirstPassword", "first_password"), ("intake", "Receipt", "code"),
    ("routing", "Voucher", "token"), ("intake", "Links", "token"),
    ("escalation", "Entry", "hash"), ("escalation", "Entry", "prevhash"),
    ("escalation", "Checkpoint", "hash"), ("escalation", "Pulse", "hash"),
    ("escalation", "CalendarShown", "code"),
    ("escalation", "End", "hash"), ("escalation", "Dossier", "sealed"),
    ("escalation", "Sealed", "sealed"), ("escalation", "Sealed", "key_id"),
    ("escalation", "Before", "hash"), ("intake", "Consented", "with_identity"),
    ("escalation", "End", "hash"), ("intake", "Chosen", "contact_given"),
    ("routing", "AgencyShown", "code"), ("routing", "DistrictShown", "code"),
    ("routing", "AgencyChanged", "code"),
    ("routing", "CategoryShown", "code"), ("intake", "Problem", "code"),
    ("routing", "Problem", "code"), ("escalation", "Problem", "code"),
}  # fmt: skip


def test_no_document_shows_a_secret_but_the_few_that_are_given_once() -> None:
    found = set()
    for service in {operation.service for operation in OPERATIONS}:
        whole = document(service)
        taken = {json.dumps(op["requestBody"]) for path in whole["paths"].values()
                 for op in path.values() if "requestBody" in op}  # fmt: skip
        for name, schema in whole["components"]["schemas"].items():
            if f'/{name}"' in "".join(taken) or name in ("Contact", "Place"):
                continue
            found |= {(service, name, p) for p in schema["properties"] if SECRET.search(p)}

    assert found == SHOWN


def test_no_answer_holds_what_the_databases_keep_to_themselves(doors: Doors) -> None:
    kept = {
        "routing": "SELECT password_hash FROM officer UNION SELECT encode(token_hash, 'hex')"
        " FROM session UNION SELECT id::text FROM officer",
        "intake": "SELECT encode(code_hash, 'hex') FROM report"
        " UNION SELECT encode(key, 'hex') FROM idempotency",
    }
    answers = {str(op): doors.send(doors.good(op)).text for op in OPERATIONS}
    private = [row for name, sql in kept.items() for (row,) in doors.rooms[name].database.psql(sql)]
    private += ["warga@contoh.example", "argon2"]

    assert len(private) > 50
    for label, text in answers.items():
        assert not [secret for secret in private if secret in text], label


def test_every_refusal_is_counted(doors: Doors) -> None:
    """Also who was nobody: how often it happens on each route is measured."""
    [operation] = [op for op in OPERATIONS if str(op) == "POST /v1/cases/{number}/answer"]
    before = refused(doors)
    for who in ("stranger", "supporter", "coordinator", "administrator", "nobody"):
        assert doors.send(asked_by(doors, operation, who)).status_code in (401, 403, 404)

    assert refused(doors) - before == 5


def refused(doors: Doors) -> float:
    measured = doors.rooms["routing"].process.metrics()
    told = 'method="POST",outcome="expected",route="/v1/cases/{number}/answer",service="routing"'
    line = re.search(rf"lapor_http_request_seconds_count\{{{re.escape(told)}\}} (\S+)", measured)
    return float(line[1]) if line else 0.0
