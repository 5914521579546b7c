"""Who holds one code fills neither the memory of those who read a report nor the outbox."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from chassis import outbox
from services.intake.allowance import MOST_CHARACTERS, MOST_CONSENTS, MOST_REQUESTS
from tests.harness.forms import FORM
from tests.harness.unsealing import opened, private_key
from tests.service.intake.conftest import key
from tests.service.intake.test_consenting import CONSENTED, PARTS, ask, consent, hear, said, seen

MORE = {"text": "Kemarin banjir lagi."}
WIDEST = {"text": "\U0001f4a5" * 10_000}


def fill(intake_db, receipt, count=MOST_REQUESTS, text="Lagi."):
    """As if that much had been added."""
    intake_db.psql(
        "INSERT INTO timeline_entry (number, at, what, detail, text)"
        " SELECT %s, now(), 'reporter.supplement', '{}', %s FROM generate_series(1, %s)",
        [receipt["number"], text, count],
    )


def rule(answer):
    assert answer.status_code == 409, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()["errors"][0]["rule"]


def test_a_full_report_takes_no_addition_says_nothing_of_it_and_offers_none(
    api, intake_db, receipt
):
    fill(intake_db, receipt, MOST_REQUESTS - 1)
    once = key()
    last = ask(api, receipt, "supplements", MORE, **once)

    assert last.status_code == 202
    assert rule(ask(api, receipt, "supplements", MORE, **key())) == "most_requests"
    assert ask(api, receipt, "supplements", MORE, **once).json() == last.json()
    assert len(said(intake_db, "report.supplemented.v1")) == 1
    assert "supplement" not in seen(api, receipt)["actions"]


def test_characters_are_counted_however_many_bytes_they_have(api, intake_db, receipt):
    fill(intake_db, receipt, MOST_CHARACTERS // 10_000 - 1, WIDEST["text"])

    assert ask(api, receipt, "supplements", WIDEST).status_code == 202
    refused = ask(api, receipt, "supplements", {"text": "x"})
    assert rule(refused) == "most_characters"
    assert refused.json()["errors"][0]["field"] == "text"


def test_of_two_at_once_only_one_is_the_last(api, intake_db, receipt):
    fill(intake_db, receipt, MOST_REQUESTS - 1)

    with ThreadPoolExecutor(4) as threads:
        sent = [threads.submit(ask, api, receipt, "supplements", MORE) for _ in range(8)]
    answers = [one.result().status_code for one in sent]

    assert answers.count(202) == 1, answers
    assert set(answers) <= {202, 409, 503}  # 503: no lock is waited for for long


def test_a_question_to_a_full_report_can_be_answered_once(api, intake_db, receipt, worker):
    fill(intake_db, receipt)
    hear(worker, receipt, "case.data_requested.v1", status="awaiting_reporter")

    assert "supplement" in seen(api, receipt)["actions"]
    assert ask(api, receipt, "supplements", WIDEST).status_code == 202
    assert rule(ask(api, receipt, "supplements", MORE)) == "most_requests"


@pytest.mark.parametrize(
    ("what", "status", "body"),
    [
        ("objections", "archived", {"reason": "Belum selesai."}),
        ("acceptance", "answered", {"stars": 1, "comment": "Lama."}),
        ("reopening", "closed", {"reason": "Rusak lagi."}),
        ("withdrawal", "in_progress", {}),
    ],
)
def test_who_is_answered_with_a_full_report_can_still_say_what_they_think_of_it_once(
    api, intake_db, receipt, worker, what, status, body
):
    fill(intake_db, receipt)
    hear(worker, receipt, "case.answered.v1", status=status)

    assert ask(api, receipt, what, body).status_code == 202
    hear(worker, receipt, "case.refused.v1", sequence=2, status=status)
    assert rule(ask(api, receipt, what, body)) == "most_requests"


def test_a_further_consent_seals_the_identity_alone(api, intake_db, receipt, secrets_folder):
    consent(api, receipt)
    ask(api, receipt, "supplements", MORE)
    ask(api, receipt, "escalation-consent", {})
    consent(api, receipt, remedy="Ganti rugi.")

    told = said(intake_db, CONSENTED)[-1]
    form = opened(told["sealed"], private_key(secrets_folder), receipt["number"])["form"]
    assert form == FORM | {"remedy": "Ganti rugi."}
    assert [part["part"] for part in said(intake_db, PARTS)] == ["report", "addition"]


def test_a_consent_under_another_key_seals_everything_to_that_one(api, intake_db, receipt):
    consent(api, receipt)
    ask(api, receipt, "supplements", MORE)
    intake_db.psql("UPDATE report SET sealed_to = 'an older key'")
    consent(api, receipt)
    consent(api, receipt)

    parts = [part["part"] for part in said(intake_db, PARTS)]
    assert parts == ["report", "addition", "report", "addition"]
    [(now,)] = intake_db.psql("SELECT sealed_to FROM report")
    assert now == said(intake_db, PARTS)[-1]["key_id"]


@pytest.mark.parametrize("end", ["closed", "archived", "forwarded"])
def test_what_may_have_been_erased_when_a_report_was_over_is_sealed_again(
    api, intake_db, receipt, worker, end
):
    consent(api, receipt)
    hear(worker, receipt, f"case.{end}.v1", status="closed")
    hear(worker, receipt, "case.reopened.v1", sequence=2, status="in_progress")
    consent(api, receipt)
    consent(api, receipt)

    assert [part["part"] for part in said(intake_db, PARTS)] == ["report", "report"]


def test_so_is_what_was_sealed_while_it_was_over(api, intake_db, receipt, worker):
    hear(worker, receipt, "case.archived.v1", status="archived")
    consent(api, receipt)
    consent(api, receipt)
    hear(worker, receipt, "case.objected.v1", sequence=2, status="unverified")
    consent(api, receipt)
    consent(api, receipt)

    assert [part["part"] for part in said(intake_db, PARTS)] == ["report"] * 3


def test_a_consent_of_before_the_key_was_noted_is_completed_once(api, intake_db, receipt):
    consent(api, receipt)
    intake_db.psql("UPDATE report SET sealed_to = NULL")
    consent(api, receipt)
    consent(api, receipt)

    assert [part["part"] for part in said(intake_db, PARTS)] == ["report", "report"]


@pytest.fixture
def number_anew(intake_db, worker):
    """As after a restore."""

    def anew():
        with worker.db.begin() as tx:
            outbox.number_anew(tx, worker.clock.now())

    yield anew
    intake_db.psql("UPDATE epoch SET began = 0")


def test_what_may_have_been_taken_back_before_a_restore_is_sealed_again(
    api, intake_db, receipt, number_anew, clock
):
    """It has taken that from here, and escalation has erased everything."""
    consent(api, receipt)
    number_anew()
    clock.move(timedelta(minutes=2))
    ask(api, receipt, "escalation-consent", {})
    assert len(said(intake_db, PARTS)) == 1

    consent(api, receipt)
    consent(api, receipt)

    assert [part["part"] for part in said(intake_db, PARTS)] == ["report", "report"]


def test_after_ten_consents_no_other_is_taken_until_the_report_was_over(
    api, intake_db, receipt, worker
):
    once = key()
    first = ask(api, receipt, "escalation-consent", {}, **once)
    for _ in range(MOST_CONSENTS - 1):
        assert consent(api, receipt).status_code == 202

    assert rule(consent(api, receipt)) == "most_consents"
    assert rule(ask(api, receipt, "escalation-consent", {})) == "most_consents"
    assert ask(api, receipt, "escalation-consent", {}, **once).json() == first.json()
    assert "consent_to_escalation" not in seen(api, receipt)["actions"]
    assert ask(api, receipt, "escalation-check").json()["possible"] is False
    assert len(said(intake_db, CONSENTED)) == MOST_CONSENTS
    hear(worker, receipt, "case.archived.v1", status="archived")
    assert consent(api, receipt).status_code == 202
