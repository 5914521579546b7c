"""The negative control of what others are told: the Ombudsman with its program and its receiver,
Prometheus, and whoever asks an API. It is a process that tells them, so one is mistaken."""

import json
from collections.abc import Iterator
from pathlib import Path
from signal import SIGHUP
from typing import Any

import httpx

from deploy.local.prometheus import Prometheus
from deploy.local.system import System
from services.escalation.ombudsman.dossier import sha256
from services.intake.domain import number
from tests.failure.canaries import Sink
from tests.failure.lives import Life
from tests.failure.planting import FORMS, PLANTED
from tests.failure.sinks import listen_to_pokes
from tests.harness.copies import copied, move
from tests.harness.outside import Outside
from tests.harness.waiting import eventually
from tests.service.escalation.receiver import Receiver

HANDED_OVER = "feed.case.handed_over.v1"
PENDING = (
    "INSERT INTO feed_pending (stream, event_id, type, subject, time, data, written_at)"
    " VALUES (%s, gen_random_uuid(), %s, %s, now(), %s, now())"
)
MADE = (
    "INSERT INTO dossier (number, version, content, sha256, assembled_at)"
    " SELECT %s, version, %s, %s, assembled_at FROM dossier LIMIT 1"
)
BEHIND = (
    "SELECT count(*) FROM feed_stream s JOIN feed_broadcast b USING (stream)"
    " WHERE b.position < s.position OR EXISTS (SELECT FROM feed_pending)"
)
NUMBER = number("KTB", 987_654_321)  # of a report that there is not
POKES, METRICS = "services/escalation/ombudsman/pokes.py", "services/escalation/metrics.py"
GAUGE = '"1 while nothing fires, by reason", ["reason"])'  # for which an alert is called
STORED, TOLD = 'resp.set_header("Cache-Control", "no-store")', '"type": MOVED,'
JSON = '{"Content-Type": "application/json"}'
MISTAKES = (
    (POKES, TOLD, f'{TOLD} "planted": {PLANTED!r},'),
    (POKES, JSON, f'{JSON[:-1]}, "X-Planted": {PLANTED!r}}}'),
    (METRICS, GAUGE, f"{GAUGE}\nBREAKER.labels({PLANTED!r}).set(1)"),
    ("chassis/health.py", "dict(state)", f"{{**state, {PLANTED!r}: False}}"),
    ("chassis/web.py", STORED, f'{STORED}; resp.set_header("X-Planted", {PLANTED!r})'),
)


def in_the_feed(system: System) -> Iterator[str]:
    """Entries of both streams, and a dossier that holds what its entry tells of."""
    [(content, told)] = system.psql(
        "escalation", "SELECT content, entry->'data' FROM dossier JOIN feed_entry"
        " ON entry->>'subject' = number AND entry->>'type' = %s LIMIT 1", [HANDED_OVER],
    )  # fmt: skip
    content |= {"number": NUMBER, "parts": [], "evidence": list(map(_shown, FORMS))}
    told["dossier"]["sha256"] = sha256(content)
    with system.postgres.session("escalation") as run:
        run(MADE, [NUMBER, json.dumps(content), sha256(content)])
        for stream in ("monitoring", "handovers"):
            planted = json.dumps({"planted": FORMS})
            run(PENDING, [stream, "feed.planted.v1", PLANTED, planted])
        run(PENDING, ["handovers", HANDED_OVER, NUMBER, json.dumps(told)])
    eventually(lambda: system.psql("escalation", BEHIND) == [(0,)], "all is told", seconds=30)
    yield from ("feed/monitoring", "feed/handovers", "tap/feed/monitoring", "tap/feed/handovers")
    yield from ("feed/dossier/application/json", "feed/dossier/application/pdf")


def _shown(form: str) -> dict[str, Any]:
    """A line of a dossier's table."""
    return {"agency": form, "at": "2026-11-20T00:00:00Z", "sha256": "c4", "reply_id": "x"}


def in_processes(system: System, life: Life, receiver: Receiver, folder: Path) -> Iterator[str]:
    """A poke, a measure, what a process tells of itself, and every answer of an API: from now on
    two processes run from a copy in `folder` that gives itself away."""
    copy = copied(folder, MISTAKES)
    for process in ("escalation-worker", "escalation-api"):
        move(system, process, copy)
    # one that nobody takes is tried seldom; with none open the stream has moved, so there will be
    system.psql("escalation", "UPDATE feed_poke SET next_try_at = made_at WHERE outcome IS NULL")
    listen_to_pokes(system, receiver)
    eventually(lambda: any(b"planted" in body for _, body in receiver.heard), "a poke", seconds=30)
    yield from ("pokes/headers", "pokes/body")
    yield from ("metrics/escalation-worker", "health/escalation-worker")
    for path in ("ombudsman/keys", "ombudsman/feed"):
        life.people.client().get(path)
    yield from ("answers/given/GET */keys", "answers/refused/GET */feed")


def in_prometheus(prometheus: Prometheus) -> Iterator[str]:
    """What it has read of a process that is mistaken, and the alert that it calls for that."""
    told = prometheus.folder / "config" / "prometheus.yml"
    told.write_text(told.read_text().replace("15s", "1s"))
    assert prometheus.process
    prometheus.process.signal(SIGHUP)

    def called() -> bool:
        alerts = httpx.get(f"{prometheus.url}/api/v1/alerts", trust_env=False, timeout=20).text
        return FORMS[0] in alerts

    eventually(called, "the alert", seconds=30)
    yield from ("prometheus/series", "prometheus/alerts", "prometheus/rules")
    yield "files/prometheus/data/*"


def in_the_office(system: System, folder: Path, said: list[Sink]) -> Iterator[str]:
    """What the Ombudsman's program reads and keeps of all that, and an answer of its own. It adds
    to what was `said`."""
    office = Outside(folder, f"{system.url}/api", system.secrets_folder)
    assert office.run("follow", "--once") == 0, office.said
    said.append(("ombudsman/said", office.said.encode()))
    file = ("--reference", "0123", "--words", PLANTED, "--at", system.clock.now().isoformat())
    office.run("answer", NUMBER, "under_examination", *file)
    said.append(("ombudsman/said", office.said.encode()))
    Outside(folder, PLANTED, system.secrets_folder)  # begins anew with such an address
    yield from ("ombudsman/said", "ombudsman/monitoring.jsonl", "ombudsman/handovers.jsonl")
    yield from (f"ombudsman/dossiers/{NUMBER}.json", "ombudsman/answers/*", "ombudsman/config.json")
