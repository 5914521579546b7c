"""A desk with a fresh database, and a mail server, for each test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.databases import Database
from tests.harness.postbox import Postbox
from tests.service.notify.desk import Desk


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
