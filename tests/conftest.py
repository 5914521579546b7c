"""Fixtures for every test: what is slow to start is started once, and only when a test asks.

Nothing here imports eventlet: workers run as processes of their own, as they do in production.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.configuration import set_hypothesis_home_dir

from deploy import secrets
from deploy.local.broker import Broker
from deploy.local.environment import CACHE, STATE, Surroundings, passwords
from deploy.local.postgres import Postgres
from deploy.local.process import PORTS
from deploy.local.system import System
from tests.harness.cleaning import forget_runs
from tests.harness.databases import Database, Databases
from tests.harness.doors import Doors
from tests.harness.processes import ServiceProcess
from tests.harness.system import running
from tests.harness.time import MovedClock
from tests.harness.whole import pytest_runtest_makereport

__all__ = ["pytest_runtest_makereport"]  # for pytest, which looks here


def pytest_configure() -> None:
    """Keeps what pytest and hypothesis write inside of our folder, and runs beside others apart."""
    (STATE / "tmp").mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(STATE / "tmp"))
    set_hypothesis_home_dir(STATE / "cache" / "hypothesis")
    choose_examples(anew="LAPOR_DICE" in os.environ)
    take_ports()


def choose_examples(*, anew: bool) -> None:
    """Lets hypothesis try the same examples in every run: a change is judged and not its luck. How
    long one takes is nobody's promise."""
    same = {} if anew else {"derandomize": True, "database": None}
    lenient = [HealthCheck.too_slow]
    settings.register_profile(
        "lapor", deadline=None, print_blob=True, suppress_health_check=lenient, **same
    )
    settings.load_profile("lapor")  # hypothesis has one of its own, which it takes in CI


def take_ports() -> None:
    """Gives each process of a run its own part of the ports: none knows what another gave out."""
    worker, workers = (os.environ.get(f"PYTEST_XDIST_WORKER{more}") for more in ("", "_COUNT"))
    if worker and workers:
        first, last = os.environ.get("LAPOR_PORTS", PORTS).split("-")
        share = (int(last) + 1 - int(first)) // int(workers)
        mine = int(first) + share * (int(worker.removeprefix("gw")) % int(workers))
        os.environ["LAPOR_PORTS"] = f"{mine}-{mine + share - 1}"


@pytest.fixture(scope="session")
def cache() -> Path:
    """Where unpacked packages are kept between runs."""
    return CACHE


@pytest.fixture(scope="session")
def state(request: pytest.FixtureRequest) -> Iterator[Path]:
    """The folder of this run; its logs stay when a test failed."""
    folder = STATE / "test" / str(os.getpid())
    folder.mkdir(parents=True)
    forget_runs(folder.parent)
    yield folder
    if not request.session.testsfailed:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def secrets_folder(state: Path) -> Path:
    """Every secret of an installation, as files."""
    secrets.make(state / "secrets")
    return state / "secrets"


@pytest.fixture(scope="session")
def surroundings(state: Path, secrets_folder: Path) -> Surroundings:
    """Makes the environment of a service's process: `surroundings.environment("intake", ...)`."""
    return Surroundings(secrets=secrets_folder, lapor_env="test", clock_file=state / "clock")


@pytest.fixture(scope="session")
def broker(state: Path, secrets_folder: Path, cache: Path) -> Iterator[Broker]:
    """A private broker: `broker.uri("routing")`; `broker.uri()` is one who may do everything."""
    definitions = secrets_folder / "definitions.json"
    node = Broker(state / "broker", definitions, passwords(secrets_folder), cache)
    node.start()
    yield node
    node.process.kill()
    node.stop()


@pytest.fixture(scope="session")
def postgres(state: Path) -> Iterator[Postgres]:
    """A private database server."""
    server = Postgres(state / "postgres", durable=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def databases(postgres: Postgres, surroundings: Surroundings) -> Databases:
    """Makes databases, for fixtures that keep one longer than a test."""
    return Databases(postgres, surroundings)


@pytest.fixture(scope="module")
def system(state: Path, cache: Path, request: pytest.FixtureRequest) -> Iterator[System]:
    """A whole system for one module, which may kill its parts and move its clock."""
    with running(state / f"system-{request.module.__name__.rpartition('.')[2]}", cache) as one:
        yield one


@pytest.fixture(scope="session")
def doors(databases: Databases, surroundings: Surroundings, state: Path) -> Iterator[Doors]:
    """The API of every service, running on a database of its own with something in it."""
    from tests.harness.rooms import ROOMS  # only now: it imports what services are made of

    made = {}
    for service, room in ROOMS.items():
        database = databases.fresh(service)
        process = ServiceProcess("api", database, surroundings, state, LOG_LEVEL="INFO")
        made[service] = room(database, surroundings, process)
    opened = Doors(made)
    try:
        opened.start()
        yield opened
    finally:
        opened.close()


@pytest.fixture
def database(databases: Databases) -> Iterator[Callable[[str], Database]]:
    """`database("routing")` is a fresh, migrated database; it goes with the test."""
    made: list[Database] = []

    def make(service: str) -> Database:
        made.append(databases.fresh(service))
        return made[-1]

    yield make
    for one in made:
        databases.give_back(one)


@pytest.fixture
def empty_database(databases: Databases) -> Iterator[Callable[[str], Database]]:
    """`empty_database("routing")` has no table; it belongs to the role of that name."""
    made: list[Database] = []

    def make(role: str) -> Database:
        made.append(databases.empty(role))
        return made[-1]

    yield make
    for one in made:
        databases.drop(one)


@pytest.fixture
def run(surroundings: Surroundings, state: Path) -> Iterator[Callable[..., ServiceProcess]]:
    """`run("api", database, HTTP_THREADS="4")` starts a process; it ends with the test. It is
    waited for, unless it is to die at once (`ready=False`)."""
    started: list[ServiceProcess] = []

    def start(kind: str, of: Database, *, ready: bool = True, **more: str) -> ServiceProcess:
        one = ServiceProcess(kind, of, surroundings, state, **more)
        started.append(one)
        if not ready:
            one.process.start()
            return one
        return one.start()

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def clock(surroundings: Surroundings) -> Iterator[MovedClock]:
    """Moves the time of every process that this test runs."""
    moved = MovedClock(surroundings.clock_file)
    yield moved
    moved.reset()
