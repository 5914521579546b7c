"""A tower with a fresh database for each test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local.broker import Broker
from deploy.local.environment import Surroundings
from tests.harness.between import Between, between
from tests.harness.databases import Database, Databases
from tests.harness.outside import Outside
from tests.harness.processes import ServiceProcess
from tests.service.escalation.desk import Desk
from tests.service.escalation.office import Office, furnished
from tests.service.escalation.overseer import Overseer, handed_over
from tests.service.escalation.reader import Reader
from tests.service.escalation.tower import Tower
from tests.service.escalation.vault import Vault
from tests.service.escalation.window import Window


@pytest.fixture(scope="session")
def planted(databases: Databases, secrets_folder: Path) -> Database:
    """With calendar, limits and ladder: most tests begin with a copy of it."""
    made = databases.fresh("escalation")
    Tower(made, secrets_folder).close()
    return made


@pytest.fixture
def tower(databases: Databases, planted: Database, secrets_folder: Path) -> Iterator[Tower]:
    database = databases.copy(planted)
    made = Tower(database, secrets_folder, seeded=False)
    yield made
    made.close()
    databases.give_back(database)


@pytest.fixture
def bare_tower(database: Callable[[str], Database], secrets_folder: Path) -> Iterator[Tower]:
    """Without calendar, limits and ladder."""
    made = Tower(database("escalation"), secrets_folder, seeded=False)
    yield made
    made.close()


@pytest.fixture
def overseer(tower: Tower, secrets_folder: Path) -> Overseer:
    """The Ombudsman, to whom a case was handed over."""
    handed_over(tower)
    return Overseer(tower, secrets_folder)


@pytest.fixture
def office(
    database: Callable[[str], Database], secrets_folder: Path, broker: Broker, state: Path
) -> Iterator[Office]:
    """Workers that race, die and are looked at."""
    with furnished(database("escalation"), secrets_folder, broker, state) as made:
        yield made


@pytest.fixture
def reader(bare_tower: Tower, secrets_folder: Path) -> Reader:
    """Who reads the bare tower's feed."""
    return Reader(bare_tower, secrets_folder)


@pytest.fixture
def vault(bare_tower: Tower, tmp_path: Path) -> Vault:
    """The keys of the bare tower's feed."""
    return Vault(tmp_path / "vault", bare_tower)


@pytest.fixture
def desk(tower: Tower, secrets_folder: Path) -> Desk:
    return Desk(tower, secrets_folder)


@pytest.fixture
def window(tower: Tower, secrets_folder: Path) -> Window:
    return Window(tower, secrets_folder)


@pytest.fixture
def way(tower: Tower, surroundings: Surroundings, state: Path) -> Iterator[Between]:
    """The API as a process, with somebody in between."""
    handed_over(tower)
    process = ServiceProcess("api", tower.database, surroundings, state)
    with between(process.start().url) as made:
        yield made
    process.stop()


@pytest.fixture
def outside(way: Between, secrets_folder: Path, tmp_path: Path) -> Outside:
    made = Outside(tmp_path / "ombudsman", way.url, secrets_folder)
    assert made.pin() == 0, made.said
    return made
