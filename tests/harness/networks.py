"""A whole system whose services reach the broker each by a piece of network of its own."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from deploy.local.system import System
from deploy.postgres.databases import SERVICES
from tests.harness.proxy import Proxy


@contextmanager
def apart(folder: Path, cache: Path) -> Iterator[tuple[System, Mapping[str, Proxy]]]:
    """The system, and the network between each service and the broker."""
    started: list[System] = []  # the networks are there before the system, and its ports
    with ExitStack() as stack:
        between = {s: stack.enter_context(Proxy(lambda: started[0].broker.port)) for s in SERVICES}
        via = {(service, "rabbitmq"): one.port for service, one in between.items()}
        system = System(folder, env="test", cache=cache, via=via)
        started.append(system)
        with system:
            yield system, between
