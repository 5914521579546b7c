"""The main job, as its people do it: over HTTP through the gateway, on the whole system."""

import hashlib
from datetime import datetime, time, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
import pytest
import rfc8785

from deploy.local.scenario import (
    ANSWER,
    CATEGORY,
    DISTRICT,
    FOLLOW_UP,
    Reporter,
    sign_in,
    until,
)
from tests.harness.forms import FORM
from tests.harness.outside import Outside
from tests.harness.system import stage
from tests.harness.waiting import eventually
from tests.journey.steps import disposed, moved, settled, told, verified_by

TODAY, WITA = "2026-11-20", ZoneInfo("Asia/Makassar")
PHOTO = {"title": "Foto sesudah penimbunan", "sha256": hashlib.sha256(b"photo").hexdigest()}


@pytest.fixture(scope="module")
def people(system):
    one = stage(system)
    known = "SELECT count(*) > 0 FROM promise"  # a new system learns its dates in a moment
    eventually(lambda: system.psql("intake", known) == [(True,)], "the promised dates")
    for username in ("koordinator", "dpupr", "dlh", "arbiter", "admin"):
        sign_in(one, username)  # before the clock moves: a first password ends after two weeks
    yield one
    one.close()


@pytest.fixture
def citizen(people):
    return Reporter(people.client())


def test_a_report_is_answered_objected_to_answered_again_and_accepted(system, people, citizen):
    receipt = citizen.submit("Jalan rusak", "Berlubang.", TODAY, "warga@contoh.example")
    assert set(receipt["promised"]) == {"verify_by", "follow_up_by", "settle_by"}
    disposed(people, citizen)
    agency = sign_in(people, "dpupr")
    agency.await_case(citizen.number)
    agency.act(citizen.number, "follow-ups", {"text": FOLLOW_UP})
    agency.act(citizen.number, "answer", ANSWER | {"evidence": [PHOTO]})

    seen = citizen.await_status("answered")
    answer = until(
        lambda: next(
            (e for e in citizen.track()["timeline"] if e["what"] == "case.answered" and e["text"]),
            None,
        ), "the answer's words",
    )  # fmt: skip
    assert ANSWER["text"] in answer["text"]
    assert answer["evidence"] == [PHOTO]
    assert answer["detail"] == {"agency": "dpupr", "outcome": "fulfilled"}

    citizen.act("objections", {"reason": "Masih berlubang."})
    citizen.await_status("in_progress")
    agency.act(citizen.number, "answer", ANSWER)
    citizen.await_status("answered")
    citizen.act("acceptance", {"stars": 5, "comment": "Terima kasih"})

    seen = citizen.await_status("closed")
    assert seen["timeline"][-1]["detail"]["how"] == "accepted"
    assert seen["actions"] == ["reopen", "replace_contact"]
    eventually(lambda: len(told(system, citizen)) >= 5)
    assert all(m.to == ["warga@contoh.example"] for m in told(system, citizen))


def test_who_mistyped_their_address_corrects_it_and_hears_of_the_answer(system, people, citizen):
    citizen.submit("Jalan rusak", "Berlubang.", TODAY, "wraga@contoh.example")
    disposed(people, citizen)
    agency = sign_in(people, "dpupr")
    agency.await_case(citizen.number)
    agency.act(citizen.number, "follow-ups", {"text": FOLLOW_UP})
    eventually(lambda: len(told(system, citizen)) == 4)  # all that there is to tell until then
    system.mail_mood("reject")
    agency.act(citizen.number, "answer", ANSWER)
    citizen.await_entry("message.failed")
    system.mail_mood("accept")
    silence = "SELECT count(*) FROM clock WHERE number = %s AND clock = 'R'"
    unheard = "SELECT unheard_cycle FROM case_state WHERE number = %s"
    eventually(lambda: system.psql("escalation", unheard, [citizen.number]) == [(1,)])
    assert system.psql("escalation", silence, [citizen.number]) == [(0,)]
    before = len(told(system, citizen))

    right = {"email": "warga@contoh.example", "language": "en"}
    citizen.act("contact", {"contact": right})

    eventually(lambda: system.psql("escalation", silence, [citizen.number]) == [(1,)])
    eventually(lambda: len(told(system, citizen)) == before + 3)
    sent = {(m.to[0], m.headers["Content-Language"]) for m in told(system, citizen)[before:]}
    assert sent == {("wraga@contoh.example", "id"), ("warga@contoh.example", "en")}
    assert any("answered your report" in m.text for m in told(system, citizen)[before:])
    citizen.act("acceptance", {"stars": 4, "comment": None})
    eventually(lambda: len(told(system, citizen)) == before + 4)
    assert told(system, citizen)[-1].to == ["warga@contoh.example"]
    assert system.psql("notify", "SELECT count(*) FROM former_reach") == [(0,)]
    lines = [e for e in citizen.track()["timeline"] if e["what"] == "reporter.replace_contact"]
    assert [line["detail"] for line in lines] == [{"by_mail": True}]


