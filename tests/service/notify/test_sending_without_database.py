"""Sending while the database is away, or cannot write an outcome down."""

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from threading import Event as Flag
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from chassis.database import Prepared, Transactions
from services.notify.channel import Smtp
from services.notify.outgoing import LEASE, Outgoing
from tests.harness.waiting import eventually
from tests.service.notify.desk import Desk

OTHERS = [f"KTB-12345-{n:05}" for n in range(20)]


class Flaky(Transactions):
    """A database that can be away; `lost` counts what it was asked meanwhile."""

    def __init__(self, bind: sa.Engine) -> None:
        super().__init__(bind)
        self.away, self.lost = threading.Event(), 0

    def begin(self) -> AbstractContextManager[Session]:
        self._meet()
        return super().begin()

    def once(self, statement: Prepared, values: Mapping[str, Any]) -> Any:
        self._meet()
        return super().once(statement, values)

    def _meet(self) -> None:
        if self.away.is_set():
            self.lost += 1
            raise OperationalError("no connection", None, Exception())


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


def test_they_hold_from_when_it_is_back_though_nothing_is_due(desk: Desk, flaky: Flaky) -> None:
    other = Outgoing(desk.db, desk.clock, desk.settings, desk.keyring, desk.smtp)
    flaky.away.set()
    with pytest.raises(OperationalError):
        desk.outgoing.claim(8)
    flaky.away.clear()
    assert desk.outgoing.claim(8) == []

    desk.later(seconds=LEASE.total_seconds() + 1)
    desk.hear_contact()
    assert len(other.claim(8)) == 1
    desk.later(seconds=LEASE.total_seconds() + 1)

    assert len(desk.outgoing.claim(8)) == 1  # nobody waits for a time that is over long ago
