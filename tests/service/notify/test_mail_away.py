"""What an operator has to mend (a mail server that is away, a password, a key) costs no message."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from chassis.config import SecretText
from services.notify import pace
from services.notify.domain import Unavailable
from services.notify.keyring import Keyring
from services.notify.ledger import HINDERED, UNREADABLE, Outcome
from services.notify.outgoing import Claim, Line, Outgoing
from services.notify.pace import Outage
from tests.harness.postbox import knows_one
from tests.service.notify.desk import CONTACT, RAISED, Desk, furnish, known
from tests.service.notify.test_measures import shown

OTHERS = [f"KTB-12345-{n:05}" for n in range(20)]
TRIES = 60
NEWS = ["received", "disposed", "answered"]

Mend = Callable[[], None]


def nobody_there(desk: Desk) -> Mend:
    channel, desk.outgoing._channel = desk.outgoing._channel, replace(desk.smtp, port=1)
    return lambda: setattr(desk.outgoing, "_channel", channel)


def sender_refused(desk: Desk) -> Mend:
    desk.postbox.script.extend(["mail 550 5.7.1 sender not allowed"] * 500)
    return desk.postbox.script.clear


def told_to_go(desk: Desk) -> Mend:
    desk.postbox.script.extend(["rcpt 421 4.3.2 shutting down"] * 500)
    return desk.postbox.script.clear


def password_wrong(desk: Desk) -> Mend:
    desk.postbox.stop()
    desk.postbox.start(authenticator=knows_one, auth_require_tls=False)
    right = replace(desk.smtp, user="lapor", password=SecretText("right"))
    desk.outgoing._channel = replace(right, password=SecretText("wrong"))
    return lambda: setattr(desk.outgoing, "_channel", right)


def key_absent(desk: Desk) -> Mend:
    right, desk.outgoing._keyring = desk.keyring, Keyring(2, {2: b"n" * 32})
    return lambda: setattr(desk.outgoing, "_keyring", right)


TROUBLES = [nobody_there, sender_refused, told_to_go, password_wrong, key_absent]


@pytest.fixture(params=TROUBLES, ids=lambda trouble: trouble.__name__)
def trouble(request: pytest.FixtureRequest) -> Callable[[Desk], Mend]:
    return request.param


def tell(desk: Desk) -> None:
    desk.hear_contact()
    for type in ("case.opened.v1", "case.disposed.v1", "case.answered.v1"):
        desk.hear(type)


def try_often(desk: Desk) -> None:
    """Until there were that many tries, or the message has come to an end."""
    while len(desk.tries()) < TRIES and desk.states()[0][1] == "due":
        desk.send()
        desk.later(minutes=20)


def test_after_sixty_tries_all_is_told_once_and_in_order(desk: Desk, trouble) -> None:
    mend = trouble(desk)
    tell(desk)
    try_often(desk)
    assert desk.states() == [(news, "due", None) for news in NEWS]
    assert {outcome for _, outcome, _ in desk.tries()} <= {HINDERED, UNREADABLE}

    mend()
    desk.later(hours=1)
    desk.send()

    assert desk.states() == [(news, "delivered", None) for news in NEWS]
    assert [said["about"] for said in desk.said()] == NEWS
    assert len(desk.postbox.mails) == len(set(desk.postbox.ids)) == len(NEWS)
    assert len(desk.tries()) == TRIES + len(NEWS)


class Counting(Outgoing):
    """Takes whatever hinders a try for its message's own."""

    def _attempt(self, claim: Claim, line: Line) -> Outcome:
        outcome = super()._attempt(claim, line)
        is_ours = outcome.attempt in (HINDERED, UNREADABLE)
        return replace(outcome, attempt="unavailable") if is_ours else outcome


def test_counted_as_its_own_the_message_is_given_up(desk: Desk, trouble) -> None:
    desk.outgoing = Counting(desk.db, desk.clock, desk.settings, desk.keyring, desk.smtp)
    trouble(desk)
    tell(desk)
    try_often(desk)

    assert desk.states()[0] == ("received", "failed", "expired")


@pytest.mark.parametrize("how", [nobody_there, key_absent])
def test_after_five_days_it_is_said_that_nobody_was_told(desk: Desk, how) -> None:
    how(desk)
    desk.hear_contact()
    for _ in range(5 * 24 - 1):
        desk.later(hours=1)
        desk.send()
    assert desk.states() == [("received", "due", None)]

    desk.later(hours=2)
    desk.send()

    assert desk.states() == [("received", "failed", "expired")]
    assert [said["reason"] for said in desk.said()] == ["expired"]
    assert len(desk.tries()) < 5 * 24 + 5


def test_what_lay_for_a_week_because_no_worker_ran_is_not_given_up_at_once(desk: Desk) -> None:
    desk.hear_contact()
    mend = nobody_there(desk)
    desk.later(days=7)
    desk.send()
    assert desk.states() == [("received", "due", None)]

    mend()
    desk.later(minutes=5)
    desk.send()

    assert desk.states() == [("received", "delivered", None)]