def test_a_reporter_who_said_too_much_of_themselves_is_protected_and_told(system, people, citizen):
    body = {
        "kind": "complaint", "title": "Pungutan", "text": "Saya guru di sana.", "event_date": TODAY,
        "place": {"district": DISTRICT}, "category": CATEGORY, "confidentiality": "open",
        "contact": {"name": "Siti Rahmah", "email": "guru@contoh.example", "language": "id"},
    }  # fmt: skip
    receipt = citizen.ask("POST", "/reports", body, headers={"Idempotency-Key": str(uuid4())})
    citizen.number, citizen.code = receipt["number"], receipt["code"]
    coordinator = disposed(people, citizen)
    agency = sign_in(people, "dpupr")
    at = datetime.fromisoformat(receipt["received_at"])
    received = agency.await_case(citizen.number)["received_at"]
    assert datetime.fromisoformat(received) == at

    why = "Laporan menyebut pekerjaan pelapor."
    raised = {"confidentiality": "confidential", "hidden_from_public": True}
    coordinator.act(citizen.number, "confidentiality", raised | {"reason": why})

    seen = agency.await_case(citizen.number)
    told_now = datetime.fromisoformat(seen["received_at"])
    assert told_now.astimezone(WITA).time() == time.min
    assert timedelta() <= at - told_now < timedelta(days=1)
    assert why not in str(seen)
    line = until(
        lambda: next(
            (e for e in citizen.track()["timeline"] if e["what"] == "case.protected" and e["text"]),
            None,
        ), "that it was raised, and why",
    )  # fmt: skip
    assert (line["detail"], line["text"]) == (raised, why)
    mail = eventually(lambda: [m for m in told(system, citizen) if "kerahasiaan lap" in m.text])
    assert why not in mail[0].text
    kept = "SELECT count(*) FROM case_event WHERE number = %s AND what = 'case.protected'"
    eventually(lambda: system.psql("escalation", kept, [citizen.number]) == [(1,)])


def test_the_timeline_leads_to_the_days_behind_each_limit(system, people, citizen):
    citizen.submit("Jalan rusak", "Berlubang.", TODAY, None)
    disposed(people, citizen)
    coordinator = sign_in(people, "koordinator")

    for link, days in (("deadlines", False), ("explain", True)):
        links = citizen.track()["links"]
        headers = {"Authorization": f"Bearer {links['token']}"}
        url = f"{system.url}/api{links[link]}"
        limits = until(lambda url=url, headers=headers: settled(url, headers), "S and F run")
        assert all(limit["sentence"]["id"] and ("days" in limit) is days for limit in limits)
        shown = {d["clock"]: d["due_at"][:10] for d in citizen.track()["deadlines"]}
        assert {limit["clock"] for limit in limits} >= set(shown)

    vouched = coordinator.ask("POST", f"/cases/{citizen.number}/token", {})
    theirs = httpx.get(
        url, headers={"Authorization": f"Bearer {vouched['token']}"}, trust_env=False
    )
    assert [d["clock"] for d in theirs.json()["deadlines"]] == [d["clock"] for d in limits]


