"""The Ombudsman's feed: how fast one client reads all of it over HTTP, beside plain SQL; and how
fast entries get their places."""

import json
import os
import time
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

from deploy.local.system import System

WAIT = 600  # seconds for the worker
PAGE = 2000
FILL = (
    "INSERT INTO feed_pending (stream, event_id, type, subject, time, data, written_at)"
    " SELECT 'monitoring', gen_random_uuid(), 'feed.breach.opened.v1',"
    " 'KTB-12345-' || lpad((n % 100000)::text, 5, '0'), now(), jsonb_build_object('clock', 'S',"
    " 'cycle', 1, 'kind', 'complaint', 'class', 'ordinary', 'agency', 'dpupr', 'due_at',"
    " '2026-11-05T15:59:59Z'), now() FROM generate_series(1, {}) AS n"
)
PLAIN = (
    "SELECT epoch, position, entry::text, prev_hash, hash, signature, kid FROM feed_entry"
    " WHERE stream = 'monitoring' ORDER BY epoch, position"
)
WAITING = "SELECT count(*) FROM feed_pending"


def run(system: System, count: int, rounds: int) -> list[str]:
    """Markdown lines."""
    appended = fill(system, count)
    cold, ours, floor = [], [], []
    for _ in range(rounds):
        _cool(system)
        cold.append(_over_http(system))
        ours.append(_over_http(system))
        floor.append(_plainly(system))
    first, http, sql = median(cold), median(ours), median(floor)
    print(f"  {http:,.0f} entries/s over HTTP, {first:,.0f} cold, {sql:,.0f} by SQL", flush=True)
    return [
        "| what | entries/s |",
        "|---|---|",
        f"| plain SQL, the same rows | {sql:,.0f} |",
        f"| one client over HTTP, pages of {PAGE:,}, each read as JSON | {http:,.0f} |",
        f"| from cold: neither database nor system holds a page of it | {first:,.0f} |",
        f"| a worker gives places, chains and signs | {appended:,.0f} |",
        "",
        f"{count:,} entries; {http / sql:.0%} of the floor, cold {first / sql:.0%}.",
    ]


def fill(system: System, count: int) -> float:
    """Has so many entries appended; how many a second."""
    system.psql("escalation", FILL.format(count))
    began = time.monotonic()
    while system.psql("escalation", WAITING) != [(0,)]:
        if time.monotonic() - began > WAIT:
            raise TimeoutError("the worker gives no places")
        time.sleep(0.2)
    return count / (time.monotonic() - began)


def _cool(system: System) -> None:
    """Restarts the database, and has the operating system forget its files meanwhile."""
    [(data,)] = system.psql("escalation", "SHOW data_directory")
    system.postgres.process.stop()
    for file in Path(data).rglob("*"):
        if file.is_file():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())
                os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    system.postgres.start()
    system.wait_ready("escalation-api")


def _over_http(system: System) -> float:
    line = HTTPConnection("127.0.0.1", system.ports["escalation"][0], timeout=30)
    headers = {"Authorization": f"Bearer {system.ombudsman_key}"}
    after, more, read, began = "", True, 0, time.monotonic()
    while more:
        query = urlencode({"after": after, "limit": PAGE})
        line.request("GET", f"/v1/ombudsman/feed?{query}", headers=headers)
        page = json.loads(line.getresponse().read())
        read, after, more = read + len(page["events"]), page["cursor"], page["more"]
    line.close()
    return read / (time.monotonic() - began)


def _plainly(system: System) -> float:
    began = time.monotonic()
    return len(system.psql("escalation", PLAIN)) / (time.monotonic() - began)
