"""No address that anybody can think of leads inside, and what is outside is reached as resolved."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from services.escalation.ombudsman.outward import NotOutside, Unreachable, is_outside, parts, post
from tests.harness.certificates import Authority

INSIDE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255",
    "192.168.1.1", "169.254.169.254", "169.254.0.1", "100.64.0.1", "192.0.0.8", "192.0.2.1",
    "198.18.0.1", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "fe80::1",
    "fe80::1%eth0", "fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::1", "2001:0:7f00:1::1", "100::1",
    "fec0::1", "feff:ffff::1", "3fff::1", "3fff:fff:ffff::1",
]  # fmt: skip
# 127.0.0.1 and 10.0.0.1 as only some readers see them; `inet_aton` is one.
SPELLED = [
    "2130706433", "017700000001", "0x7f000001", "0X7F000001", "0x7f.0.0.1", "0177.0.0.1", "127.1",
    "127.0.1", "127.0.0.01", "167772161", "0xa.1", "10.1", "012.0.0.1", "0x7f.1",
]  # fmt: skip
OUTSIDE = ["8.8.8.8", "103.10.66.1", "2001:4860:4860::8888", "2a00:1450::1"]
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
    "HTTP://ombudsman.example/", "data:text/plain,x", "javascript:x", "ws://ombudsman.example/",
    "https://ombudsman.example:080/", "https://ombudsman.example:-443/", "https://127.0.0.1:443/",
    "https://127.0.0.1@ombudsman.example/", "https://ombudsman.example@127.0.0.1/", "https://@127.1/",
    "https://ombudsman.example:443@127.0.0.1/", "https://127.0.0.1%2f@ombudsman.example/",
    "https://127.0.0.1./", "https://8.8.8.8./", "https://134744072/", "https://x.0x/", "https://x.1/",
    "https://%31%32%37.0.0.1/", "https://127.0.0.1%00.example/", "https://a,b/", "https://a..b/",
    "https://[::ffff:7f00:1]/", "https://[::ffff:169.254.169.254]/", "https://[::127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/", "https://[::]/", "https://[v1.x]/", "https://[127.0.0.1]/",
    *(f"https://{host}/" for host in SPELLED), *(f"https://{host}:443/x" for host in SPELLED),
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


@pytest.mark.parametrize(
    "host",
    ["ombudsman.example", "OMBUDSMAN.example.", "1.example", "0x.example", "x1", "8.8.8.8",
     "[2001:4860:4860::8888]", "xn--mbudsman-n4a.example", "a_b-c.example", "x.example:443"],
)  # fmt: skip
def test_a_name_and_an_outside_address_are_taken(host: str) -> None:
    """The control: what only has digits in it is no address."""
    assert parts(f"https://{host}/").secure


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


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Whom anybody calls from now on; nobody is reached."""
    made: list[Any] = []

    def connect(_: socket.socket, target: Any) -> None:
        made.append(target)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", connect)
    return made


@pytest.mark.parametrize("spelled", [*SPELLED, "127.0.0.1", "::1", "::ffff:127.0.0.1", "localhost"])
def test_a_name_that_this_machine_reads_as_an_address_inside_calls_nobody(
    called: list[Any], spelled: str
) -> None:
    """Should it get past the first door: what the machine's own look-up makes of it is asked."""

    def lookup(_: str, port: int, **more: Any) -> Any:
        return socket.getaddrinfo(spelled, port, **more)

    with pytest.raises(NotOutside, match="inside"):
        post("https://ombudsman.example/", {}, b"{}", lookup=lookup)

    assert called == []


@pytest.mark.parametrize("url", WRONG)
def test_what_is_not_taken_is_not_even_looked_up(called: list[Any], url: str) -> None:
    names = Names(["8.8.8.8"])

    with pytest.raises(NotOutside):
        post(url, {}, b"{}", lookup=names)

    assert (names.asked, called) == (0, [])


def test_a_name_that_changes_after_it_was_looked_up_leads_nowhere_else(called: list[Any]) -> None:
    names = Names(["8.8.8.8", "8.8.4.4"], ["127.0.0.1"])

    with pytest.raises(Unreachable):
        post("https://ombudsman.example/", {}, b"{}", lookup=names)

    assert called == [("8.8.8.8", 443), ("8.8.4.4", 443)]
    assert names.asked == 1


