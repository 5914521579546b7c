"""Lives of reports on a whole system, with every message that they made, to be sent again."""

import json
import random
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from chassis.wire import Publisher, sender_of
from deploy.local import scenario
from deploy.local.broker import Broker
from deploy.local.process import free_port
from deploy.local.scenario import Reporter
from deploy.local.supervisor import Unit, bring_up, http_ready
from deploy.local.system import System
from tests.harness.programs import Forked
from tests.harness.system import stage
from tests.harness.tap import tap
from tests.harness.waiting import eventually

CONNECTIONS = 8
STUCK = "SELECT count(*) FROM inbox WHERE state <> 'done'"
UNSAID = "SELECT count(*) FROM outbox WHERE published_at IS NULL"
TABLES = (
    "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND NOT tablename = ANY(%s)"
    " ORDER BY 1"
)
# What a look at the clock, or an officer's request, changes without any event; among it the dates
# that escalation promises anew each day.
RESTLESS = [
    "breaker", "session", "device", "sign_in_throttle", "publication", "promise", "trail_mark",
    "ended_grant", "feed_pulse",
]  # fmt: skip
SUMMED = "SELECT (what, sum(count))::text FROM tally GROUP BY what"  # each minute its notes are
PROMISES = ",promises,"


@dataclass(frozen=True)
class Recording:
    """Who reported, and the body of each message once, in the order in which they came."""

    reporters: tuple[Reporter, ...]
    bodies: tuple[bytes, ...]


@contextmanager
def recorded(system: System) -> Iterator[Recording]:
    """Three reports: one carried through an objection to its rating, one withdrawn after two
    additions, and one that everybody ignored until the Ombudsman had it."""
    today = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    people = stage(system)
    with tap(system.broker) as heard, closing(people):
        reporters = (
            scenario.carried_through(people, today),
            withdrawn(people.client(), today),
            scenario.unanswered(people, system.clock.move, today),
        )
        quiet(system)
    bodies = {json.loads(body)["id"]: body for body in heard.bodies()}
    with closing(stage(system)) as again:
        for one in reporters:
            one.client = again.client()
        yield Recording(reporters, tuple(bodies.values()))


def withdrawn(client: Any, today: str) -> Reporter:
    citizen = Reporter(client)
    citizen.submit("Sampah menumpuk", "Sampah menumpuk di pasar sejak Senin.", today, None)
    for text in ("Baunya sampai ke sekolah.", "Sekarang juga di dekat masjid."):
        citizen.act("supplements", {"text": text})
    citizen.act("withdrawal", {"reason": "Sudah diangkut."})
    citizen.await_status("withdrawn")
    return citizen


def quiet(system: System, *, parked: bool = False, seconds: float = 120) -> None:
    """Waits until nothing is under way anywhere; with `parked`, what waits for a person may."""

    def still() -> bool:
        stuck = f"{STUCK} AND state <> 'parked'" if parked else STUCK
        open_rows = [
            system.psql(service, look)[0][0] for service in system.services
            for look in (stuck, UNSAID)
        ]  # fmt: skip
        if any(open_rows):
            return False  # the broker is asked last: that costs a second of a core
        left = [n for queue, n in system.broker.queues().items() if not queue.startswith("tap-")]
        return not any(left)

    eventually(lambda: still() and still(), "all is quiet", seconds=seconds, every=0.1)


def contents(system: System, about: str = "") -> dict[str, Counter[str]]:
    """Every row of every table as text, or those that name `about`; and the mailbox."""
    found = {}
    for service in system.services:
        for (table,) in system.psql(service, TABLES, [RESTLESS]):
            whole = f'SELECT t::text FROM "{table}" t'
            rows = system.psql(service, SUMMED if table == "tally" else whole)
            kept = (text for (text,) in rows if about in text and PROMISES not in text)
            found[f"{service}.{table}"] = Counter(kept)
    found["mails"] = Counter(mail.text for mail in system.mails() if about in mail.text)
    return found


def changed(before: dict[str, Counter[str]], now: dict[str, Counter[str]]) -> list[str]:
    """The places whose contents are not the same."""
    return sorted(place for place in before | now if before.get(place) != now.get(place))


def storm(broker: Broker, bodies: Sequence[bytes], copies: int) -> None:
    """Sends every message `copies` times, shuffled, from parallel connections of its sender."""
    shares = [copies // CONNECTIONS + (n < copies % CONNECTIONS) for n in range(CONNECTIONS)]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(lambda share: _send(broker, list(bodies) * share), shares))


@contextmanager
def echo(broker: Broker, copies: int) -> Iterator[Counter[str]]:
    """Sends every message again as soon as it is heard, so many times, while the block runs; how
    often each type was sent again."""
    stop, sent = threading.Event(), Counter[str]()

    def answer() -> None:
        done: set[str] = set()
        while not stop.wait(0.05):
            heard = {json.loads(body)["id"]: body for body in list(now.bodies())}
            fresh = {one: body for one, body in heard.items() if one not in done}
            storm(broker, list(fresh.values()), copies)
            done |= fresh.keys()
            sent.update(json.loads(body)["type"] for body in fresh.values())

    with tap(broker) as now:
        answering = threading.Thread(target=answer)
        answering.start()
        try:
            yield sent
        finally:
            stop.set()
            answering.join()


@contextmanager
def doubled_workers(system: System) -> Iterator[None]:
    """A second worker of every service while the block runs."""
    with ExitStack() as ends:
        units = []
        for service in system.services:
            first, port = system.process(f"{service}-worker"), free_port()
            environment = first.env | {"INTERNAL_PORT": str(port)}
            name = f"{service}-second-worker"
            log = first.log.with_stem(name)
            second = Forked(name, first.command, log=log, env=environment, cwd=first.cwd)
            ends.callback(second.stop)
            units.append(Unit(second, http_ready(port)))
        bring_up(units)
        yield


def _send(broker: Broker, bodies: list[bytes]) -> None:
    random.shuffle(bodies)
    by_sender: dict[str, dict[int, tuple[str, str, bytes]]] = defaultdict(dict)
    for n, body in enumerate(bodies):
        event = json.loads(body)
        by_sender[sender_of(event["source"])][n] = (event["type"], event["id"], body)
    for sender, batch in by_sender.items():
        with closing(Publisher(broker.uri(sender))) as publisher:
            keys = list(batch)
            for first in range(0, len(keys), 200):
                part = {key: batch[key] for key in keys[first : first + 200]}
                assert publisher.publish(part) == set(part)


def logged(system: System, level: str) -> Iterator[dict[str, Any]]:
    """What the services' processes have logged at a level."""
    for process in system.processes():
        if process.name.endswith(("-api", "-worker")):
            for line in process.log.read_text().splitlines():
                if (said := json.loads(line)).get("level") == level:
                    yield said


def clashes(system: System) -> int:
    """How often a row was refused because there was one like it."""
    return (system.postgres.folder / "postgres.log").read_text().count("duplicate key value")
