"""What the runbook has an operator restore is the database as it was."""

from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local.postgres import ADMINISTRATOR
from deploy.postgres.databases import SERVICES
from tests.harness.databases import Database, Databases
from tests.harness.dumps import dump, restore

TABLES = """
    SELECT relname, relowner::regrole::text, relacl::text FROM pg_class
    WHERE relnamespace = 'public'::regnamespace ORDER BY relname
"""
LATER = "CREATE TABLE came_with_an_upgrade ()"


def as_administrator(database: Database) -> str:
    server = database.server
    return server.url(ADMINISTRATOR, server._read_password(), database.name)


@pytest.mark.parametrize("service", SERVICES)
def test_a_restored_database_is_as_it_was(
    database: Callable[[str], Database], service: str, tmp_path: Path
) -> None:
    one = database(service)
    before = one.psql(TABLES)
    dump(as_administrator(one), tmp_path / "dump")
    one.psql("DELETE FROM alembic_version")

    restore(as_administrator(one), tmp_path / "dump")

    assert one.psql(TABLES) == before
    assert len(one.psql("SELECT 1 FROM alembic_version")) == 1


def test_what_an_upgrade_added_is_gone_from_a_new_database_only(
    database: Callable[[str], Database], databases: Databases, tmp_path: Path
) -> None:
    one = database("intake")
    before = one.psql(TABLES)
    dump(as_administrator(one), tmp_path / "dump")
    one.psql(LATER)

    restore(as_administrator(one), tmp_path / "dump")
    assert len(one.psql(TABLES)) == len(before) + 1  # its migration would find it there

    empty = databases._clone("intake", "intake_owner", "template0")
    restore(as_administrator(empty), tmp_path / "dump", into_empty=True)
    try:
        assert empty.psql(TABLES) == before
    finally:
        databases.drop(empty)
