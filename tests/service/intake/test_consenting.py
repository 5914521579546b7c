"""A reporter is told what the law asks, and what they tell the Ombudsman is read by nobody else."""

import json
from datetime import date, datetime, timedelta
from uuid import uuid4

import pytest

import contracts
from chassis.events import Event
from chassis.inbox import ANYBODY
from tests.harness.forms import FORM
from tests.harness.unsealing import opened, private_key
from tests.service.intake.conftest import REPORT

PARTS = "report.words_sealed.v1"
CONSENTED = "report.escalation_consented.v1"


@pytest.fixture
def private(secrets_folder):
    return private_key(secrets_folder)


def ask(api, receipt, what, body=None, **headers):
    code = {"Tracking-Code": receipt["code"]} | headers
    given = {} if body is None else {"json": body}
    return api.post(f"/v1/reports/{receipt['number']}/{what}", headers=code, **given)


def seen(api, receipt):
    known = {name: receipt[name] for name in ("number", "code")}
    return api.post("/v1/reports/track", json=known).json()


def consent(api, receipt, **form):
    return ask(api, receipt, "escalation-consent", {"dossier": FORM | form})


def said(intake_db, *types):
    rows = intake_db.psql("SELECT type, data FROM outbox ORDER BY id")
    return [data for type, data in rows if type in types]


def hear(worker, receipt, type, sequence=1, without=(), **data):
    """Receives an event like its contract's first example, without some of its fields."""
    example = next(iter(contracts.examples(type).values()))["data"]
    if "reopen_until" in example:  # thirty days after that
        ended_at = datetime.fromisoformat((example | data)["at"])
        data.setdefault("reopen_until", (ended_at + timedelta(days=30)).isoformat())
    told = {name: value for name, value in (example | data).items() if name not in without}
    now = worker.clock.now()
    event = Event(
        id=str(uuid4()), source=contracts.source(type), type=type, subject=receipt["number"],
        time=now, sequence=sequence, correlationid="c", data=told,
    )  # fmt: skip
    assert worker.inbox.receive(json.dumps(event.document()).encode(), ANYBODY) == "done"


def test_identity_and_words_are_said_sealed_and_only_the_ombudsmans_key_opens_them(
    api, intake_db, receipt, private
):
    ask(api, receipt, "supplements", {"text": "Sudah ada yang jatuh."})

    answer = consent(api, receipt)

    assert answer.status_code == 202, answer.text
    assert answer.json()["with_identity"] is True
    [told] = said(intake_db, CONSENTED)
    assert opened(told["sealed"], private, receipt["number"])["form"] == FORM
    assert told["key_id"] == private["kid"]
    assert (told["admissible_until"], told["admissible_month"]) == (None, "2028-11")
    words = [opened(p["sealed"], private, receipt["number"]) for p in said(intake_db, PARTS)]
    assert [(w["part"], w["text"]) for w in words] == [
        ("report", REPORT["text"]), ("addition", "Sudah ada yang jatuh."),
    ]  # fmt: skip
    types = [t for (t,) in intake_db.psql("SELECT type FROM outbox ORDER BY id")]
    assert types[-1] == CONSENTED  # what it is about is said before


def test_nothing_of_the_form_is_kept_in_clear(api, intake_db, receipt):
    consent(api, receipt)

    tables = intake_db.psql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    for (table,) in tables:
        rows = str(intake_db.psql(f'SELECT t::text FROM "{table}" t'))
        assert "Warga Contoh" not in rows
        assert FORM["id_number"] not in rows


def test_without_a_form_the_consent_is_to_facts_and_says_so(api, intake_db, receipt):
    answer = ask(api, receipt, "escalation-consent", {}).json()

    [told] = said(intake_db, CONSENTED)
    assert (told["sealed"], said(intake_db, PARTS)) == (None, [])
    identity = next(rule for rule in answer["rules"] if rule["rule"] == "identity")
    assert identity["holds"] is False
    assert "fakta" in identity["id"]
    assert {n["notice"] for n in answer["notices"]} == {
        "identity_copy", "sealed", "can_be_taken_back",
    }  # fmt: skip


