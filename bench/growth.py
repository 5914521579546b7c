"""What it costs when much is stored: a receipt, a reporter's look, a worklist, a sweep that finds
nothing, one wake-up fired, and all that the workers measure of themselves, once each; with the
exponent of its growth (0 is flat, 1 is a scan)."""

import json
import math
import re
import time
import urllib.request
from collections.abc import Callable
from http.client import HTTPConnection
from statistics import median
from typing import Any
from uuid import uuid4

from bench.way import body
from deploy.local.scenario import Stage, sign_in
from deploy.local.system import System

BASE = 100  # reports that came by the door; the others are copies of their rows
APART = 1_000_000  # between the ids of a row's copies
ASKED = 100  # times
FIRED = 10  # wake-ups at each size
MEASURED = r"measure|watch|count\w*"  # the timers that only look
ROUND = 65  # seconds, in which each of them wakes
COPIED = {
    "intake": ("report", "timeline_entry", "deadline", "stream", "position"),
    "routing": ("cases", "deadline", "stream", "position"),
    "notify": ("reporter", "stream", "position"),
    "escalation": ("case_state", "clock", "due", "stream", "position"),
}
NEW = {"number": "b.number || '-' || i", "subject": "b.subject || '-' || i"}
OWN = {
    ("escalation", "clock"): {"id": f"b.id + i::bigint * {APART}"},
    ("escalation", "due"): {"clock_id": f"b.clock_id + i::bigint * {APART}"},
}


