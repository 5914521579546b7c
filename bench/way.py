"""A report's whole way: from the receipt to its case, and to the mail server's yes."""

import json
import threading
import time
from contextlib import ExitStack
from datetime import datetime
from http.client import HTTPConnection
from statistics import quantiles
from uuid import uuid4

import psutil

from deploy.local.system import System

PROMISED = {"routed": 0.25, "mailed": 1.0}  # seconds, of 99 in 100
REPORT = {
    "kind": "complaint",
    "title": "Jalan berlubang di depan sekolah",
    "text": "Jalan di depan sekolah berlubang sejak tiga bulan, anak-anak sudah jatuh. " * 8,
    "event_date": "2026-11-20",
    "place": {"district": "63.02.06", "detail": "Jalan Pelabuhan"},
    "confidentiality": "confidential",
}
SENDERS = 8
_SETTLED = """
SELECT count(*) FROM message
WHERE about = 'received' AND next_at IS NULL AND number = ANY(%s)
"""
_OPEN = """
SELECT EXISTS (SELECT FROM outbox WHERE published_at IS NULL)
    OR EXISTS (SELECT FROM inbox WHERE state = 'waiting')
"""


def run(system: System, rates: tuple[float, ...], seconds: float) -> list[str]:
    """Markdown lines: latencies at some rates, and how fast a heap is worked off."""
    lines = [
        "| reports/s | sent | routed p50 | p99 | mailed p50 | p99 | until all is quiet |",
        "|---|---|---|---|---|---|---|",
    ]
    for rate in rates:
        numbers, began = _send(system, rate, seconds), time.monotonic()
        quiet = _quiet(system, numbers) - began
        routed = _waits(system, "routing", "SELECT number, opened_at FROM cases", numbers)
        mailed = _waits(
            system, "notify",
            "SELECT number, settled_at FROM message WHERE about = 'received'", numbers,
        )  # fmt: skip
        row = [_ms(of) for waits in (routed, mailed) for of in _halves(waits)]
        lines.append(f"| {rate:g} | {len(numbers)} | {' | '.join(row)} | {quiet:.1f} s |")
        print(f"  {rate:g}/s: {' '.join(row)}", flush=True)
    return lines


def heap(system: System, count: int) -> tuple[float, dict[str, float]]:
    """Reports per second, worked off whole, when `count` come at once; and the milliseconds of CPU
    that one cost each process."""
    before, began = _spent(system), time.monotonic()
    numbers = _send(system, 10_000, count / 10_000)
    rate = len(numbers) / (_quiet(system, numbers) - began)
    spent = {name: (s - before[name]) / count * 1000 for name, s in _spent(system).items()}
    return rate, {name: ms for name, ms in spent.items() if ms >= 0.05}


def _spent(system: System) -> dict[str, float]:
    """Seconds of CPU that each process and its children have had."""
    found = {}
    for process in system.processes():
        family = psutil.Process(process.pid)
        times = [one.cpu_times() for one in (family, *family.children(recursive=True))]
        ended = times[0].children_user + times[0].children_system
        found[process.name] = sum(one.user + one.system for one in times) + ended
    return found


def _send(system: System, rate: float, seconds: float) -> dict[str, datetime]:
    """Sends at an even rate whatever the answers take (open loop); when each was received."""
    count, began = round(rate * seconds), time.monotonic() + 0.1
    found: dict[str, datetime] = {}
    turns = iter(range(count))
    taking = threading.Lock()

    def sender() -> None:
        line = HTTPConnection("127.0.0.1", system.ports["intake"][0], timeout=20)
        while True:
            with taking:
                turn = next(turns, None)
            if turn is None:
                return
            time.sleep(max(0.0, began + turn / rate - time.monotonic()))
            key = {"Idempotency-Key": str(uuid4()), "Content-Type": "application/json"}
            line.request("POST", "/v1/reports", body(turn), key)
            answer = json.loads(line.getresponse().read())
            found[answer["number"]] = datetime.fromisoformat(answer["received_at"])

    senders = [threading.Thread(target=sender) for _ in range(SENDERS)]
    for one in senders:
        one.start()
    for one in senders:
        one.join()
    return found


def body(whose: object) -> str:
    """A report with a mailbox of its reporter's own: one alone would soon have no room."""
    contact = {"name": "Warga", "email": f"warga-{whose}@contoh.example", "language": "id"}
    return json.dumps(REPORT | {"contact": contact})


def _quiet(system: System, numbers: dict[str, datetime]) -> float:
    """Waits until everybody has heard and said everything, and every mail is settled. Over
    connections that it keeps: with logins, watching cost a tenth of what is measured."""
    with ExitStack() as kept:
        ask = {s: kept.enter_context(system.postgres.session(s)) for s in system.services}
        while True:
            at = time.monotonic()
            settled = ask["notify"](_SETTLED, [list(numbers)])[0][0]
            if settled == len(numbers) and not any(run(_OPEN)[0][0] for run in ask.values()):
                return at
            time.sleep(0.1)


def _waits(
    system: System, service: str, statement: str, numbers: dict[str, datetime]
) -> list[float]:
    rows = system.psql(service, statement)
    return [(at - numbers[number]).total_seconds() for number, at in rows if number in numbers]


def _halves(waits: list[float]) -> tuple[float, float]:
    cut = quantiles(waits, n=100, method="inclusive")
    return cut[49], cut[98]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
