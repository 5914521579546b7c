"""No address that anybody can think of leads inside, and what is outside is reached as resolved."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from services.escalation.ombudsman.outward import NotOutside, Unreachable, is_outside, parts, post

INSIDE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255",
    "192.168.1.1", "169.254.169.254", "169.254.0.1", "100.64.0.1", "192.0.0.8", "192.0.2.1",
    "198.18.0.1", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "fe80::1",
    "fe80::1%eth0", "fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::1", "2001:0:7f00:1::1", "100::1",
]  # fmt: skip
OUTSIDE = ["8.8.8.8", "103.10.66.1", "2001:4860:4860::8888"]
WRONG = [
    "http://ombudsman.example/", "ftp://ombudsman.example/", "gopher://ombudsman.example/",
    "file:///etc/passwd", "//ombudsman.example/", "ombudsman.example", "https://", "https:///x", "",
    "https://user@ombudsman.example/", "https://a:b@ombudsman.example/",
    "https://ombudsman.example:8443/", "https://ombudsman.example:22/",
    "https://ombudsman.example:0/", "https://ombudsman.example:99999/",
    "https://ombudsman.example/#x", "https://ombudsman.example\\@10.0.0.1/",
    "https://ombudsman.example/\r\nX: y", "https://ombudsman.example/ x", "https://ömbudsman/",
    "https://127.0.0.1/", "https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://[fe80::1%25x]/",
    "https://169.254.169.254/latest/meta-data", "https://[::1/", "https://x/" + "x" * 500,
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_known(address: str) -> None:
    assert not is_outside(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_an_address_outside_is_known(address: str) -> None:
    """The control: not everything is refused."""
    assert is_outside(address)


@pytest.mark.parametrize("url", WRONG)
def test_only_plain_https_to_a_name_or_public_address_is_taken(url: str) -> None:
    with pytest.raises(NotOutside):
        parts(url)


def test_what_is_taken_is_read_in_its_parts() -> None:
    place = parts("https://ombudsman.example/feed?x=1")

    assert (place.secure, place.host, place.port) == (True, "ombudsman.example", 443)
    assert place.path == "/feed?x=1"
    assert parts("https://8.8.8.8:443").path == "/"


class Names:
    """A resolver that says what a test wants, and counts how often it is asked."""

    def __init__(self, *answers: list[str], port: int | None = None) -> None:
        self.answers, self.port, self.asked = list(answers), port, 0

    def __call__(self, host: str, port: int, **_: Any) -> list[Any]:
        found = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, 6, "",
                (address, self.port or port),
            ) for address in found
        ]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
@pytest.mark.parametrize("first", [[], ["8.8.8.8"]])
def test_a_name_that_leads_inside_with_any_of_its_addresses_is_not_reached(
    monkeypatch: pytest.MonkeyPatch, address: str, first: list[str]
) -> None:
    def touched(*_: Any) -> None:
        raise AssertionError("it was connected to")

    monkeypatch.setattr(socket.socket, "connect", touched)
    names = Names([*first, address])

    with pytest.raises(NotOutside) as refused:
        post("https://ombudsman.example/", {}, b"{}", lookup=names)

    assert address not in str(refused.value)
    assert names.asked == 1


Reply = Callable[[socket.socket], None]


@contextmanager
def receiver(reply: Reply) -> Iterator[tuple[int, list[bytes]]]:
    """Listens on this machine, and does `reply` with each caller after its first bytes."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    line, _ = server.accept()
                except OSError:
                    return
                with line:
                    heard.append(line.recv(65536))
                    try:
                        reply(line)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], heard
        server.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=5)


def says(text: bytes) -> Reply:
    return lambda line: line.sendall(text)


def send(port: int, seconds: float = 5, names: Names | None = None) -> int:
    names = names or Names(["127.0.0.1"], port=port)
    url = "http://ombudsman.example/feed"
    return post(url, {"A": "b"}, b"{}", inside=True, seconds=seconds, lookup=names)


def test_the_name_is_resolved_once_and_that_address_is_reached() -> None:
    """A second answer, for whoever would ask again, leads elsewhere."""
    with receiver(says(b"HTTP/1.1 204 No Content\r\n\r\n")) as (port, heard):
        names = Names(["127.0.0.1"], ["10.0.0.1"], port=port)
        assert send(port, names=names) == 204

    assert names.asked == 1
    assert b"Host: ombudsman.example\r\n" in heard[0]


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with receiver(says(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n")) as (
        port,
        heard,
    ):
        assert send(port) == 302

    assert len(heard) == 1


def drips(line: socket.socket) -> None:
    """One byte now and then: each wait is short, all of them together are endless."""
    while True:
        line.sendall(b"H")
        time.sleep(0.1)


def floods(line: socket.socket) -> None:
    line.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        line.sendall(b"X-More: " + b"x" * 60_000 + b"\r\n")


def hangs(line: socket.socket) -> None:
    line.recv(1)


@pytest.mark.parametrize(
    "reply",
    [hangs, drips, floods, says(b""), says(b"nonsense\r\n\r\n"), says(b"HTTP/1.1 abc\r\n\r\n")],
)
def test_whatever_the_receiver_does_it_ends_in_time(reply: Reply) -> None:
    with receiver(reply) as (port, _):
        started = time.monotonic()
        with pytest.raises(Unreachable):
            send(port, seconds=1)
        assert time.monotonic() - started < 4


def test_an_endless_answer_is_not_read() -> None:
    def endless(line: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            line.sendall(b"x" * 65536)

    with receiver(endless) as (port, _):
        assert send(port) == 200


def test_nobody_there_is_said_to_be() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    with pytest.raises(Unreachable):
        send(port)


def test_a_certificate_that_nobody_vouches_for_is_not_trusted() -> None:
    """Whoever answers in plain, too."""
    with receiver(says(b"HTTP/1.1 200 OK\r\n\r\n")) as (port, heard):
        names = Names(["127.0.0.1"], port=port)
        with pytest.raises(Unreachable):
            post("https://ombudsman.example/", {}, b"secret", inside=True, seconds=3, lookup=names)

    assert b"secret" not in b"".join(heard)