def run(system: System, sizes: tuple[int, ...]) -> list[str]:
    """Markdown lines."""
    base = Base(system)
    rows, copies = [], 0
    for size in sizes:
        began = time.monotonic()
        _copy(system, base.numbers, copies + 1, size // BASE - 1)
        copies = size // BASE - 1
        filled = time.monotonic() - began
        row = {name: measure() for name, measure in base.measures().items()}
        rows.append(row)
        told = "  ".join(f"{name} {ms:.1f} ms" for name, ms in row.items())
        print(f"  {size:,} stored ({filled:.0f} s to fill): {told}", flush=True)
    names = list(rows[0])
    lines = [f"| reports stored | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for size, row in zip(sizes, rows, strict=True):
        lines.append(f"| {size:,} | {' | '.join(f'{row[name]:.1f} ms' for name in names)} |")
    slopes = [_exponent(sizes, [row[name] for row in rows]) for name in names]
    return [*lines, f"| exponent | {' | '.join(f'{slope:+.2f}' for slope in slopes)} |"]


class Base:
    """The reports that are really there, and those who ask for them."""

    def __init__(self, system: System) -> None:
        self._system, self._idle = system, 0.0
        self._intake = HTTPConnection("127.0.0.1", system.ports["intake"][0], timeout=60)
        self._receipts = [self._submit() for _ in range(BASE)]
        self.numbers = [receipt["number"] for receipt in self._receipts]
        ready = "SELECT count(*) FROM clock WHERE number = ANY(%s) AND due_at IS NOT NULL"
        while system.psql("escalation", ready, [self.numbers]) != [(2 * BASE,)]:
            time.sleep(0.2)
        stage = Stage(system.url, system.passwords, system.mails, None, "")
        self._officer = sign_in(stage, "koordinator").client

    def measures(self) -> dict[str, Callable[[], float]]:
        """Milliseconds each."""
        self._intake.close()  # it opens anew; the old one has not been used for minutes
        return {
            "submit": lambda: _typical(self._submit),
            "track": lambda: _typical(self._track),
            "worklist": lambda: _typical(self._worklist),
            "idle sweep": self._idle_sweep,
            "one firing": self._firing,
            "measures": self._measures,
        }

    def _submit(self) -> Any:
        key = str(uuid4())
        return self._post("/v1/reports", body(key), {"Idempotency-Key": key})

    def _track(self) -> Any:
        receipt = self._receipts[0]
        asked = {"number": receipt["number"], "code": receipt["code"]}
        return self._post("/v1/reports/track", json.dumps(asked), {})

    def _worklist(self) -> None:
        self._officer.get("/cases", params={"limit": "50"}).raise_for_status()

    def _post(self, path: str, body: str, headers: dict[str, str]) -> Any:
        headers |= {"Content-Type": "application/json"}
        self._intake.request("POST", path, body, headers)
        answer = self._intake.getresponse()
        told = json.loads(answer.read())
        if answer.status >= 400:
            raise ValueError(f"{path}: {answer.status} {told}")
        return told

    def _idle_sweep(self) -> float:
        turns, spent = self._sweeps()
        time.sleep(10)
        more, longer = self._sweeps()
        self._idle = (longer - spent) / (more - turns)
        return self._idle * 1000

    def _firing(self) -> float:
        """Some reminders become due at once; what the sweeps that fire them take beyond what they
        take when idle."""
        turns, spent = self._sweeps()
        moved = self._system.psql(
            "escalation",
            "UPDATE due SET due_at = now() - interval '1 minute' WHERE id IN (SELECT id FROM due"
            " WHERE number = ANY(%s) AND fired_at IS NULL AND what = 'reminder' ORDER BY id LIMIT"
            f" {FIRED}) RETURNING id",
            [self.numbers],
        )
        left = "SELECT count(*) FROM due WHERE id = ANY(%s) AND fired_at IS NULL"
        while self._system.psql("escalation", left, [[id for (id,) in moved]]) != [(0,)]:
            time.sleep(0.05)
        time.sleep(2)  # until the sweep that fired the last has told its time
        more, longer = self._sweeps()
        return (longer - spent - (more - turns) * self._idle) / len(moved) * 1000

    def _measures(self) -> float:
        """What every measure of every worker takes, together."""
        before = {service: self._spent(service, MEASURED) for service in COPIED}
        time.sleep(ROUND)
        taken = 0.0
        for service, known in before.items():
            for name, (turns, spent) in self._spent(service, MEASURED).items():
                more, longer = known.get(name, (0.0, 0.0))
                taken += (spent - longer) / (turns - more)
        return taken * 1000

    def _sweeps(self) -> tuple[float, float]:
        return self._spent("escalation", "sweep").get("sweep", (0.0, 0.0))

    def _spent(self, service: str, timers: str) -> dict[str, tuple[float, float]]:
        """By timer: how often it woke, and the seconds that this took."""
        port = self._system.ports[service][2]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as page:
            text = page.read().decode()
        line = r'^lapor_entrypoint_seconds_{}{{entrypoint="({})",outcome="ok",[^}}]*}} (\S+)$'
        count, total = (
            dict(re.findall(line.format(end, timers), text, re.MULTILINE))
            for end in ("count", "sum")
        )
        return {name: (float(count[name]), float(total[name])) for name in count}


def _copy(system: System, numbers: list[str], first: int, last: int) -> None:
    for service, tables in COPIED.items():
        for table in tables:
            columns = system.psql(
                service,
                "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND"
                " (is_identity = 'NO' OR column_name = ANY(%s)) ORDER BY ordinal_position",
                [table, list(OWN.get((service, table), {}))],
            )
            names = [name for (name,) in columns]
            changed = NEW | OWN.get((service, table), {})
            values = [changed.get(name, f'b."{name}"') for name in names]
            key = "number" if "number" in names else "subject"
            listed = ", ".join(f'"{name}"' for name in names)
            system.psql(
                service,
                "SET synchronous_commit = off; SET session_replication_role = replica;"
                f"INSERT INTO {table} ({listed}) OVERRIDING SYSTEM VALUE"
                f" SELECT {', '.join(values)} FROM {table} b, generate_series({first}, {last}) AS i"
                f" WHERE b.{key} = ANY(%s)",
                [numbers],
            )
            system.psql(service, f"VACUUM (ANALYZE) {table}")
            print(f"    {service}.{table}", flush=True)
    system.psql("intake", "CHECKPOINT")  # or what is measured waits for the disk behind all of it


def _typical(ask: Callable[[], object]) -> float:
    taken = []
    for _ in range(ASKED):
        began = time.perf_counter()
        ask()
        taken.append((time.perf_counter() - began) * 1000)
    return median(taken)


def _exponent(sizes: tuple[int, ...], taken: list[float]) -> float:
    """The slope of the line through the logarithms of both."""
    xs, ys = [math.log(size) for size in sizes], [math.log(max(ms, 1e-3)) for ms in taken]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum(
        (a - x) ** 2 for a in xs
    )
