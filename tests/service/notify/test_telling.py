"""Reporters are told every step, once, when it is known whether and where they can be told."""

import pytest
from prometheus_client import REGISTRY

from services.notify import domain
from services.notify.service import Notify
from tests.service.notify.desk import CONTACT, NUMBER, Desk

OTHER = "KTB-98765-43210"


def test_a_reporter_is_told_that_the_report_arrived(desk: Desk) -> None:
    desk.hear_contact()

    desk.send()

    (mail,) = desk.postbox.mails
    assert desk.postbox.recipients == [[CONTACT["email"]]]
    assert mail["Subject"] == "Kabar tentang laporan Anda"
    assert NUMBER in mail.get_content()
    assert mail["From"].addresses[0].addr_spec == "lapor@kotabaru.example"
    assert "Terima kasih telah melapor" in mail.get_content()
    assert CONTACT["name"] not in mail.as_string()
    (said,) = desk.said("message.delivered.v1")
    assert (said["about"], said["channel"], said["cycle"]) == ("received", "email", None)


def test_a_reporter_reads_it_in_their_language(desk: Desk) -> None:
    desk.hear_contact(language="en")

    desk.send()

    (mail,) = desk.postbox.mails
    assert mail["Content-Language"] == "en"
    assert "Thank you for reporting" in mail.get_content()


def test_every_step_that_the_table_tells_becomes_a_mail(desk: Desk) -> None:
    desk.hear_contact()
    desk.hear("case.opened.v1")
    telling = {"clock": "A", "reason": "calendar", "after": "2026-12-07T15:59:59Z"}
    fields = {
        "deadline.approaching.v1": {"clock": "D", "at": "2027-01-04T16:00:00Z"},  # nothing since
        "deadline.passed.v1": {"clock": "S"},
        "deadline.kept.v1": {"clock": "F"},
        "deadline.recomputed.v1": telling,
    }
    types = [rule.type for rule in domain.RULES if "report.contact_" not in rule.type]

    for type in types:
        assert desk.hear(type, **fields.get(type, {})) == "done"
        desk.later(seconds=10)
        desk.send()

    desk.hear_replaced()
    desk.send()

    assert len(desk.postbox.mails) == len(domain.RULES) + len(domain.TO_FORMER)
    told = {said["about"] for said in desk.said("message.delivered.v1")}
    assert told == set(domain.About) - domain.OF_POSTS - domain.TO_FORMER


@pytest.mark.parametrize(
    ("language", "said", "never"),
    [
        ("id", "yang diminta dari Anda tetap berlaku seperti semula", "akan menanganinya"),
        ("en", "what you were asked stay as they are", "was passed to"),
    ],
)
def test_whose_case_is_handed_on_reads_that_it_is_still_their_turn(
    desk: Desk, language: str, said: str, never: str
) -> None:
    """Last they read a question, or an answer that may be objected to: that stands."""
    desk.hear_contact(language=language)
    desk.hear("case.reassigned.v1", status="awaiting_reporter")
    desk.send()

    body = " ".join(desk.postbox.mails[-1].get_content().split())
    assert said in body
    assert never not in body


def test_an_answers_notice_carries_its_cycle(desk: Desk) -> None:
    desk.hear_contact()
    desk.hear("case.opened.v1")
    desk.hear("case.answered.v1", cycle=3)

    desk.send()

    assert [(s["about"], s["cycle"]) for s in desk.said()] == [("received", None), ("answered", 3)]


@pytest.mark.parametrize(
    "contact", [None, {"email": None}, {"email": "siti@x.example\r\nBcc: a@b.c"}]
)
def test_who_left_no_usable_address_is_not_written_to_and_that_is_said(desk: Desk, contact) -> None:
    if contact is not None:
        desk.hear_contact(**contact)
    desk.hear("case.opened.v1", reachable=False)
    desk.hear("case.answered.v1", cycle=1)

    assert desk.send() == 0
    assert desk.postbox.mails == []
    answered = desk.said("message.failed.v1")[-1]
    assert (answered["about"], answered["reason"], answered["cycle"]) == (
        "answered", "no_address", 1,
    )  # fmt: skip


