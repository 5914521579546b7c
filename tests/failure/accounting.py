"""Counts what every service has of the accepted reports: none lost, none twice, none stuck.

The short form of `tests.harness.checker`, for tests whose clients only submit: `accepted` holds
what they were told, and their history.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import uuid4

from deploy.local.postgres import Run
from deploy.local.system import System
from tests.harness.final import Final
from tests.harness.history import History
from tests.harness.waiting import eventually
from tests.harness.workload import REPORT, SUBMIT, Client

__all__ = [
    "REPORT", "Accepted", "mails_of", "settle", "submit", "unaccounted", "under_way",
]  # fmt: skip


REST = 0.05  # seconds; so that what comes under way still comes when the harm is done


@dataclass
class Accepted:
    """The numbers that clients hold receipts for, and every status that they were answered."""

    numbers: set[str] = field(default_factory=set)
    history: History | None = None

    @property
    def statuses(self) -> Counter[int]:
        lines = self.history.lines() if self.history else []
        return Counter(line.status for line in lines if line.status)


def submit(
    system: System, how_many: int, accepted: Accepted, clients: int = 4, rest: float = 0
) -> None:
    """Sends reports as insistent clients do: until each has its receipt, with one key each. A
    client rests for some seconds before each."""
    file = system.folder / "histories" / f"{uuid4().hex[:8]}.jsonl"
    history = accepted.history = accepted.history or History(file)
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(lambda _: _insist(system, accepted, history, rest), range(how_many)))


def _insist(system: System, accepted: Accepted, history: History, rest: float) -> None:
    time.sleep(rest)
    client = Client(system, history)
    try:
        accepted.numbers.add(client.insist(SUBMIT, "/reports", REPORT)["number"])
    finally:
        client.close()


@contextmanager
def under_way(system: System, how_many: int) -> Iterator[Accepted]:
    """Reports keep coming in while the block does its harm; all have receipts when it ends."""
    accepted = Accepted()
    coming = threading.Thread(target=submit, args=(system, how_many, accepted, 4, REST))
    coming.start()
    eventually(lambda: len(accepted.numbers) >= how_many // 5, "the first receipts", seconds=60)
    try:
        yield accepted
    finally:
        coming.join(120)
    assert len(accepted.numbers) == how_many


HELD = {
    "intake": "SELECT number FROM report",
    "routing": "SELECT number FROM cases",
    "routing said": "SELECT subject FROM outbox WHERE type = 'case.opened.v1'",
    "notify": "SELECT number FROM message WHERE about = 'received'",
    "notify said": "SELECT subject FROM outbox WHERE data->>'about' = 'received'",
    "escalation": "SELECT number FROM case_state",
    "escalation clocks": "SELECT number FROM clock WHERE clock = 'V'",
    "intake told": "SELECT number FROM timeline_entry WHERE what = 'case.opened'",
}
STUCK = "SELECT count(*) FROM inbox WHERE state <> 'done'"
UNSAID = "SELECT count(*) FROM outbox WHERE published_at IS NULL"


def unaccounted(system: System, accepted: Accepted) -> dict[str, object]:
    """What is lost, doubled or unheard of, by place; empty when all is well."""
    wrong: dict[str, object] = {}
    for service in system.services:
        with system.postgres.session(service) as run:
            wrong |= _unaccounted(service, run, accepted)
    return wrong


def _unaccounted(service: str, run: Run, accepted: Accepted) -> Iterator[tuple[str, object]]:
    for place, statement in HELD.items():
        if place.split()[0] != service:
            continue
        found = Counter(number for (number,) in run(statement))
        lost = accepted.numbers - set(found)
        doubled = {n for n, times in found.items() if times > 1 and n in accepted.numbers}
        if lost or doubled:
            yield place, {"lost": len(lost), "doubled": len(doubled)}
    for what, statement in (("stuck", STUCK), ("unsaid", UNSAID)):
        if count := run(statement)[0][0]:
            yield f"{service} {what}", count


def _under_way(system: System) -> dict[str, int]:
    """What one service has said and another has not taken in: it may still be in the broker, where
    neither has it."""
    with Final(system) as now:
        return now.unheard()


def mails_of(system: System, accepted: Accepted) -> Counter[str]:
    """How many mails each accepted report has in the mailbox."""
    texts = [mail.text for mail in system.mails()]
    return Counter(n for text in texts for n in accepted.numbers if n in text)


def settle(
    system: System, accepted: Accepted, seconds: float = 30, *, since: float | None = None
) -> None:
    """Returns when everything is accounted for and nothing is on its way; fails saying what is.
    `since`: from when the seconds count, by the steady clock; by default from now."""
    last: list[object] = []

    def clean() -> bool:
        last[:] = [unaccounted(system, accepted) or _under_way(system)]
        return last == [{}]

    try:
        eventually(clean, "everything accounted for", seconds, every=0.25, since=since)
    except AssertionError as error:
        raise AssertionError(f"{error}: {last}") from None
