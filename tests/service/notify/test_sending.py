"""A mail server may defer, refuse, hang, drop; a process may die: a message is still sent, nearly
always once, and what happened stands in the ledger."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa

from chassis import failpoints
from services.notify import pace
from services.notify.models import Message
from services.notify.outgoing import LEASE, Claim, Outgoing
from tests.service.notify.desk import CONTACT, Desk

OTHERS = [f"KTB-12345-{n:05}" for n in range(20)]


@pytest.fixture(autouse=True)
def _disarmed():
    yield
    failpoints._armed.clear()


def test_a_deferred_message_is_tried_again_after_five_minutes_as_the_same_mail(desk: Desk) -> None:
    desk.hear_contact()
    desk.postbox.script.extend(["rcpt 451 4.3.0 later", "data 452 4.3.1 full"])

    assert [desk.send(), desk.send()] == [1, 0]
    desk.later(minutes=5)
    assert desk.send() == 1
    desk.later(minutes=5)
    assert desk.send() == 1

    assert desk.tries() == [
        (1, "unavailable", "4xx"), (2, "unavailable", "4xx"), (3, "delivered", None),
    ]  # fmt: skip
    assert len(desk.postbox.mails) == 1
    assert [said["about"] for said in desk.said("message.delivered.v1")] == ["received"]


def test_a_message_that_is_deferred_for_four_hours_is_given_up_once(desk: Desk) -> None:
    desk.hear_contact()
    desk.postbox.script.extend(["rcpt 451 4.3.0 later"] * 60)

    for _ in range(60):
        desk.send()
        desk.later(minutes=5)

    assert len(desk.tries()) == 1 + pace.RETRIES
    assert desk.states() == [("received", "failed", "expired")]
    assert [said["reason"] for said in desk.said()] == ["expired"]


@pytest.mark.parametrize(
    "refusal", ["rcpt 550 5.1.1 no", "data 554 5.7.1 no", "rcpt 521 5.1.10 no"]
)
def test_a_refused_message_is_never_tried_again(desk: Desk, refusal: str) -> None:
    desk.hear_contact()
    desk.postbox.script.append(refusal)

    desk.send()
    desk.later(days=1)
    assert desk.send() == 0

    assert desk.tries() == [(1, "rejected", "5xx")]
    assert [said["reason"] for said in desk.said("message.failed.v1")] == ["rejected"]


def test_a_sender_that_is_refused_is_our_fault_and_is_tried_again(desk: Desk) -> None:
    desk.hear_contact()
    desk.postbox.script.append("mail 550 5.7.1 sender not allowed")

    desk.send()
    desk.later(minutes=5)
    desk.send()

    assert [outcome for _, outcome, _ in desk.tries()] == ["hindered", "delivered"]


def test_a_silent_server_delays_its_message_only(desk: Desk) -> None:
    desk.outgoing._channel = replace(desk.smtp, timeout=3)
    for number in OTHERS[:3]:
        desk.hear_contact(number)
    desk.postbox.script.append("hang")

    desk.send()

    assert [outcome for _, outcome, _ in desk.tries()].count("delivered") == 2
    assert ("unavailable", "none") in [(outcome, reply) for _, outcome, reply in desk.tries()]


def test_a_connection_dropped_after_the_text_is_tried_again_under_the_same_id(desk: Desk) -> None:
    desk.hear_contact()
    desk.postbox.script.append("drop")

    desk.send()
    desk.later(minutes=5)
    desk.send()

    first, second = desk.postbox.ids
    assert first == second
    assert desk.postbox.mails[0].as_bytes() == desk.postbox.mails[1].as_bytes()
    assert desk.tries() == [(1, "unknown", "none"), (2, "delivered", None)]
    assert len(desk.said()) == 1


def test_no_server_at_all_is_waited_for(desk: Desk) -> None:
    desk.hear_contact()
    desk.outgoing._channel = replace(desk.smtp, port=1)

    desk.send()

    assert desk.tries() == [(1, "hindered", "none")]
    assert desk.states() == [("received", "due", None)]


def test_a_server_without_tls_gets_nothing_when_tls_is_asked_for(desk: Desk) -> None:
    desk.hear_contact()
    desk.outgoing._channel = replace(desk.smtp, starttls=True)

    desk.send()

    assert desk.postbox.mails == []
    assert desk.tries() == [(1, "hindered", "none")]


def test_the_server_learns_our_domain_and_not_this_machines_name(desk: Desk) -> None:
    desk.hear_contact()
    desk.send()

    assert desk.postbox.greetings == {"kotabaru.example"}


def test_a_crash_after_the_server_took_it_costs_one_more_mail_under_the_same_id(desk: Desk) -> None:
    desk.hear_contact()
    failpoints.arm("notify.after_send=raise:1")

    desk.send()
    assert desk.tries() == [(1, None, None)]
    assert desk.send() == 0

    desk.later(seconds=LEASE.total_seconds() + 1)
    assert [desk.send(), desk.send()] == [1, 0]

    first, second = desk.postbox.ids
    assert first == second
    assert desk.tries() == [(1, "unknown", None), (2, "delivered", None)]
    assert len(desk.said()) == 1


def test_a_crash_before_sending_costs_no_mail_and_loses_none(desk: Desk) -> None:
    desk.hear_contact()
    failpoints.arm("notify.before_send=raise:1")

    desk.send()
    desk.later(seconds=LEASE.total_seconds() + 1)
    desk.send()

    assert len(desk.postbox.mails) == 1
    assert desk.tries() == [(1, "unknown", None), (2, "delivered", None)]


def test_a_message_that_kills_every_process_is_given_up_too(desk: Desk) -> None:
    desk.hear_contact()
    failpoints.arm("notify.before_send=raise")

    for _ in range(60):
        desk.send()
        desk.later(seconds=LEASE.total_seconds() + 1)

    assert len(desk.tries()) == 1 + pace.RETRIES
    assert desk.states() == [("received", "failed", "expired")]


def test_a_long_conversation_keeps_its_message(desk: Desk) -> None:
    desk.hear_contact()
    [claim] = desk.outgoing.claim(8)
    desk.outgoing._sending.add(claim.message.id)
    sending, desk.outgoing = desk.outgoing, desk.with_keyring(desk.keyring)

    for _ in range(5):
        desk.later(seconds=LEASE.total_seconds() - 1)
        sending.renew()
        assert desk.send() == 0

    desk.later(seconds=LEASE.total_seconds() + 1)  # the negative control: nobody renews it
    assert desk.send() == 1


def test_two_senders_never_take_the_same_message(desk: Desk) -> None:
    for number in OTHERS:
        desk.hear_contact(number)

    with ThreadPoolExecutor(4) as pool:
        claimed = list(pool.map(lambda _: desk.outgoing.claim(7), range(4)))
    for claim in (claim for claims in claimed for claim in claims):
        desk.outgoing.send(claim)
    desk.send()

    assert len(desk.postbox.mails) == len(set(desk.postbox.ids)) == len(OTHERS)
    assert len(desk.said()) == len(OTHERS)


class Careless(Outgoing):
    """Sends first and writes afterwards."""

    def claim(self, limit: int) -> list[Claim]:
        with self._db.begin() as tx:
            return [Claim(message, 1) for message in tx.scalars(sa.select(Message).limit(limit))]


def test_without_a_claim_that_is_committed_first_mails_go_twice(desk: Desk) -> None:
    for number in OTHERS[:3]:
        desk.hear_contact(number)
    careless = Careless(desk.db, desk.clock, desk.settings, desk.keyring, desk.smtp)

    for claim in careless.claim(9) + careless.claim(9):
        careless.send(claim)

    assert len(desk.postbox.mails) == 2 * len(set(desk.postbox.ids))


def test_a_reporter_gets_their_mails_in_order_and_a_stuck_one_holds_up_no_other(desk: Desk) -> None:
    desk.hear_contact()
    desk.hear("case.opened.v1")
    desk.hear("case.disposed.v1")
    desk.hear_contact(OTHERS[0])
    desk.postbox.script.append("rcpt 451 4.2.2 full")

    desk.send()
    assert [mail["To"] for mail in desk.postbox.mails] == [CONTACT["email"]]
    assert desk.database.psql("SELECT state FROM message WHERE number = %s", [OTHERS[0]]) == [
        ("delivered",)
    ]
    desk.later(minutes=5)
    desk.send()

    told = [said["about"] for said in desk.said("message.delivered.v1")]
    assert told == ["received", "received", "disposed"]


@pytest.mark.parametrize("late", ["", "rcpt 451 4.3.0 later"], ids=["taken", "deferred"])
def test_a_try_that_was_thought_lost_and_ends_late_is_told_once(desk: Desk, late: str) -> None:
    desk.hear_contact()
    (lost,) = desk.outgoing.claim(1)
    desk.later(seconds=LEASE.total_seconds() + 1)
    (second,) = desk.outgoing.claim(1)

    desk.postbox.script.extend([late] if late else [])
    desk.outgoing.send(lost)
    if late:
        assert desk.states() == [("received", "sending", None)]
    desk.outgoing.send(second)

    assert desk.states() == [("received", "delivered", None)]
    assert [outcome for _, outcome, _ in desk.tries()] == [
        "unavailable" if late else "delivered", "delivered",
    ]  # fmt: skip
    assert len(desk.said()) == 1


def test_the_words_of_a_server_are_kept_nowhere(desk: Desk) -> None:
    desk.hear_contact()
    desk.postbox.script.append(f"rcpt 550 <{CONTACT['email']}> kata-kata peladen")

    desk.send()

    rows = str(desk.database.psql("SELECT to_jsonb(a)::text FROM attempt a"))
    assert "5xx" in rows
    assert "peladen" not in rows
    assert CONTACT["email"] not in rows
