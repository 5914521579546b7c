"""A receipt means that the report is kept, once, without its reporter."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from uuid import uuid4

import pytest

from chassis import idempotency
from chassis.database import Transactions, engine
from services.intake.domain import read_number
from tests.service.intake.conftest import REPORT, key


def test_a_report_is_accepted_without_a_broker_and_waits_in_the_outbox(api, intake_db):
    answer = api.post("/v1/reports", json=REPORT, headers=key())

    assert answer.status_code == 201, answer.text
    receipt = answer.json()
    assert read_number(receipt["number"], "") == receipt["number"]
    assert len(receipt["code"].replace("-", "")) == 26
    assert receipt["promised"] is None  # nobody has told the dates yet

    said = intake_db.psql(
        "SELECT type, subject, sequence, published_at FROM outbox ORDER BY type DESC"
    )
    number = receipt["number"]
    assert said == [
        ("report.submitted.v1", number, 1, None),
        ("report.contact_sealed.v1", number, 1, None),
    ]


def test_no_row_of_intake_tells_who_the_reporter_is_or_what_the_code_is(api, intake_db):
    receipt = api.post("/v1/reports", json=REPORT, headers=key()).json()

    tables = ("report", "outbox", "stream", "idempotency", "timeline_entry")
    whole = str([intake_db.psql(f"SELECT t::text FROM {t} t") for t in tables]).lower()
    for secret in ("siti", "rahmah", "warga.example", receipt["code"].lower()):
        assert secret not in whole


def test_the_same_request_gets_the_same_answer_and_makes_one_report(api, intake_db):
    once = key()
    answers = [api.post("/v1/reports", json=REPORT, headers=once) for _ in range(3)]

    assert {a.status_code for a in answers} == {201}
    assert len({a.text for a in answers}) == 1
    assert intake_db.psql("SELECT count(*) FROM report") == [(1,)]
    assert intake_db.psql("SELECT count(*) FROM outbox") == [(2,)]


def test_twenty_twins_at_once_make_one_report(api, intake_db):
    once = key()
    with ThreadPoolExecutor(20) as pool:
        answers = list(
            pool.map(lambda _: api.post("/v1/reports", json=REPORT, headers=once), range(20))
        )

    assert {a.status_code for a in answers} <= {201, 409}
    assert len({a.text for a in answers if a.status_code == 201}) == 1
    assert intake_db.psql("SELECT count(*) FROM report") == [(1,)]


def test_a_key_with_another_body_is_refused(api, intake_db):
    once = key()
    api.post("/v1/reports", json=REPORT, headers=once)
    answer = api.post("/v1/reports", json=REPORT | {"title": "Lain"}, headers=once)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["rule"] == "same_body"
    assert intake_db.psql("SELECT count(*) FROM report") == [(1,)]


@pytest.mark.parametrize(("hours", "forgotten"), [(23, False), (25, True)])
def test_a_key_is_remembered_for_a_day_and_then_is_a_new_one(api, intake_db, hours, forgotten):
    once = key()
    first = api.post("/v1/reports", json=REPORT, headers=once)
    age = "UPDATE idempotency SET made_at = now() - make_interval(hours => %s)"
    intake_db.psql(age, [hours])
    bind = engine(intake_db.url, 1)
    with Transactions(bind).begin() as tx:
        idempotency.trim(tx)
    bind.dispose()

    again = api.post("/v1/reports", json=REPORT, headers=once)

    assert again.status_code == 201
    assert (again.json() != first.json()) is forgotten
    assert intake_db.psql("SELECT count(*) FROM report") == [(1 + forgotten,)]


def without(field: str) -> dict:
    return {name: value for name, value in REPORT.items() if name != field}


TOMORROW = (date.today() + timedelta(days=2)).isoformat()  # noqa: DTZ011
BAD = {
    "wrong type": (REPORT | {"title": 7}, 422, "title", "type"),
    "unknown field": (REPORT | {"nik": "63"}, 422, "nik", "unknown"),
    "missing field": (without("text"), 422, "text", "required"),
    "over-long": (REPORT | {"title": "x" * 201}, 422, "title", "length"),
    "blank": (REPORT | {"title": "   "}, 422, "title", "length"),
    "line break in a title": (REPORT | {"title": "a\nb"}, 422, "title", "characters"),
    "line break after a title": (REPORT | {"title": "a\n"}, 422, "title", "characters"),
    "line break after a telephone": (
        REPORT | {"contact": {"phone": "081234567890\n"}}, 422, "contact.phone", "type",
    ),
    "one for yes": (REPORT | {"hidden_from_public": 1}, 422, "hidden_from_public", "type"),
    "unknown word": (REPORT | {"kind": "rant"}, 422, "kind", "one_of"),
    "unknown district": (
        REPORT | {"place": {"district": "99.99.99"}}, 422, "place.district", "known",
    ),
    "unknown agency": (REPORT | {"agency": "nasa"}, 422, "agency", "known"),
    "future event": (REPORT | {"event_date": TOMORROW}, 422, "event_date", "not_future"),
    "no date": (REPORT | {"event_date": "2026-02-30"}, 422, "event_date", "type"),
    "anonymous with contact": (
        REPORT | {"confidentiality": "anonymous"}, 422, "contact", "anonymous",
    ),
    "bad mail": (REPORT | {"contact": {"email": "a@b\r\nBcc: c@d"}}, 422, "contact.email", "type"),
    "no object": ([REPORT], 422, "", "type"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_by_field_and_rule_and_leaves_nothing(api, intake_db, name):
    body, status, field, rule = BAD[name]
    answer = api.post("/v1/reports", json=body, headers=key())

    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"field": field, "rule": rule} in [
        {"field": e["field"], "rule": e["rule"]} for e in answer.json()["errors"]
    ]
    assert intake_db.psql("SELECT count(*) FROM report") == [(0,)]
    assert intake_db.psql("SELECT count(*) FROM outbox") == [(0,)]


RAW = {
    "not JSON": (b"{", 400),
    "NaN": (json.dumps(REPORT).replace('"Jalan rusak di depan pasar"', "NaN").encode(), 400),
    "NUL": (json.dumps(REPORT | {"title": "a\0b"}).encode(), 400),
    "lone surrogate": (json.dumps(REPORT).replace("Jalan", "\\ud800").encode(), 400),
    "a name twice": (b'{"kind": "complaint", "kind": "aspiration"}', 400),
    "deep": (b"[" * 30_000 + b"]" * 30_000, 400),
    "a huge number": (b'{"kind": 1e999}', 400),
    "digits": (b'{"kind": ' + b"9" * 5000 + b"}", 400),
    "not UTF-8": (b'{"kind": "\xff\xfe"}', 400),
    "one megabyte": (b'{"text": "' + b"x" * 2**20 + b'"}', 413),
    "nothing": (b"", 400),
}


@pytest.mark.parametrize("name", RAW)
def test_a_body_that_is_no_sound_json_is_refused_quickly(api, intake_db, name):
    body, status = RAW[name]
    answer = api.post(
        "/v1/reports", content=body, headers=key() | {"Content-Type": "application/json"}
    )

    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert intake_db.psql("SELECT count(*) FROM report") == [(0,)]


def test_without_a_key_or_with_another_media_type_nothing_is_taken(api):
    missing = api.post("/v1/reports", json=REPORT)
    form = api.post("/v1/reports", data={"a": "b"}, headers=key())

    assert (missing.status_code, missing.json()["errors"][0]["field"]) == (422, "Idempotency-Key")
    assert form.status_code == 415


def test_what_does_not_exist_is_a_problem_document_too(api):
    for path in ("/", "/v1/report", "/v1/reports/%00/objections", f"/v1/reports/{uuid4()}"):
        answer = api.get(path)
        assert answer.status_code in (404, 405)
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_body_in_chunks_is_read_as_far_as_any_other(api, intake_db):
    sent = key() | {"Content-Type": "application/json"}
    whole = json.dumps(REPORT).encode()
    taken = api.post("/v1/reports", content=iter([whole[:100], whole[100:]]), headers=sent)
    endless = (b"x" * 1000 for _ in range(100))
    refused = api.post("/v1/reports", content=endless, headers=key() | sent)

    assert taken.status_code == 201, taken.text
    assert refused.status_code == 413
