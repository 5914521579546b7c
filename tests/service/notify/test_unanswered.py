"""A server that has the whole text and is slow, or never says so, gets few copies; and who was
erased after a claim gets none."""

import threading
import time
from dataclasses import replace
from pathlib import Path

import eventlet
import pytest

from services.notify import channel, pace, reporters, service
from services.notify.domain import Unanswered, Unavailable
from services.notify.outgoing import Outgoing
from services.notify.posts import forget, keep
from tests.service.notify.desk import CONTACT, NUMBER, Desk

COPIES = 1 + len(pace.AFTER_SILENCE)
RAISED = {"clock": "S", "to": "sekda", "because": None, "agency": "dpupr", "level": 2}


def hasty(desk: Desk, answer: float) -> None:
    """Half a second for every step but the answer to the text."""
    desk.outgoing._channel = replace(desk.smtp, timeout=0.5, answer=answer)


def for_two_days(desk: Desk) -> None:
    for _ in range(100):
        desk.send()
        desk.later(minutes=30)


def test_a_server_that_examines_a_text_for_long_gets_it_once(desk: Desk) -> None:
    hasty(desk, answer=20)
    desk.postbox.slowness = 1.5
    desk.postbox.script.append("slow")
    desk.hear_contact()

    for_two_days(desk)

    assert len(desk.postbox.mails) == 1
    assert desk.tries() == [(1, "delivered", None)]
    assert desk.states() == [("received", "delivered", None)]


def test_steps_after_a_slow_answer_are_as_short_as_before(desk: Desk) -> None:
    hasty(desk, answer=20)
    desk.postbox.slowness = 1
    desk.postbox.script.append("slow")
    mail = ("lapor@kotabaru.example", CONTACT["email"], b"Subject: x\r\n\r\nAda kabar.\r\n")

    with desk.outgoing._channel.kept() as line:
        line.send(*mail)
        desk.postbox.script.append("hang")
        begun = time.monotonic()
        with pytest.raises(Unavailable):
            line.send(*mail)

    assert time.monotonic() - begun < 10


def test_the_kernel_asks_a_silent_server_whether_it_is_there(desk: Desk) -> None:
    mail = ("lapor@kotabaru.example", CONTACT["email"], b"Subject: x\r\n\r\nAda kabar.\r\n")

    with desk.smtp.kept() as line:
        line.send(*mail)
        lines = map(str.split, Path("/proc/net/tcp").read_text().splitlines()[1:])
        server = f"0100007F:{desk.smtp.port:04X}"
        timers = [timer for _, _, to, state, _, timer, *_ in lines if (to, state) == (server, "01")]

    assert [timer[:2] for timer in timers] == ["02"]  # its keepalive runs


@pytest.mark.parametrize("how", ["slow", "drop"])
def test_a_server_that_never_answers_gets_few_copies_and_the_message_is_settled(
    desk: Desk, how: str
) -> None:
    hasty(desk, answer=0.3)
    desk.postbox.script.extend([how] * 60)
    desk.hear_contact()

    for_two_days(desk)

    assert len(desk.postbox.mails) == COPIES
    assert len(set(desk.postbox.ids)) == 1
    assert desk.tries() == [(n, "unknown", "none") for n in range(1, COPIES + 1)]
    assert desk.states() == [("received", "failed", "expired")]
    assert [said["reason"] for said in desk.said("message.failed.v1")] == ["expired"]


def test_silences_count_whatever_comes_between_them(desk: Desk) -> None:
    hasty(desk, answer=0.3)
    desk.postbox.script.extend(["drop", "rcpt 451 4.3.0 later"] * 30)
    desk.hear_contact()

    for_two_days(desk)

    assert len(desk.postbox.mails) == COPIES
    assert desk.states() == [("received", "failed", "expired")]


def test_a_text_that_is_refused_after_all_is_no_silence(desk: Desk) -> None:
    desk.postbox.script.extend(["drop", "data 554 5.7.1 no"])
    desk.hear_contact()

    for_two_days(desk)

    assert desk.tries() == [(1, "unknown", "none"), (2, "rejected", "5xx")]
    assert desk.states() == [("received", "failed", "rejected")]


