"""One furnished office for a module's tests; each test brings its own cases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.databases import Databases
from tests.service.routing.office import QUICK, Office, furnish


@pytest.fixture(scope="module")
def stored() -> str:
    """The officers' password, as it is stored."""
    return QUICK


@pytest.fixture(scope="module")
def office(databases: Databases, stored: str) -> Iterator[Office]:
    database = databases.fresh("routing")
    furnish(database, stored)
    made = Office(database)
    yield made
    made.close()
    databases.drop(database)


@pytest.fixture
def still(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time stands, but for what the test moves: a second is soon over on a busy machine."""
    began = office.clock.real() - office.clock.moved
    monkeypatch.setattr(office.clock, "real", lambda: began + office.clock.moved)


@pytest.fixture(autouse=True)
def _present(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whoever moved the clock finds it back in the present."""
    yield
    if "office" in request.fixturenames:
        request.getfixturevalue("office").now_again()
