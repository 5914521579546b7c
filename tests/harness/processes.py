"""One process of one service, as it runs in production, for a test to ask, break and read."""

import json
import sys
from contextlib import closing
from pathlib import Path

import httpx

from chassis import wire
from deploy.local.environment import ROOT, Surroundings
from deploy.local.plain import PLAIN
from deploy.local.process import free_port, wait_until
from deploy.rabbitmq.definitions import HEARS
from tests.harness.databases import Database
from tests.harness.programs import Forked

_begun: set[str] = set()  # the databases that a worker has had


class ServiceProcess:
    """`api` or `worker` of the service that `database` belongs to; variables in `more` win."""

    def __init__(
        self, kind: str, database: Database, around: Surroundings, folder: Path, **more: str
    ) -> None:
        self.port, self.internal_port = free_port(), free_port()
        self.service = database.service
        environment = around.environment(
            self.service,
            DATABASE_URL=database.url,
            HTTP_PORT=str(self.port),
            INTERNAL_PORT=str(self.internal_port),
            **{"LOG_LEVEL": "DEBUG", **more},
        )
        if kind == "worker" and more.get("AMQP_URI") and database.name not in _begun:
            _begun.add(database.name)
            _forget(self.service, more["AMQP_URI"])
        self.process = Forked(
            f"{self.service} {kind}",
            [sys.executable, "-m", f"services.{self.service}", kind],
            log=folder / f"{database.name}-{kind}-{self.port}.log",
            env=environment,
            cwd=ROOT,
        )

    def start(self) -> "ServiceProcess":
        """Returns when the process says that it is ready."""
        self.process.start()
        wait_until(self.is_ready, self.process, seconds=30)
        return self

    def stop(self) -> None:
        """Asks it to end, and waits until it has."""
        self.process.stop()

    def kill(self) -> None:
        """Ends it as a crash would."""
        self.process.kill()

    @property
    def url(self) -> str:
        """Where an api listens."""
        return f"http://127.0.0.1:{self.port}"

    def is_ready(self) -> bool:
        """What its health says."""
        try:
            return self._internal("/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    def metrics(self) -> str:
        """Its measures, as text."""
        return self._internal("/metrics").text

    def logged(self) -> list[dict[str, object]]:
        """Every line it has logged; each must be a JSON object."""
        return [json.loads(line) for line in self.process.log.read_text().splitlines()]

    def _internal(self, path: str) -> httpx.Response:
        url = f"http://127.0.0.1:{self.internal_port}{path}"
        return httpx.get(url, timeout=5, trust_env=False, verify=PLAIN)


def _forget(service: str, uri: str) -> None:
    """Empties a service's queues: a fresh database has no part in what earlier tests said."""
    with closing(wire.connect(uri)) as connection:
        for queue in wire.queues(service, HEARS[service]):
            queue(connection.channel()).declare()
            queue(connection.channel()).purge()