def test_lines_that_begin_with_a_dot_arrive_whole(desk: Desk) -> None:
    text = b"Subject: x\r\n\r\n.satu\r\n..dua\r\n.\r\ntiga"

    desk.smtp.send("lapor@kotabaru.example", CONTACT["email"], text)

    assert desk.postbox.mails[0].get_payload() == ".satu\r\n..dua\r\n.\r\ntiga\r\n"


class Stuck:
    """A line on which one of the two parts takes for ever."""

    def __init__(self, part: str) -> None:
        self._part = part

    def hand_over(self, *_: object) -> None:
        self._wait("hand_over")

    def hear(self) -> None:
        self._wait("hear")

    def _wait(self, part: str) -> None:
        for _ in range(1000 if part == self._part else 0):
            eventlet.sleep(0.01)


@pytest.mark.parametrize(("part", "error"), [("hand_over", Unavailable), ("hear", Unanswered)])
def test_each_part_has_an_end_however_slowly_a_server_drips(part, error, monkeypatch) -> None:
    monkeypatch.setattr(service, "LONGEST", 0.1)
    monkeypatch.setattr(service, "ANSWER", 0.1)

    with pytest.raises(error):
        service.BoundedLine(Stuck(part)).send("a", "b", b"")


def test_an_answer_has_the_time_that_the_rfc_asks_for() -> None:
    assert channel.ANSWER >= 600


def test_who_is_erased_between_claim_and_try_is_not_written_to(desk: Desk) -> None:
    desk.hear_contact()
    (claim,) = desk.outgoing.claim(8)
    with desk.db.begin() as tx:
        assert reporters.erase(tx, NUMBER)

    desk.outgoing.send(claim)

    assert desk.postbox.mails == []
    assert desk.tries() == [(1, "withheld", None)]
    assert desk.states() == [("received", "failed", "no_address")]


def test_a_post_that_is_forgotten_between_claim_and_try_is_not_written_to(desk: Desk) -> None:
    with desk.db.begin() as tx:
        keep(tx, desk.keyring, "sekda", None, "sekda@kotabaru.example", "id")
    desk.hear("case.opened.v1", reachable=False)
    desk.hear("escalation.raised.v1", **RAISED)
    claims = desk.outgoing.claim(8)
    with desk.db.begin() as tx:
        assert forget(tx, "sekda", None)

    for claim in claims:
        desk.outgoing.send(claim)

    assert len(claims) == 1
    assert desk.postbox.mails == []
    assert ("post_raised", "failed", "no_address") in desk.states()


def test_a_contact_that_waits_behind_a_slow_one_is_read_when_its_turn_comes(desk: Desk) -> None:
    """Claimed together; the second is erased while the server examines the first."""
    other = "KTB-12345-00001"
    hasty(desk, answer=20)
    desk.postbox.slowness = 2
    desk.postbox.script.append("slow")
    desk.hear_contact()
    desk.later(seconds=1)
    desk.hear_contact(other)
    assert desk.outgoing.fetch(8) == 2

    sending = threading.Thread(target=desk.outgoing.send_fetched)
    sending.start()
    while not desk.postbox.mails:
        time.sleep(0.01)
    with desk.db.begin() as tx:
        assert reporters.erase(tx, other)
    sending.join()

    assert len(desk.postbox.mails) == 1
    assert ("received", "failed", "no_address") in desk.states()


class Early(Outgoing):
    """Reads an address when it claims."""

    def claim(self, limit):
        claims = super().claim(limit)
        read = {claim.message.id: super(Early, self)._reach(claim.message) for claim in claims}
        self._reach = lambda message: read[message.id]
        return claims


def test_without_reading_again_who_was_erased_is_written_to(desk: Desk) -> None:
    early = Early(desk.db, desk.clock, desk.settings, desk.keyring, desk.smtp)
    desk.hear_contact()
    (claim,) = early.claim(8)
    with desk.db.begin() as tx:
        reporters.erase(tx, NUMBER)

    early.send(claim)

    assert len(desk.postbox.mails) == 1