def test_a_decreed_day_off_moves_an_open_limit_and_its_reporter_sees_why(system, people, citizen):
    citizen.submit("Jalan rusak", "Berlubang.", TODAY, None)
    before = until(lambda: verified_by(system, citizen), "V runs")
    vouched = sign_in(people, "admin").ask("POST", "/officers/token", {})
    administrator = httpx.Client(
        base_url=f"{system.url}/api", headers={"Authorization": f"Bearer {vouched['token']}"},
        trust_env=False,
    )  # fmt: skip
    off = {"day": before["ends_on"], "rule": "off", "name": "Banjir", "decree": "Perbup 90/2026"}

    with administrator:
        url = "/v1/calendars/regency/days"
        foretold = administrator.post(url, json=off, params={"preview": "true"}).json()
        assert not foretold["applied"]
        assert administrator.post(url, json=off).status_code == 201
        after = until(lambda: moved(system, citizen, before), "V moved")
        back = off | {"rule": "national", "decree": "Perbup 91/2026"}
        assert administrator.post(url, json=back).status_code == 201
        decrees = [a["decree"] for a in administrator.get("/v1/amendments").json()["amendments"]]

    assert after["ends_on"] > before["ends_on"]
    assert {"on": off["day"], "verdict": "skipped", "reason": "Banjir",
            "basis": "Perbup 90/2026"} in after["days"]  # fmt: skip
    assert after["changes"][0]["reason"] == "calendar"
    assert decrees[:2] == ["Perbup 91/2026", "Perbup 90/2026"]
    back_again = until(lambda: moved(system, citizen, after), "V is back")
    assert back_again["ends_on"] == before["ends_on"]


def test_what_was_forwarded_outside_comes_back_by_its_reporters_word_and_is_answered(
    system, people, citizen
):
    citizen.submit("Jalan rusak", "Berlubang.", TODAY, "luar@contoh.example")
    coordinator = sign_in(people, "koordinator")
    coordinator.await_case(citizen.number)
    authority = "Balai Besar Jalan Nasional"
    forwarding = {"to": authority, "text": "Jalan ini jalan nasional, bukan kabupaten."}
    coordinator.act(citizen.number, "forwarding", forwarding)
    assert citizen.await_status("forwarded_externally")["actions"] == [
        "consent_to_escalation", "object", "replace_contact",
    ]  # fmt: skip
    line = until(
        lambda: next((e for e in citizen.track()["timeline"] if authority in (e["text"] or "")), 0),
        "where it went, and why",
    )
    assert line["detail"]["reopen_until"] > line["at"]
    mail = eventually(lambda: [m for m in told(system, citizen) if "di sana sampai" in m.text])
    assert authority not in mail[0].text

    word = {"text": "Balai menulis: jalan itu bukan milik kami.", "said_on": TODAY}
    coordinator.act(citizen.number, "outside-words", word)
    shown = lambda e: (e["what"], e["text"]) == ("case.word_relayed", word["text"])  # noqa: E731
    until(lambda: any(map(shown, citizen.track()["timeline"])) or None, "what was said there")

    system.clock.move(timedelta(days=7))
    citizen.act("objections", {"reason": "Papan di sana berkata: jalan kabupaten."})
    citizen.await_status("unverified")
    limit = until(
        lambda: v if (v := verified_by(system, citizen))["state"] == "running" else None,
        "V goes on",
    )
    days = [day for day in limit["days"] if day["reason"] != "weekend"]
    outside = [day for day in days if day["reason"] == "forwarded"]
    assert len(outside) >= 4
    assert [day["verdict"] for day in days].count("counted") == 3

    disposed(people, citizen)
    agency = sign_in(people, "dpupr")
    agency.await_case(citizen.number)
    agency.act(citizen.number, "follow-ups", {"text": FOLLOW_UP})
    agency.act(citizen.number, "answer", ANSWER)
    assert "object" in citizen.await_status("answered")["actions"]


