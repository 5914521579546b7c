"""A whole system whose services reach an engine each by a piece of network of its own."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from deploy.local.system import System
from deploy.postgres.databases import SERVICES
from tests.harness.proxy import Proxy
from tests.harness.system import begun


@contextmanager
def apart(
    folder: Path, cache: Path, engine: str = "rabbitmq"
) -> Iterator[tuple[System, Mapping[str, Proxy]]]:
    """The system, and the network between each service and the broker, or `postgres`."""
    started: list[System] = []  # the networks are there before the system, and its ports

    def port() -> int:
        engines = started[0].broker if engine == "rabbitmq" else started[0].postgres
        return engines.port

    with ExitStack() as stack:
        between = {s: stack.enter_context(Proxy(port)) for s in SERVICES}
        via = {(service, engine): one.port for service, one in between.items()}
        system = begun(folder, cache, via=via)
        started.append(system)
        with system:
            yield system, between


@contextmanager
def swallowing(networks: Mapping[Proxy, tuple[str, ...]]) -> Iterator[float]:
    """Bytes vanish in these directions while the block runs; since when, by the steady clock."""
    for network, directions in networks.items():
        network.blackhole(*directions)
    try:
        yield time.monotonic()
    finally:
        for network in networks:
            network.heal()
