"""A mail server may defer, refuse, hang, drop; a process may die: a message is still sent, nearly
always once, and what happened stands in the ledger."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from threading import Event as Flag
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from chassis import failpoints
from chassis.database import Transactions
from services.notify import pace
from services.notify.channel import Smtp
from services.notify.models import Message
from services.notify.outgoing import LEASE, Claim, Outgoing
from tests.harness.waiting import eventually
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


class Flaky(Transactions):
    """A database that can be away; `lost` counts what it was asked meanwhile."""

    def __init__(self, bind: sa.Engine) -> None:
        super().__init__(bind)
        self.away, self.lost = threading.Event(), 0

    def begin(self) -> AbstractContextManager[Session]:
        if self.away.is_set():
            self.lost += 1
            raise OperationalError("no connection", None, Exception())
        return super().begin()


class Interrupted:
    """A mail server's way, after which the database is away."""

    def __init__(self, smtp: Smtp, db: Flaky) -> None:
        self._smtp, self._db = smtp, db

    def send(self, *mail: Any) -> None:
        self._smtp.send(*mail)
        self._db.away.set()


@pytest.fixture
def flaky(desk: Desk) -> Iterator[Flaky]:
    """The desk sends over a database that goes away when the mail server has a mail."""
    db = Flaky(desk.engine)
    desk.outgoing = Outgoing(
        db, desk.clock, desk.settings, desk.keyring, Interrupted(desk.smtp, db), stopping := Flag()
    )
    yield db
    stopping.set()


def test_a_known_outcome_is_kept_while_the_database_is_away(desk: Desk, flaky: Flaky) -> None:
    desk.hear_contact()
    (claim,) = desk.outgoing.claim(8)
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(desk.outgoing.send, claim)
        eventually(lambda: flaky.lost > 1)
        assert not sending.done()

        desk.later(seconds=LEASE.total_seconds() + 1)  # nobody could renew its lease
        flaky.away.clear()
        assert desk.outgoing.claim(8) == []

    assert len(desk.postbox.mails) == 1
    assert desk.tries() == [(1, "delivered", None)]
    assert len(desk.said("message.delivered.v1")) == 1


def all_known(desk: Desk, numbers: list[str], spoil: str = "") -> list[str]:
    """Sends to each; all outcomes wait for the same moment to be written down. What is committed
    then, a word for each transaction."""
    for number in numbers:
        desk.hear_contact(number)
    claims, commits = desk.outgoing.claim(8), list[str]()
    with ThreadPoolExecutor(len(claims)) as pool, desk.outgoing._writing:
        for claim in claims:
            pool.submit(desk.outgoing.send, claim)
        eventually(lambda: len(desk.outgoing._known) == len(claims))
        for table, key in (("attempt", "message_id"), ("message", "id")) if spoil else ():
            desk.database.psql(
                f"DELETE FROM {table} WHERE {key} = (SELECT id FROM message WHERE number = %s)",
                [spoil],
            )
        sa.event.listen(desk.engine, "commit", lambda _: commits.append("commit"))
    return commits


def test_outcomes_that_wait_for_each_other_share_a_transaction(desk: Desk) -> None:
    assert len(all_known(desk, OTHERS[:4])) == 1
    assert [said["about"] for said in desk.said("message.delivered.v1")] == ["received"] * 4


def test_an_outcome_that_cannot_be_written_down_spoils_no_other(desk: Desk) -> None:
    assert all_known(desk, OTHERS[:4], spoil=OTHERS[2])  # how many, who comes first decides
    assert [said["about"] for said in desk.said("message.delivered.v1")] == ["received"] * 3
    assert desk.outgoing._known == {}


def test_leases_of_others_hold_until_they_could_be_renewed(desk: Desk, flaky: Flaky) -> None:
    other = Outgoing(desk.db, desk.clock, desk.settings, desk.keyring, desk.smtp)
    desk.hear_contact()
    other.claim(8)
    flaky.away.set()
    with pytest.raises(OperationalError):
        desk.outgoing.claim(8)
    desk.later(seconds=LEASE.total_seconds() + 1)
    desk.hear_contact(OTHERS[0])

    flaky.away.clear()
    (claimed,) = desk.outgoing.claim(8)
    assert claimed.message.number == OTHERS[0]
    desk.later(seconds=LEASE.total_seconds() + 1)
    assert len(desk.outgoing.claim(8)) == 2  # the other never came back; nobody sent the second


def test_a_stop_does_not_wait_for_a_database_that_is_away(desk: Desk, flaky: Flaky) -> None:
    desk.hear_contact()
    (claim,) = desk.outgoing.claim(8)
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(desk.outgoing.send, claim)
        eventually(lambda: flaky.lost > 1)

        desk.outgoing._stopping.set()

        sending.result(timeout=15)
    assert desk.tries() == [(1, None, None)]


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
