"""A desk with a fresh database, and a mail server, for each test."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.harness.databases import Database
from tests.harness.postbox import Postbox
from tests.service.notify.desk import Desk, furnish, known


@pytest.fixture
def postbox() -> Iterator[Postbox]:
    box = Postbox()
    box.start()
    yield box
    box.stop()


@pytest.fixture
def desk(
    database: Callable[[str], Database], secrets_folder: Path, postbox: Postbox
) -> Iterator[Desk]:
    made = Desk(database("notify"), secrets_folder, postbox)
    yield made
    made.close()


@pytest.fixture
def at_night(desk: Desk) -> Desk:
    """Half past eleven in the evening, with a night from nine to six."""
    known(desk)
    furnish(desk)
    local = datetime.now(UTC) + timedelta(hours=8)
    evening = local.replace(hour=23, minute=30, second=0, microsecond=0)
    desk.clock.moved = evening - local + timedelta(days=1)
    desk.settings = replace(desk.settings, quiet_hours="21-06")
    desk.notify.settings = desk.settings
    return desk