def test_news_waits_for_a_contact_that_is_on_its_way(desk: Desk) -> None:
    desk.hear("case.opened.v1", reachable=True)

    assert desk.hear("case.disposed.v1") == "waiting"
    assert desk.states() == []

    desk.hear_contact()
    desk.later(seconds=2)
    desk.retry()
    assert [about for about, _, _ in desk.states()] == ["received", "disposed"]


def test_news_waits_until_it_is_known_whether_there_is_a_contact(desk: Desk) -> None:
    assert desk.hear("deadline.passed.v1", clock="V") == "waiting"

    desk.hear("case.opened.v1", reachable=False)
    desk.later(seconds=2)
    desk.retry()

    assert desk.states() == [("deadline_passed", "failed", "no_address")]


def test_the_order_of_case_and_contact_does_not_matter(desk: Desk) -> None:
    for number, first in ((NUMBER, "case"), (OTHER, "contact")):
        if first == "case":
            desk.hear("case.opened.v1", number, reachable=True)
        desk.hear_contact(number)
        if first == "contact":
            desk.hear("case.opened.v1", number, reachable=True)

    states = desk.database.psql("SELECT number, state, mailable FROM reporter ORDER BY number")
    assert states == [(NUMBER, "held", True), (OTHER, "held", True)]


def test_an_event_that_comes_twice_makes_one_message(desk: Desk) -> None:
    body = desk.stream.contact()

    assert [desk.receive(body) for _ in range(3)] == ["done", "known", "known"]
    desk.send()

    assert len(desk.postbox.mails) == 1


def test_after_a_restore_an_event_sends_its_message_under_the_same_id(desk: Desk) -> None:
    body = desk.stream.contact()
    desk.receive(body)
    desk.send()
    for table in ("attempt", "message", "inbox", "position", "reporter"):
        desk.database.psql(f"DELETE FROM {table}")

    desk.receive(body)
    desk.send()

    first, second = desk.postbox.ids
    assert first == second


def test_what_a_mail_server_logs_and_what_others_hear_have_no_word_in_common(desk: Desk) -> None:
    desk.hear_contact()
    desk.send()

    (mail,), (said,) = desk.postbox.mails, desk.said("message.delivered.v1")
    logged = f"{mail['Subject']} {mail['Message-ID']} {desk.postbox.senders}"
    assert said["message_id"] not in logged
    assert said["message_id"].replace("-", "") not in logged
    assert NUMBER not in logged


def test_a_mail_that_cannot_arrive_comes_back_to_nobody(desk: Desk) -> None:
    desk.hear_contact()
    desk.send()

    assert desk.postbox.senders == {"<>"}
    (mail,) = desk.postbox.mails
    assert mail["Auto-Submitted"] == "auto-generated"


def test_a_contact_sealed_for_another_report_is_parked(desk: Desk) -> None:
    assert desk.hear_contact(sealed_for=OTHER) == "parked"
    assert desk.database.psql("SELECT count(*) FROM reporter") == [(0,)]


def test_what_is_emitted_belongs_to_the_chain_that_caused_it(desk: Desk) -> None:
    desk.hear_contact()
    desk.send()

    assert desk.database.psql("SELECT correlationid FROM outbox") == [("a-chain-of-causes",)]


def test_what_came_through_is_counted(desk: Desk) -> None:
    desk.hear_contact(NUMBER)
    desk.hear("case.opened.v1", NUMBER)
    desk.hear("case.opened.v1", OTHER, reachable=True)
    desk.hear_contact("KTB-11111-11111")

    with desk.db.begin() as tx:
        counts = desk.notify.counts(tx)

    assert counts == {"reporters": 2, "contacts_expected": 1}


def test_what_is_stuck_and_unheard_is_shown(desk: Desk) -> None:
    desk.hear_contact(NUMBER)
    desk.hear("case.opened.v1", NUMBER)
    desk.hear("case.answered.v1", NUMBER)
    desk.postbox.script.extend(["rcpt 250 ok", "rcpt 550 5.1.1 no"])
    desk.send()
    desk.hear_contact(OTHER)
    desk.later(seconds=100)

    Notify.watch(desk.notify)

    assert (_gauge("unsent"), _gauge("undelivered_answers")) == (1, 1)
    assert 100 <= _gauge("oldest_unsent_seconds") < 110


def _gauge(name: str) -> float | None:
    return REGISTRY.get_sample_value(f"lapor_notify_{name}")
