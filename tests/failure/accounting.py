"""Counts what every service has of the accepted reports: none lost, none twice, none stuck.

The checker asks the databases and the mailbox, not the services, and knows nothing of how they
work: `accepted` holds what clients were told.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import httpx

from deploy.local.system import System
from tests.harness.waiting import eventually

REPORT = {
    "kind": "complaint",
    "title": "Lampu jalan padam",
    "text": "Lampu jalan di depan sekolah padam sejak seminggu.",
    "event_date": "2026-11-20",
    "place": {"district": "63.02.06"},
    "confidentiality": "confidential",
    "contact": {"name": "Warga", "email": "warga@contoh.example"},
}


@dataclass
class Accepted:
    """The numbers that clients hold receipts for, and every status that they were answered."""

    numbers: set[str] = field(default_factory=set)
    statuses: Counter[int] = field(default_factory=Counter)


def submit(system: System, how_many: int, accepted: Accepted, clients: int = 4) -> None:
    """Sends reports as insistent clients do: until each has its receipt, with one key each."""
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(lambda _: _insist(system, accepted), range(how_many)))


def _insist(system: System, accepted: Accepted) -> None:
    key = {"Idempotency-Key": str(uuid4())}

    def receipt() -> str | None:
        try:
            answer = httpx.post(
                f"{system.url}/api/v1/reports", json=REPORT, headers=key, timeout=15,
                trust_env=False,
            )  # fmt: skip
        except httpx.TransportError:
            return None
        accepted.statuses[answer.status_code] += 1
        return str(answer.json()["number"]) if answer.status_code == 201 else None

    accepted.numbers.add(eventually(receipt, "a receipt", seconds=60))


@contextmanager
def under_way(system: System, how_many: int) -> Iterator[Accepted]:
    """Reports keep coming in while the block does its harm; all have receipts when it ends."""
    accepted = Accepted()
    coming = threading.Thread(target=submit, args=(system, how_many, accepted))
    coming.start()
    eventually(lambda: len(accepted.numbers) >= how_many // 5, "the first receipts", seconds=60)
    yield accepted
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
    for place, statement in HELD.items():
        found = Counter(number for (number,) in system.psql(place.split()[0], statement))
        lost = accepted.numbers - set(found)
        doubled = {n for n, times in found.items() if times > 1 and n in accepted.numbers}
        if lost or doubled:
            wrong[place] = {"lost": len(lost), "doubled": len(doubled)}
    for service in system.services:
        for what, statement in (("stuck", STUCK), ("unsaid", UNSAID)):
            if count := system.psql(service, statement)[0][0]:
                wrong[f"{service} {what}"] = count
    return wrong


def mails_of(system: System, accepted: Accepted) -> Counter[str]:
    """How many mails each accepted report has in the mailbox."""
    texts = [mail.text for mail in system.mails()]
    return Counter(n for text in texts for n in accepted.numbers if n in text)


def settle(system: System, accepted: Accepted, seconds: float = 30) -> None:
    """Returns when everything is accounted for; fails saying what is not."""
    last: list[object] = []

    def clean() -> bool:
        last[:] = [unaccounted(system, accepted)]
        return last == [{}]

    try:
        eventually(clean, "everything accounted for", seconds=seconds)
    except AssertionError as error:
        raise AssertionError(f"{error}: {last}") from None
