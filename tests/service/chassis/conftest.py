"""Intake's database, for the tests of what every service stands on, and its worker's own code."""

from collections.abc import Callable, Iterator

import pytest

from chassis.clock import Clock
from chassis.database import Transactions, engine
from services.intake.service import Intake
from tests.harness.databases import Database


@pytest.fixture
def db(database: Callable[[str], Database]) -> Database:
    """A fresh one."""
    return database("intake")


@pytest.fixture
def intake(db: Database) -> Iterator[Intake]:
    """What the worker does, without a broker."""
    service, bind = Intake(), engine(db.url, 4)
    service.db, service.clock = Transactions(bind), Clock()
    yield service
    bind.dispose()
