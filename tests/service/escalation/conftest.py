"""A tower with a fresh database for each test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local.broker import Broker
from tests.harness.databases import Database
from tests.service.escalation.desk import Desk
from tests.service.escalation.office import Office, furnished
from tests.service.escalation.overseer import Overseer, handed_over
from tests.service.escalation.reader import Reader
from tests.service.escalation.tower import Tower


@pytest.fixture
def tower(database: Callable[[str], Database], secrets_folder: Path) -> Iterator[Tower]:
    made = Tower(database("escalation"), secrets_folder)
    yield made
    made.close()


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
def desk(tower: Tower, secrets_folder: Path) -> Desk:
    return Desk(tower, secrets_folder)