def test_a_form_may_follow_a_consent_without_one(api, intake_db, receipt):
    ask(api, receipt, "escalation-consent", {})
    consent(api, receipt)

    assert [c["sealed"] is None for c in said(intake_db, CONSENTED)] == [True, False]
    assert len(said(intake_db, PARTS)) == 1


def test_words_that_are_written_later_are_sealed_as_they_come(
    api, intake_db, receipt, private, worker
):
    consent(api, receipt)
    ask(api, receipt, "supplements", {"text": "Kemarin banjir lagi."})
    files = [{"title": "Foto pompa", "sha256": "5f" * 32}]
    words = {"text": "Kami cek.", "about": "follow_up", "evidence": files}
    hear(worker, receipt, "case.reply_written.v1", **words)

    later = [opened(p["sealed"], private, receipt["number"]) for p in said(intake_db, PARTS)[1:]]
    assert [(w["part"], w["about"], w["text"]) for w in later] == [
        ("addition", "supplement", "Kemarin banjir lagi."), ("reply", "follow_up", "Kami cek."),
    ]  # fmt: skip
    assert later[1]["evidence"] == files


def test_without_a_form_later_words_stay_here(api, intake_db, receipt, worker):
    ask(api, receipt, "escalation-consent", {})
    ask(api, receipt, "supplements", {"text": "Kemarin banjir lagi."})
    hear(worker, receipt, "case.reply_written.v1")

    assert said(intake_db, PARTS) == []


def test_after_the_hand_over_nothing_more_is_sealed_and_no_identity_taken(
    api, intake_db, receipt, worker
):
    ask(api, receipt, "escalation-consent", {})
    hear(worker, receipt, "escalation.handed_over.v1")

    refused = consent(api, receipt)
    again = ask(api, receipt, "escalation-consent", {})

    for answer in (refused, again):
        assert answer.status_code == 409
        assert answer.json()["errors"][0]["rule"] == "handed_over"
    assert len(said(intake_db, CONSENTED)) == 1  # the one before: no other is taken and dropped
    assert said(intake_db, PARTS) == []


def test_after_the_hand_over_no_consent_is_asked_for_any_more(api, receipt, worker):
    before = seen(api, receipt), ask(api, receipt, "escalation-check").json()
    hear(worker, receipt, "escalation.handed_over.v1")
    after = seen(api, receipt), ask(api, receipt, "escalation-check").json()

    assert [check["possible"] for _, check in (before, after)] == [True, False]
    assert ["consent_to_escalation" in shown["actions"] for shown, _ in (before, after)] == [
        True, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("how", "status"), [("archived", "archived"), ("forwarded", "forwarded_externally")]
)
def test_consent_to_what_was_set_aside_is_taken_and_what_it_waits_for_is_told(
    api, intake_db, receipt, worker, how, status
):
    hear(worker, receipt, f"case.{how}.v1", status=status)

    answer = ask(api, receipt, "escalation-consent", {})

    assert answer.status_code == 202
    assert len(said(intake_db, CONSENTED)) == 1
    told = {rule["rule"]: rule for rule in answer.json()["rules"]}["not_over"]
    assert "object" in told["en"]


def test_a_withdrawn_report_forgets_that_its_reporter_consented(api, intake_db, receipt, worker):
    consent(api, receipt)
    hear(worker, receipt, "case.withdrawn.v1")

    assert intake_db.psql("SELECT consented_at, consent_form FROM report") == [(None, False)]


