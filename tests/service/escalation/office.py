"""Escalation's workers as processes, beside a tower that sends what routing would, and looks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from chassis import strict_json
from deploy.local.broker import Broker
from deploy.local.environment import Surroundings
from tests.harness.databases import Database
from tests.harness.processes import ServiceProcess
from tests.harness.publishing import publish_raw
from tests.harness.time import MovedClock
from tests.harness.waiting import eventually
from tests.service.escalation.tower import Tower, local

NUMBERS = [f"KTB-45678-{n:05}" for n in range(12)]
ONCE = ["passed V", "raised V 1 head_of_coordinator"]
LOOKED = re.compile(r'entrypoint_seconds_count\{entrypoint="sweep",outcome="ok".*\} (\S+)')


class Office:
    """Escalation among the others. The tower sends what routing would, and looks; here it handles
    nothing itself."""

    def __init__(self, tower: Tower, broker: Broker, around: Surroundings, state: Path) -> None:
        self.tower, self.running = tower, list[ServiceProcess]()
        self.clock = MovedClock(around.clock_file)
        self._broker, self._around, self._state = broker, around, state

    def start(self, **more: str) -> ServiceProcess:
        """One more worker, when it is ready."""
        return self.launch(**more).start()

    def launch(self, **more: str) -> ServiceProcess:
        """One more worker, not started yet."""
        uri = self._broker.uri("escalation")
        more = {"AMQP_URI": uri, "BREAKER_FLOOR": "1000"} | more
        worker = ServiceProcess("worker", self.tower.database, self._around, self._state, **more)
        self.running.append(worker)
        return worker

    def at(self, text: str) -> None:
        """Sets the workers' clock to a local time, from which it goes on."""
        self.clock.set(local(text) - datetime.now(UTC))

    def stop(self) -> None:
        """All of them."""
        while self.running:
            self.running.pop().stop()

    def open(self) -> None:
        """Twelve cases, as routing would tell of them."""
        self.publish("case.opened.v1", NUMBERS)
        eventually(lambda: self.count("SELECT count(*) FROM case_state") == len(NUMBERS))

    def open_more(self) -> None:
        """One case more, over the broker."""
        self.publish("case.opened.v1", ["KTB-45678-99999"])

    def publish(self, type: str, numbers: list[str], at: datetime | None = None) -> None:
        """Sends an event of each case, over the broker; of now unless a time is given."""
        batch = {}
        for number in numbers:
            body = self.tower.stream.body(type, number, at or self.tower.clock.real())
            batch[number] = (type, strict_json.loads(body)["id"], body)
        publish_raw(self._broker, "routing", batch)

    def open_here(self) -> None:
        """The same without broker and worker; the workers' clock is moved past every V."""
        self.tower.clock.at = self.tower.clock.real()
        for number in NUMBERS:
            self.tower.open(number)
        self.clock.move(timedelta(days=21))

    def count(self, sql: str) -> int:
        return self.tower.count(sql)

    def fired(self) -> list[list[str]]:
        """The first two things that were fired of each case."""
        return [self.tower.fired(number)[:2] for number in NUMBERS]

    def all_fired(self) -> bool:
        return self.fired() == [ONCE] * len(NUMBERS)


def looks(worker: ServiceProcess) -> float:
    """How often it has looked whether anything is due."""
    try:
        found = LOOKED.search(worker.metrics())
    except httpx.TransportError:  # it is on its way up
        return 0
    return float(found[1]) if found else 0


def look_again(worker: ServiceProcess, times: int = 3) -> None:
    """Returns when it has looked so often from now on: what it fires meanwhile stands there."""
    enough = looks(worker) + times
    eventually(lambda: looks(worker) >= enough, "it looks", seconds=30)


@contextmanager
def furnished(database: Database, secrets: Path, broker: Broker, state: Path) -> Iterator[Office]:
    """An office on a database with calendar, limits and ladder, and a clock of its own."""
    tower, clock = Tower(database, secrets), state / f"{database.name}-clock"
    around = Surroundings(secrets=secrets, lapor_env="test", clock_file=clock)
    made = Office(tower, broker, around, state)
    yield made
    made.stop()
    tower.close()