def test_an_answer_that_the_reporter_lets_rest_is_closed_and_not_called_satisfied(
    system, people, citizen
):
    citizen.submit("Jalan rusak", "Berlubang.", TODAY, "diam@contoh.example")
    disposed(people, citizen)
    agency = sign_in(people, "dpupr")
    agency.await_case(citizen.number)
    agency.act(citizen.number, "follow-ups", {"text": FOLLOW_UP})
    agency.act(citizen.number, "answer", ANSWER)
    citizen.await_status("answered")
    silence = until(
        lambda: next((d for d in citizen.track()["deadlines"] if d["clock"] == "R"), None),
        "the reporter's time to object runs",
    )

    system.clock.move(timedelta(days=20))
    seen = citizen.await_status("closed")
    closing = next(e for e in seen["timeline"] if e["what"] == "case.closed")
    assert closing["detail"]["how"] == "auto_closed"
    assert closing["detail"]["reopen_until"] > closing["at"]
    assert silence["due_at"] is not None
    rated = system.psql("routing", "SELECT stars FROM cases WHERE number = %s", [citizen.number])
    assert rated == [(None,)]


def test_who_objects_is_heard_and_who_was_content_stays_so(system, people, citizen):
    other = Reporter(people.client())
    for one in (citizen, other):
        one.submit("Jalan rusak", "Berlubang.", TODAY, None)
    desk, agency = disposed(people, citizen), sign_in(people, "dpupr")
    desk.await_case(other.number)
    desk.act(other.number, "merge", {"into": citizen.number, "reason": "Lubang yang sama."})
    agency.act(citizen.number, "follow-ups", {"text": FOLLOW_UP})
    agency.act(citizen.number, "answer", ANSWER)
    for one in (citizen, other):
        one.await_status("answered")
    citizen.act("acceptance", {"stars": 5, "comment": None})
    citizen.await_status("closed")
    other.act("objections", {"reason": "Di sisi saya belum."})
    assert citizen.await_status("in_progress")["timeline"][-1]["what"] == "case.objected"
    agency.act(citizen.number, "answer", ANSWER)
    assert citizen.await_status("closed")["timeline"][-1]["detail"]["how"] == "accepted"
    other.await_status("answered")
    begun = f"SELECT cycle FROM clock WHERE clock = 'S' AND number = '{citizen.number}'"
    assert system.psql("escalation", begun) == [(1,)]


def test_a_report_that_nobody_answers_reaches_the_ombudsman(system, people, citizen):
    citizen.submit("Jembatan putus", "Anak sekolah lewat.", TODAY, None)
    citizen.await_entry("case.opened")
    citizen.act("escalation-consent", {})
    for _ in range(25):
        system.clock.move(timedelta(days=3))
        eventually(lambda: citizen.track(), "tracking")
        if any(e["what"] == "escalation.handed_over" for e in citizen.track()["timeline"]):
            break
    citizen.await_entry("escalation.handed_over")

    raised = [e["detail"] for e in citizen.track()["timeline"] if e["what"] == "escalation.raised"]
    assert [(r["clock"], r["level"], r["to"]) for r in raised[:3]] == [
        ("V", 1, "head_of_coordinator"), ("V", 2, "sekda"), ("V", 3, "bupati"),
    ]  # fmt: skip
    key = {"Authorization": f"Bearer {system.ombudsman_key}"}
    feed = f"{system.url}/api/v1/ombudsman/feed"
    entry = until(
        lambda: next(
            (e for e in httpx.get(feed, headers=key, trust_env=False).json()["events"]
             if e["subject"] == citizen.number), None,
        ), "the feed's entry",
    )  # fmt: skip
    assert entry["specversion"] == "1.0"
    assert httpx.get(feed, trust_env=False).status_code == 401


