"""A reporter's address is told to a mail server only under the protection that was asked for; and a
connection that is kept for the next message loses and doubles none."""

import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from services.notify.channel import MOST, Smtp
from services.notify.domain import Unavailable, Undelivered
from services.notify.outgoing import LEASE, Outgoing
from tests.harness.certificates import Authority
from tests.harness.postbox import Postbox
from tests.service.notify.desk import Desk

OTHERS = [f"KTB-12345-{n:05}" for n in range(4)]

MAIL = ("lapor@kotabaru.example", "siti@surel-uji.example", b"Subject: x\r\n\r\nAda kabar.\r\n")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Only who is told trusts it."""
    return Authority(tmp_path)


@pytest.fixture
def serve(authority: Authority) -> Iterator[Callable[..., tuple[Postbox, Smtp]]]:
    """A mail server that asks for TLS and knows one user."""
    running: list[Postbox] = []

    def start(**ours: str) -> tuple[Postbox, Smtp]:
        box = Postbox()
        box.start_protected(authority.certificate("localhost"))
        running.append(box)
        told = {"user": "lapor", "password": "right"} | ours
        return box, Smtp("localhost", box.port, hello="kotabaru.example", starttls=True, **told)

    yield start
    for box in running:
        box.stop()


def test_a_trusted_server_gets_the_mail(serve, authority, monkeypatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    box, smtp = serve()

    smtp.send(*MAIL)

    assert box.recipients == [["siti@surel-uji.example"]]


def test_once_it_is_taken_nothing_a_server_does_matters() -> None:
    """It says 250, and then one letter now and then, so that no step is ever too slow."""
    left = threading.Event()

    def drip(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection, connection.makefile("rb") as said, suppress(OSError):
            connection.sendall(b"220 hello\r\n")
            while (line := said.readline().lower()) not in (b".\r\n", b""):
                if line.startswith((b"ehlo", b"mail", b"rcpt")):
                    connection.sendall(b"250 yes\r\n")
                elif line == b"data\r\n":
                    connection.sendall(b"354 go on\r\n")
            connection.sendall(b"250 taken\r\n221")
            while not left.wait(0.1):
                connection.sendall(b"-")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = threading.Thread(target=drip, args=[listening])
        server.start()
        smtp = Smtp("127.0.0.1", listening.getsockname()[1], hello="kotabaru.example", timeout=5)
        sending = threading.Thread(target=smtp.send, args=MAIL)
        sending.start()
        sending.join(15)  # for ever, without a limit
        waits = sending.is_alive()
        left.set()
        server.join()
        sending.join()

    assert not waits


@pytest.fixture
def box() -> Iterator[Postbox]:
    box = Postbox()
    box.start()
    yield box
    box.stop()


def plain(box: Postbox) -> Smtp:
    return Smtp("127.0.0.1", box.port, hello="kotabaru.example")


def test_messages_share_a_connection_up_to_what_servers_allow(box: Postbox) -> None:
    with plain(box).kept() as line:
        for _ in range(MOST + 1):
            line.send(*MAIL)

    assert (len(box.mails), len(box.peers)) == (MOST + 1, 2)


@pytest.mark.parametrize("how", ["away", "mail 421 4.3.2 no more"])
def test_a_server_that_hung_up_meanwhile_gets_the_next_one_anew(box: Postbox, how: str) -> None:
    with plain(box).kept() as line:
        line.send(*MAIL)
        box.script.append(how)
        line.send(*MAIL)

    assert (len(box.mails), len(box.peers)) == (2, 2)


@pytest.mark.parametrize("how", ["away", "mail 421 4.3.2 no more"])
def test_one_that_takes_none_at_all_is_tried_again_later(box: Postbox, how: str) -> None:
    box.script.extend([how] * 2)

    with plain(box).kept() as line, pytest.raises(Unavailable):
        line.send(*MAIL)

    assert box.script == deque([how])


@pytest.mark.parametrize("how", ["rcpt 550 5.1.1 nobody", "data 451 4.3.0 later", "drop"])
def test_a_message_that_failed_after_it_was_named_is_not_sent_twice(box: Postbox, how) -> None:
    with plain(box).kept() as line:
        line.send(*MAIL)
        box.script.append(how)
        with pytest.raises(Undelivered):
            line.send(*MAIL)
        before = len(box.mails)
        line.send(*MAIL)

    assert (len(box.mails) - before, len(box.peers)) == (1, 2)


@pytest.mark.parametrize("trusted", [True, False])
def test_others_get_nothing_and_it_is_tried_again(serve, authority, monkeypatch, trusted) -> None:
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    box, smtp = serve(password="wrong")

    with pytest.raises(Unavailable) as caught:
        smtp.send(*MAIL)

    assert box.greetings == set()
    assert caught.value.__context__ is None
    assert caught.value.reply == ("5xx" if trusted else "none")


def test_what_is_fetched_goes_over_one_connection(desk: Desk) -> None:
    for number in OTHERS:
        desk.hear_contact(number)

    assert desk.outgoing.fetch(8) == 4
    desk.outgoing.send_fetched()

    assert (len(desk.postbox.mails), len(desk.postbox.peers)) == (4, 1)
    assert [outcome for _, outcome, _ in desk.tries()] == ["delivered"] * 4


@pytest.mark.parametrize("renewed", [True, False])
def test_what_waits_for_a_sender_is_kept_from_others_by_renewing(desk: Desk, renewed) -> None:
    other = Outgoing(desk.db, desk.clock, desk.settings, desk.keyring, desk.smtp)
    desk.hear_contact()
    desk.outgoing.fetch(8)

    desk.later(seconds=LEASE.total_seconds() - 1)
    if renewed:
        desk.outgoing.renew()
    desk.later(seconds=2)

    assert other.claim(8) == [] if renewed else len(other.claim(8)) == 1
