"""Many clients at once: a crowd that comes at a steady rate, and slow ones that only trickle."""

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from uuid import uuid4

LINE = b"POST /api/v1/reports HTTP/1.1\r\n"
HEAD = LINE + b"Host: lapor\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n\r\n"


@dataclass
class Answers:
    """What a crowd was told: each answer's status (0: none came), and what was accepted."""

    statuses: Counter[int] = field(default_factory=Counter)
    accepted: dict[str, float] = field(default_factory=dict)  # seconds to the receipt, by number

    def percentile(self, part: float) -> float:
        """So many of the accepted had their receipt within these seconds."""
        ordered = sorted(self.accepted.values())
        return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else 0.0


class Crowd:
    """Clients that send reports to one port, each its next one when its time has come."""

    def __init__(self, port: int, report: object, patience: float = 15) -> None:
        """Each waits `patience` seconds for an answer."""
        self.port, self.patience = port, patience
        self._body = json.dumps(report).encode()
        self._lock = threading.Lock()

    def come(self, rate: float, seconds: float, clients: int) -> Answers:
        """So many reports a second. Who waits for an answer is late with the next, and catches up:
        answers that come too slowly do not lower the rate as long as anybody is free."""
        answers, began = Answers(), time.monotonic()
        turns = iter([began + n / rate for n in range(round(rate * seconds))])
        crowd = [threading.Thread(target=self._client, args=(turns, answers))
                 for _ in range(clients)]  # fmt: skip
        for one in crowd:
            one.start()
        for one in crowd:
            one.join()
        return answers

    def _client(self, turns: Iterator[float], answers: Answers) -> None:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=self.patience)
        pace = threading.Event()
        while True:
            with self._lock:
                turn = next(turns, None)
            if turn is None:
                break
            pace.wait(turn - time.monotonic())
            began = time.monotonic()
            status, number = self._send(connection)
            with self._lock:
                answers.statuses[status] += 1
                if number:
                    answers.accepted[number] = time.monotonic() - began
        connection.close()

    def _send(self, connection: HTTPConnection) -> tuple[int, str]:
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid4())}
        try:
            connection.request("POST", "/api/v1/reports", self._body, headers)
            answer = connection.getresponse()
            said = answer.read()
        except (OSError, HTTPException):
            connection.close()
            return 0, ""
        return answer.status, json.loads(said)["number"] if answer.status == 201 else ""


class Slow:
    """Connections that send one byte after the other: half of them of their head, half of their
    body, which is to be long."""

    def __init__(self, port: int, how_many: int, *, heads: bool = True) -> None:
        self._sockets, self._lock = list[socket.socket](), threading.Lock()
        for n in range(how_many):
            one = socket.create_connection(("127.0.0.1", port), timeout=10)
            one.sendall(LINE if heads and n % 2 else HEAD)
            one.setblocking(False)
            self._sockets.append(one)

    def trickle(self) -> int:
        """One byte more on each; returns how many still stand."""
        with self._lock:
            for one in [one for one in self._sockets if _is_put_out(one)]:
                self._sockets.remove(one)
                one.close()
            return len(self._sockets)

    def close(self) -> None:
        for one in self._sockets:
            with suppress(OSError):
                one.close()


def _is_put_out(one: socket.socket) -> bool:
    """Sends one byte more, if anybody is there still."""
    try:
        one.send(b"x")
        return one.recv(65536) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


@contextmanager
def slow_clients(port: int, how_many: int, *, heads: bool = True) -> Iterator[Slow]:
    """They trickle, a byte a second, while the block runs."""
    slow, done = Slow(port, how_many, heads=heads), threading.Event()

    def trickle() -> None:
        while not done.wait(1.0):
            slow.trickle()

    trickling = threading.Thread(target=trickle)
    trickling.start()
    try:
        yield slow
    finally:
        done.set()
        trickling.join()
        slow.close()
