"""The network of the tests breaks in the ways that it says, and in no other."""

import os
import socket
import threading
import time
from contextlib import suppress

import pytest

from tests.harness.proxy import DOWN, UP, Proxy
from tests.harness.waiting import eventually


class Echo:
    """A server that says everything again, and remembers what it heard."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.heard, self.lost, self._ends = b"", 0, []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                end, _ = self.listener.accept()
            except OSError:
                return
            self._ends.append(end)
            threading.Thread(target=self._talk, args=(end,), daemon=True).start()

    def _talk(self, end):
        try:
            while data := end.recv(4096):
                self.heard += data
                end.sendall(data)
        except OSError:
            self.lost += 1
        end.close()

    def close(self):
        for end in (self.listener, *self._ends):
            end.close()


@pytest.fixture
def echo():
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def proxy(echo):
    with Proxy(lambda: echo.port) as one:
        yield one


@pytest.fixture
def call(proxy):
    """A client's socket that has been answered once."""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as end:
        assert say(end, b"hello") == b"hello"
        yield end


def say(end, words, patience=5.0):
    """What comes back for `words`; None when nothing does."""
    end.settimeout(patience)
    end.sendall(words)
    try:
        return end.recv(4096)
    except TimeoutError:
        return None


def test_latency_delays_both_ways(proxy, call):
    proxy.latency(0.2)
    started = time.monotonic()
    assert say(call, b"x") == b"x"
    assert time.monotonic() - started >= 0.4


def test_a_slow_network_lets_so_many_bytes_a_second_pass(proxy, call):
    proxy.slow(10_000)
    started = time.monotonic()
    assert say(call, b"x" * 2000) == b"x" * 2000
    assert time.monotonic() - started >= 0.4


def test_a_blackhole_swallows_and_keeps_every_socket_open(proxy, call, echo):
    proxy.blackhole()
    assert say(call, b"gone", 0.3) is None
    assert say(call, b"gone", 0.3) is None
    assert (echo.heard, proxy.connections) == (b"hello", 1)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as late:
        assert say(late, b"gone", 0.3) is None

    proxy.heal()
    with pytest.raises(ConnectionResetError):  # half of its words are missing
        say(call, b"x") or pytest.fail("went on")
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as fresh:
        assert say(fresh, b"again") == b"again"


@pytest.mark.parametrize(("direction", "heard"), [(UP, b"hello"), (DOWN, b"hellothere")])
def test_one_direction_may_be_a_blackhole_alone(proxy, call, echo, direction, heard):
    proxy.blackhole(direction)
    assert say(call, b"there", 0.3) is None
    eventually(lambda: echo.heard == heard)


def test_what_is_held_comes_later_and_whole(proxy, call):
    proxy.hold(DOWN)
    assert say(call, b"patience", 0.3) is None
    proxy.heal()
    assert call.recv(4096) == b"patience"


def test_a_reset_is_heard_on_both_sides(proxy, call, echo):
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        call.recv(1)
    eventually(lambda: echo.lost == 1)


def test_a_half_open_connection_is_gone_for_the_server_only(proxy, call, echo):
    proxy.half_open()
    eventually(lambda: echo.lost == 1)
    assert say(call, b"anybody?", 0.3) is None
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as fresh:
        assert say(fresh, b"yes") == b"yes"


def test_a_network_that_is_down_refuses_until_it_is_up(proxy, call):
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", proxy.port), timeout=5)
    proxy.listen()
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as fresh:
        assert say(fresh, b"back") == b"back"


def test_an_end_is_handed_on(proxy, call):
    call.shutdown(socket.SHUT_WR)
    assert call.recv(1) == b""
    eventually(lambda: proxy.connections == 0)


def call_again_and_again(port, over):
    while not over.is_set():
        with socket.socket() as caller, suppress(OSError):
            caller.settimeout(0.1)  # a call into a listener that is just closing is not answered
            caller.connect(("127.0.0.1", port))


def test_who_calls_while_it_ends_is_hung_up_on(echo):
    """Else a socket is left to the garbage collector, whose warning fails whatever test is next."""
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        over = threading.Event()
        with Proxy(lambda: echo.port) as proxy:
            caller = threading.Thread(target=call_again_and_again, args=(proxy.port, over))
            caller.start()
            eventually(lambda: proxy.accepted > 5)
        over.set()
        caller.join()

    echo.close()
    eventually(lambda: len(os.listdir("/proc/self/fd")) <= before)
