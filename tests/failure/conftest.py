"""What the tests share that break a network between services and an engine."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from deploy.local.system import System
from tests.harness.checker import settled
from tests.harness.history import History
from tests.harness.networks import apart
from tests.harness.proxy import Proxy
from tests.harness.workload import Workload


@pytest.fixture(scope="module")
def parts(
    request: pytest.FixtureRequest, state: Path, cache: Path
) -> Iterator[tuple[System, Mapping[str, Proxy]]]:
    """A system of the module's own, and the network between each of its services and the engine
    that the module names (`ENGINE`)."""
    name = request.module.__name__.rpartition(".test_")[2]
    with apart(state / f"system-{name}", cache, request.module.ENGINE) as parts:
        yield parts


@pytest.fixture(scope="module")
def networks(parts: tuple[System, Mapping[str, Proxy]]) -> Mapping[str, Proxy]:
    """Of each service."""
    return parts[1]


@pytest.fixture(scope="module")
def work(system: System) -> Workload:
    """Reports for the module's system. One history for all: each test is judged together with those
    before it."""
    work = Workload(system, History(system.folder / "history.jsonl"), lives=False)
    work.run(3)
    settled(system, work.history.file)
    return work