def test_why_a_report_is_withdrawn_is_not_for_the_dossier(api, intake_db, receipt):
    consent(api, receipt)
    ask(api, receipt, "withdrawal", {"reason": "Sudah tidak perlu."})

    assert len(said(intake_db, PARTS)) == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"full_name": " "}, "dossier.full_name"),
        ({"birth_date": "1980-02-30"}, "dossier.birth_date"),
        ({"birth_date": "2999-01-01"}, "dossier.birth_date"),
        ({"marital_status": "unknown"}, "dossier.marital_status"),
        ({"id_number": "123"}, "dossier.id_number"),
        ({"prior_complaint": {"to": "camat"}}, "dossier.prior_complaint.on"),
        ({"proxy": {"full_name": "A"}}, "dossier.proxy.authority"),
        ({"photo": "x"}, "dossier.photo"),
    ],
)
def test_a_form_that_breaks_a_rule_is_refused_by_field(api, intake_db, receipt, change, field):
    answer = consent(api, receipt, **change)

    assert answer.status_code == 422
    assert field in {error["field"] for error in answer.json()["errors"]}
    assert said(intake_db, CONSENTED, PARTS) == []


def test_an_event_that_is_too_old_is_refused_by_its_rule(api, intake_db, receipt):
    before = seen(api, receipt)["actions"]
    intake_db.psql("UPDATE report SET event_date = now()::date - 800")

    answer = consent(api, receipt)
    check = ask(api, receipt, "escalation-check").json()

    assert answer.status_code == 409
    [error] = answer.json()["errors"]
    assert (error["field"], error["rule"]) == ("event_date", "event_age")
    assert "UU" not in error["message"]
    assert check["possible"] is False
    left = [action for action in before if action != "consent_to_escalation"]
    assert (len(before), seen(api, receipt)["actions"]) == (len(left) + 1, left)
    assert said(intake_db, CONSENTED) == []


def test_the_check_tells_each_rule_with_its_basis(api, intake_db, receipt, worker):
    tomorrow = (datetime.now().astimezone() + timedelta(days=1)).isoformat()
    started = {"clock": "H", "cycle": 1, "due_at": worker.clock.now().isoformat()}
    hear(worker, receipt, "deadline.started.v1", **started)

    before = ask(api, receipt, "escalation-check").json()
    hear(worker, receipt, "deadline.passed.v1", sequence=2, clock="H", cycle=1)
    after = ask(api, receipt, "escalation-check").json()

    rules = {rule["rule"]: rule for rule in before["rules"]}
    assert before["possible"] is True
    assert rules["event_age"]["basis"] == "UU 37/2008 Pasal 24 ayat (3)"
    assert date.fromisoformat(rules["event_age"]["day"]) == date(2028, 11, 20)
    assert rules["agency_asked_first"]["holds"] is False
    assert rules["agency_asked_first"]["day"] <= tomorrow
    assert {r["rule"]: r["holds"] for r in after["rules"]}["agency_asked_first"] is True
    assert all(rule["id"] and rule["en"] and rule["basis"] for rule in after["rules"])


def test_the_check_needs_the_code_and_changes_nothing(api, intake_db, receipt):
    wrong = receipt | {"code": "0" * 26}

    assert ask(api, wrong, "escalation-check").status_code == 404
    assert ask(api, receipt, "escalation-check").status_code == 200
    assert said(intake_db, CONSENTED, PARTS) == []


def test_without_rules_in_the_table_nothing_is_refused_and_nothing_claimed(api, intake_db, receipt):
    kept = intake_db.psql("SELECT rule, effective_from, years, basis FROM admission_rule")
    intake_db.psql("DELETE FROM admission_rule")
    try:
        check = ask(api, receipt, "escalation-check").json()
        answer = consent(api, receipt)
    finally:
        for row in kept:
            intake_db.psql("INSERT INTO admission_rule VALUES (%s, %s, %s, %s)", list(row))

    assert answer.status_code == 202
    assert {r["rule"]: r["holds"] for r in check["rules"]}["event_age"] is None
