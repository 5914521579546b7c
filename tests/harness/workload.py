"""Insistent clients: each sends its request, under one key, until it is told that it is done.

Some carry their reports on through the officers' steps to the reporter's acceptance. All that they
do and hear goes into a history (`tests.harness.history`).
"""

import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx

from deploy.local.plain import PLAIN
from deploy.local.scenario import sign_in
from deploy.local.system import System
from deploy.local.texts import ANSWER, FOLLOW_UP
from tests.harness.history import History, calls
from tests.harness.system import stage
from tests.harness.waiting import eventually

SUBMIT = "submit"
TITLE = "Lampu jalan padam"  # the key follows: it tells in every database whose report it is
REPORT = {
    "kind": "complaint",
    "title": TITLE,
    "text": "Lampu jalan di depan sekolah padam sejak seminggu.",
    "event_date": "2026-11-20",
    "place": {"district": "63.02.06"},
    "confidentiality": "confidential",
    "contact": {"name": "Warga", "email": "warga@contoh.example"},
}
COORDINATOR, AGENCY = "koordinator", "dpupr"
STEPS = (
    (COORDINATOR, "verification", {"class": "ordinary", "category": "jalan-jembatan"}),
    (COORDINATOR, "disposition", {"agency": AGENCY}),
    (AGENCY, "follow-ups", {"text": FOLLOW_UP}),
    (AGENCY, "answer", ANSWER),
)
ACCEPT = "acceptance"
PATIENCE = 90.0  # seconds that a client insists


class Client:
    """Sends requests through the gateway, each until it succeeds, and writes down every try."""

    def __init__(self, system: System, history: History, **headers: str) -> None:
        self.history, self.name = history, uuid4().hex[:8]
        self._http = httpx.Client(
            base_url=f"{system.url}/api/v1", headers=headers, timeout=15, trust_env=False,
            verify=PLAIN,
        )  # fmt: skip

    def insist(
        self, operation: str, path: str, body: Any, number: str = "", **headers: str
    ) -> dict[str, Any]:
        """The answer, once there is one. A refusal is asked again: what it waits for may come."""
        key = str(uuid4())
        if operation == SUBMIT:
            body = body | {"title": f"{TITLE} {key}"}
        told: dict[str, Any] = eventually(
            lambda: self._try(operation, path, body, key, number, headers),
            f"{operation} of {number or key}", PATIENCE, every=0.1,
        )  # fmt: skip
        return told

    def close(self) -> None:
        self._http.close()

    def _try(
        self, operation: str, path: str, body: Any, key: str, number: str, headers: dict[str, str]
    ) -> dict[str, Any] | None:
        about = (self.name, operation, key)
        self.history.say("invoke", *about, number)
        try:
            answer = self._http.post(path, json=body, headers={"Idempotency-Key": key, **headers})
        except httpx.TransportError:
            self.history.say("unknown", *about, number)
            return None
        kind = "ok" if answer.is_success else "fail" if answer.is_client_error else "unknown"
        told = answer.json() if answer.is_success else {}
        self.history.say(kind, *about, told.get("number", number), answer.status_code)
        return told or None


class Workload:
    """Clients of one system and one history. Officers sign in at once, before any harm."""

    def __init__(self, system: System, history: History, *, lives: bool = True) -> None:
        self.system, self.history = system, history
        self._people = stage(system)  # it knows the officers' own passwords from now on
        self._seats: dict[str, str] = {}
        if lives:
            self.sign_in()

    def sign_in(self) -> None:
        """Seats the officers; again after their sessions ended."""
        for who in (COORDINATOR, AGENCY):
            self._seats[who] = sign_in(self._people, who).client.headers["Authorization"]
        self._people.close()

    def run(self, how_many: int, *, live: int = 0, clients: int = 4) -> None:
        """Sends so many reports; carries every `live`th of them through to its acceptance."""
        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(lambda i: self._one(live > 0 and i % live == 0), range(how_many)))

    @contextmanager
    def under_way(
        self, how_many: int, *, live: int = 0, clients: int = 4, first: int = 0
    ) -> Iterator[threading.Thread]:
        """The same, while the block does its harm, once `first` receipts are there; every call has
        ended when it is left, or when the thread that it gets was joined."""
        failed: list[BaseException] = []

        def run() -> None:
            try:
                self.run(how_many, live=live, clients=clients)
            except BaseException as error:
                failed.append(error)

        coming = threading.Thread(target=run)
        coming.start()
        before = self.receipts()
        try:
            eventually(lambda: failed or self.receipts() >= before + first, "receipts", 60)
            yield coming
        finally:
            coming.join()
        if failed:
            raise failed[0]

    @contextmanager
    def flow(self, rate: float, clients: int = 16) -> Iterator[None]:
        """So many reports a second come in, whatever happens, until the block is left."""
        turns, begun, over = itertools.count(), time.monotonic(), threading.Event()

        def send(_: int) -> None:
            reporter = Client(self.system, self.history)
            try:
                while not over.wait(max(0.0, begun + next(turns) / rate - time.monotonic())):
                    reporter.insist(SUBMIT, "/reports", REPORT)
            finally:
                reporter.close()

        with ThreadPoolExecutor(clients) as pool:
            sending = pool.map(send, range(clients))
            try:
                yield
            finally:
                over.set()
                list(sending)

    def receipts(self) -> int:
        """How many reports have their receipt."""
        done = calls(self.history.lines())
        return sum(call.operation == SUBMIT and call.outcome == "ok" for call in done)

    def _one(self, lives: bool) -> None:
        reporter = Client(self.system, self.history)
        officers = {
            who: Client(self.system, self.history, Authorization=token)
            for who, token in self._seats.items()
            if lives
        }
        try:
            receipt = reporter.insist(SUBMIT, "/reports", REPORT)
            number, code = receipt["number"], {"Tracking-Code": receipt["code"]}
            for who, step, body in STEPS if lives else ():
                officers[who].insist(step, f"/cases/{number}/{step}", body, number)
            if lives:
                path = f"/reports/{number}/{ACCEPT}"
                reporter.insist(ACCEPT, path, {"stars": 4}, number, **code)
        finally:
            for one in (reporter, *officers.values()):
                one.close()