def test_what_the_ombudsman_orders_reaches_the_reporter_and_the_agency(
    system, people, citizen, tmp_path
):
    """The outside party is a program that shares no code with the system."""
    citizen.submit("Jembatan putus", "Anak sekolah lewat.", TODAY, "jembatan@contoh.example")
    disposed(people, citizen)
    citizen.act("escalation-consent", {"dossier": FORM})
    citizen.act("supplements", {"text": "Kemarin ada yang jatuh."})
    kept = "SELECT count(*) FROM sealed_part WHERE number = %s AND part = 'addition'"
    eventually(lambda: system.psql("escalation", kept, [citizen.number]) == [(1,)])
    for _ in range(8):
        system.clock.move(timedelta(days=9))
        if any(e["what"] == "escalation.handed_over" for e in citizen.track()["timeline"]):
            break
    citizen.await_entry("escalation.handed_over")
    ombudsman = Outside(tmp_path / "state", f"{system.url}/api", system.secrets_folder)
    assert ombudsman.pin() == ombudsman.run("follow", "--once") == 0, ombudsman.said
    entry = next(e for e in ombudsman.entries("handovers") if e["subject"] == citizen.number)
    dossier = ombudsman.read(f"dossiers/{citizen.number}.json")
    canonical = rfc8785.dumps(dossier["dossier"])
    assert hashlib.sha256(canonical).hexdigest() == entry["data"]["dossier"]["sha256"]
    opened = [part["opened"] for part in dossier["opened"]]
    assert opened[0]["form"] == FORM
    assert [part.get("text") for part in opened[1:]] == [
        "Anak sekolah lewat.", "Kemarin ada yang jatuh.",
    ]  # fmt: skip

    file = ("--reference", "0123/LM/I/2027/BJM", "--at", system.clock.now().isoformat())
    for answer in ("received", "under_examination"):
        assert ombudsman.run("answer", citizen.number, answer, *file) == 0, ombudsman.said
    order = ("corrective_action", *file, "--words", "Papan jembatan diganti dalam 30 hari.")
    assert ombudsman.run("answer", citizen.number, *order) == 0, ombudsman.said

    seen = citizen.await_entry("escalation.answered", 3)
    until(
        lambda: any(e["text"] == order[-1] for e in citizen.track()["timeline"]) or None,
        "the Ombudsman's words are on the timeline",
    )
    assert seen["timeline"][-1]["detail"]["answer"] == "corrective_action"
    agency = sign_in(people, "dpupr")
    case = until(
        lambda: next(
            (c for c in agency.ask("GET", "/cases")["items"]
             if c["number"] == citizen.number and c["ombudsman"] == "corrective_action"), None,
        ), "the order is in the agency's worklist",
    )  # fmt: skip
    assert case["due_at"] is not None
    mails = eventually(lambda: [m for m in told(system, citizen) if "Ombudsman Re" in m.text])
    assert not any(order[-1] in mail.text for mail in mails)


def test_an_agency_returns_twice_and_the_arbiter_decides(people, citizen):
    citizen.submit("Jalan rusak", "Berlubang.", TODAY, None)
    coordinator = disposed(people, citizen, "dlh")
    agency = sign_in(people, "dlh")
    back = {
        "reason": "Jalan bukan wewenang kami, melainkan Dinas PUPR.",
        "proposed_agency": "dpupr",
    }
    agency.await_case(citizen.number)
    agency.act(citizen.number, "return", back)
    citizen.await_status("unverified")
    coordinator.act(citizen.number, "disposition", {"agency": "dlh"})
    agency.act(citizen.number, "return", back)
    citizen.await_entry("case.returned", times=2)

    refused = coordinator.client.post(
        f"/cases/{citizen.number}/disposition", json={"agency": "dpupr"}
    )
    assert refused.status_code == 403
    arbiter = sign_in(people, "arbiter")
    arbiter.act(citizen.number, "disposition", {"agency": "dpupr"})
    citizen.await_status("disposed")


def test_a_withdrawn_report_is_withdrawn_everywhere(system, citizen):
    citizen.submit("Jalan rusak", "Berlubang.", TODAY, None)
    citizen.await_entry("case.opened")
    citizen.act("withdrawal", {"reason": "Sudah diperbaiki"})
    citizen.await_status("withdrawn")

    running = "SELECT count(*) FROM clock WHERE number = %s AND stopped_at IS NULL"
    eventually(lambda: system.psql("escalation", running, [citizen.number]) == [(0,)])