Reply = Callable[[socket.socket], None]


@contextmanager
def receiver(reply: Reply, *, hears: bool = True) -> Iterator[tuple[int, list[bytes]]]:
    """Listens on this machine, and does `reply` with each caller, after its first bytes."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    line, _ = server.accept()
                except OSError:
                    return
                with line:
                    try:
                        heard.append(line.recv(65536) if hears else b"")
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


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_is_not_followed(status: int) -> None:
    with receiver(says(b"HTTP/1.1 204 No Content\r\n\r\n")) as (inside, secret):
        there = f"HTTP/1.1 {status} X\r\nLocation: http://127.0.0.1:{inside}/\r\n\r\n"
        with receiver(says(there.encode())) as (port, heard):
            assert send(port) == status

    assert (len(heard), secret) == (1, [])


@contextmanager
def deaf() -> Iterator[tuple[str, int]]:
    """Where calls are neither taken nor refused: as many wait there as may."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        waiting = [socket.socket() for _ in range(4)]
        for line in waiting:
            line.setblocking(False)
            line.connect_ex(server.getsockname())
        yield server.getsockname()
        for line in waiting:
            line.close()


def at(*places: tuple[str, int]) -> Any:
    """A look-up that finds these."""
    stream = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
    return lambda *_, **__: [(*stream, place) for place in places]


def nobody() -> tuple[str, int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()


def test_where_the_first_address_cannot_be_reached_the_next_one_is_tried() -> None:
    """As on a machine without IPv6 to which a name's address of the new kind is told first."""
    url, new = "http://ombudsman.example/feed", (socket.AF_INET6, socket.SOCK_STREAM, 6, "")
    with receiver(says(b"HTTP/1.1 204 No Content\r\n\r\n")) as (port, heard), deaf() as mute:
        first = [(*new, ("2001:db8::1", port, 0, 0))]
        for found in (first, at(nobody())(), at(mute)(), at(nobody(), mute)()):
            names = [*found, *at(("127.0.0.1", port))()]
            told = post(url, {}, b"{}", inside=True, seconds=4, lookup=lambda *_, **__: names)  # noqa: B023
            assert told == 204

    assert len(heard) == 4


def test_who_was_told_is_told_once_whatever_is_answered() -> None:
    with receiver(says(b"nonsense\r\n\r\n")) as (port, heard), pytest.raises(Unreachable):
        post("http://x.example/", {}, b"{}", inside=True, lookup=at(*[("127.0.0.1", port)] * 3))

    assert len(heard) == 1


def test_addresses_that_never_answer_end_in_time_all_together() -> None:
    started = time.monotonic()
    with deaf() as mute, pytest.raises(Unreachable):
        post("http://x.example/", {}, b"{}", inside=True, seconds=1, lookup=at(*[mute] * 5))

    assert time.monotonic() - started < 4


def test_a_name_that_nobody_can_tell_in_time_ends_in_time() -> None:
    over, started = threading.Event(), time.monotonic()

    def endless(*_: Any, **__: Any) -> list[Any]:
        over.wait(60)
        return []

    with pytest.raises(Unreachable, match="name"):
        post("https://ombudsman.example/", {}, b"{}", seconds=0.5, lookup=endless)

    assert time.monotonic() - started < 4
    over.set()


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


@pytest.mark.parametrize("reply", [hangs, drips, floods])
def test_whatever_is_said_over_tls_ends_in_time_too(
    reply: Reply, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    shown = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    shown.load_cert_chain(authority.certificate("localhost"))
    started = time.monotonic()

    def over_tls(line: socket.socket) -> None:
        with shown.wrap_socket(line, server_side=True) as sealed:
            sealed.recv(65536)
            reply(sealed)

    with receiver(over_tls, hears=False) as (port, _):
        with pytest.raises(Unreachable):
            post(
                "https://localhost/", {}, b"{}", inside=True, seconds=1,
                lookup=at(("127.0.0.1", port)),
            )  # fmt: skip
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