def work(desk: Desk, minutes: int) -> None:
    """As the worker does: fetches, and has what was fetched sent."""
    for _ in range(minutes * 6):
        while desk.outgoing.fetch(32):
            desk.outgoing.send_fetched()
        desk.later(seconds=10)


@pytest.fixture
def crowd(desk: Desk) -> Desk:
    for number in OTHERS:
        desk.hear_contact(number)
    return desk


def test_a_server_that_is_away_is_asked_by_one_and_not_by_each_that_waits(crowd: Desk) -> None:
    mend = nobody_there(crowd)
    work(crowd, minutes=60)
    asked = len(crowd.tries())
    assert 12 <= asked <= 20
    tried = "SELECT count(*) FROM message WHERE attempts > 0"
    assert crowd.database.psql(tried)[0][0] <= asked

    mend()
    work(crowd, minutes=5)
    crowd.later(hours=1)
    work(crowd, minutes=1)

    assert len(crowd.postbox.mails) == len(set(crowd.postbox.ids)) == len(OTHERS)
    assert len(crowd.tries()) == asked + len(OTHERS)
    assert len(crowd.said("message.delivered.v1")) == len(OTHERS)


class Heedless(Outage):
    """Lets all go, whatever is known."""

    def room(self, limit: int, _: object) -> int:
        return limit


def test_without_asking_first_each_that_waits_tries_the_server(crowd: Desk) -> None:
    crowd.outgoing._outage = Heedless()
    nobody_there(crowd)
    work(crowd, minutes=60)

    assert len(crowd.tries()) > 60


def test_a_contact_that_no_key_opens_keeps_no_other_from_asking(desk: Desk) -> None:
    for number in OTHERS[:3]:
        desk.hear_contact(number)
    desk.database.psql("UPDATE reporter SET kek = 9 WHERE number <> %s RETURNING 1", [OTHERS[2]])
    mend = nobody_there(desk)
    for number in OTHERS[3:5]:
        desk.hear_contact(number)
    with pytest.raises(Unavailable):
        desk.outgoing._channel.send("", CONTACT["email"], b"")
    desk.send()
    mend()

    desk.later(minutes=5)
    desk.send()

    assert len(desk.postbox.mails) == 3


def test_a_server_that_takes_nobodys_mail_gives_up_none(desk: Desk) -> None:
    """Its disk is full, or it resolves no domain: it says so of each address."""
    for number in OTHERS[:3]:
        desk.hear_contact(number)
    desk.postbox.script.extend(["rcpt 452 4.3.1 no room"] * 1000)
    for _ in range(24 * 12):
        desk.send()
        desk.later(minutes=5)
    assert desk.states() == [("received", "due", None)] * 3

    desk.postbox.script.clear()
    desk.later(hours=1)
    desk.send()

    assert desk.states() == [("received", "delivered", None)] * 3


def test_an_address_that_alone_takes_nothing_is_given_up_after_four_hours(desk: Desk) -> None:
    desk.hear_contact(OTHERS[0])
    desk.postbox.script.append("rcpt 450 4.1.2 domain not found")
    desk.send()
    desk.hear_contact(OTHERS[1])
    desk.send()
    for _ in range(pace.RETRIES + 1):
        desk.later(minutes=5)
        desk.postbox.script.append("rcpt 450 4.1.2 domain not found")
        desk.send()

    states = dict(desk.database.psql("SELECT number, reason FROM message"))
    assert states == {OTHERS[0]: "expired", OTHERS[1]: None}


@pytest.mark.parametrize("days", [1, 4])
def test_a_reminder_that_waited_until_its_day_was_over_is_not_sent(desk: Desk, days: int) -> None:
    known(desk)
    furnish(desk, "holder", "dpupr")
    mend = nobody_there(desk)
    ends = (desk.clock.real() + timedelta(days=2)).date()
    reminds = RAISED | {"clock": "S", "to": "holder", "level": 0}
    desk.hear("deadline.approaching.v1", **reminds, ends_on=ends.isoformat())
    desk.send()
    assert desk.states()[-1][:2] == ("post_reminded", "due")

    desk.later(days=days)
    mend()
    desk.send()

    told = ("post_reminded", "delivered" if days == 1 else "overtaken")
    assert desk.states()[-1][:2] == told
    assert len(desk.postbox.mails) == (days == 1)


def test_an_operator_is_told_of_a_contact_that_no_key_opens(desk: Desk) -> None:
    mend = key_absent(desk)
    desk.hear_contact()
    desk.send()
    desk.later(minutes=2)
    desk.notify.watch()
    assert shown("unreadable") == 1

    mend()
    desk.later(minutes=5)
    desk.send()
    desk.notify.watch()

    assert shown("unreadable") == 0
