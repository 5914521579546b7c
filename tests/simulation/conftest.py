"""The three services of the simulation, on databases that all histories share one after another."""

from collections.abc import Iterator

import pytest

from tests.harness.databases import Databases
from tests.simulation.parts import HEARS, Part


@pytest.fixture(scope="package")
def parts(databases: Databases) -> Iterator[list[Part]]:
    made = [databases.empty(name) for name in HEARS]
    ready = [Part(database) for database in made]
    yield ready
    for part in ready:
        part.end()
    for database in made:
        databases.drop(database)
