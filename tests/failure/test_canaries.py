"""Nowhere but in notify's sealed contacts, and in the mails, can anybody read who reported."""

import base64
import hashlib
import json
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from deploy.local.scenario import ANSWER, FOLLOW_UP, Reporter, sign_in
from tests.failure.canaries import Sweep, databases, files, metrics
from tests.harness.system import running, stage
from tests.harness.tap import tap
from tests.harness.waiting import eventually

CONTACT = {
    "name": "Zulaikha Qanaryasari Wxyz",
    "email": "qanary.zulaikha@kenari-warga.example",
    "phone": "+62 811-7394-8265",
    "address": "Jalan Kenari Langka 977 RT 88",
    "language": "id",
}
CANARIES = [value for name, value in CONTACT.items() if name != "language"]


@pytest.fixture(scope="module")
def system(state, cache):
    """A system that logs all it can."""
    with running(state / "canary", cache, extra={"LOG_LEVEL": "DEBUG"}) as one:
        yield one


@pytest.fixture(scope="module")
def tapped(system):
    """Every message of the life below, with its headers."""
    with tap(system.broker) as heard:
        yield heard


@pytest.fixture(scope="module")
def lived(system, tapped):
    """A confidential report's whole life, with the errors that people make on the way."""
    people = stage(system)
    citizen = Reporter(people.client())
    body = {
        "kind": "complaint", "title": "Pungutan di sekolah", "text": "Ada pungutan liar.",
        "event_date": "2026-11-20", "place": {"district": "63.02.06"}, "contact": CONTACT,
        "confidentiality": "confidential",
    }  # fmt: skip
    receipt = citizen.ask("POST", "/reports", body, headers={"Idempotency-Key": str(uuid4())})
    citizen.number, citizen.code = receipt["number"], receipt["code"]
    errors = [
        httpx.post(f"{system.url}/api/v1/reports", json=body | wrong, trust_env=False,
                   headers={"Idempotency-Key": str(uuid4())})
        for wrong in ({"contact": CONTACT | {"email": f"{CONTACT['email']}\n"}},
                      {"contact": CONTACT | {"nik": CONTACT["phone"]}},
                      {"contact": CONTACT["name"]}, {"kind": CONTACT["address"]})
    ]  # fmt: skip
    assert {e.status_code for e in errors} == {422}
    coordinator, agency = sign_in(people, "koordinator"), sign_in(people, "disdikbud")
    coordinator.await_case(citizen.number)
    coordinator.act(citizen.number, "verification", {"class": "ordinary", "category": "sekolah"})
    coordinator.act(citizen.number, "disposition", {"agency": "disdikbud"})
    agency.await_case(citizen.number)
    agency.act(citizen.number, "follow-ups", {"text": FOLLOW_UP})
    agency.act(citizen.number, "answer", ANSWER)
    citizen.await_status("answered")
    citizen.act("acceptance", {"stars": 4})
    citizen.await_status("closed")
    eventually(lambda: len(mails(system)) >= 4, "the reporter's mails")
    seen = [coordinator.ask("GET", f"/cases/{citizen.number}"), citizen.track()]
    shown = [e.content for e in errors] + [json.dumps(s, default=str).encode() for s in seen]
    yield citizen.number, shown
    people.close()


def mails(system):
    return [mail for mail in system.mails() if CONTACT["email"] in mail.to]


def test_the_reporter_is_found_in_the_mails_and_nowhere_else(system, tapped, lived):
    _, shown = lived
    eventually(lambda: any(b"case.closed" in body for body in tapped.bodies()))
    places = [
        *files(system),
        *databases(system),
        *metrics(system),
        *((f"message {i}", repr(heard).encode()) for i, heard in enumerate(tapped.heard)),
        *((f"body {i}", body) for i, body in enumerate(tapped.bodies())),
        *((f"answer {i}", answer) for i, answer in enumerate(shown)),
    ]
    assert len(places) > 100

    assert Sweep(CANARIES).leaks(places) == {}
    assert CONTACT["email"] in mails(system)[0].to  # the life was lived with these very canaries


def test_mails_say_that_there_is_news_and_not_what(system, lived):
    for mail in mails(system):
        for word in ("Pungutan", "pungutan", FOLLOW_UP[:30], ANSWER["reason"][:30]):
            assert word not in mail.text + mail.subject


@pytest.mark.parametrize("canary", CANARIES)
def test_a_canary_is_recognised_in_every_disguise(canary):
    """The negative control of the sweep: what it looks for, it finds."""
    sweep = Sweep(CANARIES)
    for form in (
        canary, canary.upper(), canary.encode().hex(), quote(canary), json.dumps(canary),
        base64.b64encode(b"x" + canary.encode() + b"yz").decode(),
        hashlib.sha256(canary.encode()).hexdigest(),
    ):  # fmt: skip
        assert sweep.hits(f"... {form} ...".encode()) == {canary}


def test_a_canary_planted_anywhere_is_found(system, lived):
    """The negative control of the places: what stands there is looked at."""
    planted = f"Burung Tiruan {uuid4().hex}"
    sweep, log = Sweep([planted]), system.logs / "planted.log"
    log.write_text(json.dumps({"event": "x", "reason": planted}))
    assert set(sweep.leaks(files(system))) == {str(log)}
    log.unlink()

    system.psql("intake", "UPDATE report SET place = %s", [planted])
    assert set(sweep.leaks(databases(system))) == {"intake.report"}
    system.psql("intake", "UPDATE report SET place = NULL")

    system.psql("notify", "UPDATE reporter SET identity = %s", [planted.encode()])
    assert "notify.reporter bytes" in sweep.leaks(databases(system))
