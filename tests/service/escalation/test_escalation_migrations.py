"""The migrations make what the models say, and guard what the database must guard."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from chassis.tables import NAMES
from services.escalation import models
from services.escalation.clockwork import Clock
from services.escalation.domain import What
from services.escalation.workdays import Unit
from tests.service.escalation.tower import Tower


def test_the_database_is_as_the_models_say(tower: Tower) -> None:
    def ours(name: str | None, kind: str, _: object) -> bool:
        return kind != "table" or name not in NAMES | {"alembic_version"}

    with tower.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_name": ours, "compare_type": True}
        )
        assert compare_metadata(context, models.Base.metadata) == []


def test_every_closed_set_is_checked_by_the_database(tower: Tower) -> None:
    checks = tower.database.psql(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c'"
    )
    written = {name: set(rule.split("'")[1::2]) for name, rule in checks}

    assert written["clock_clock_known"] == set(Clock)
    assert written["due_what_known"] == set(What)
    assert written["limit_rule_unit_known"] == set(Unit)
    assert written["feed_stream_stream_known"] == set(models.STREAMS)
    named = [c.name for t in models.Base.metadata.tables.values() for c in t.constraints]
    assert {str(n) for n in named if n and not str(n).endswith("once")} <= set(written)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE feed_entry SET position = 7",
        "DELETE FROM feed_entry",
        "TRUNCATE feed_entry",
    ],
)
def test_the_feed_can_only_be_appended_to(tower: Tower, statement: str) -> None:
    with pytest.raises(DBAPIError, match="never changed"), tower.engine.begin() as connection:
        connection.execute(text(statement))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE limit_rule SET days = 4 WHERE clock = 'V'",
        "INSERT INTO calendar_day VALUES ('2026-12-01', 'Hari jadi', 'local', 'Perbup', false)",
        "UPDATE calendar_year SET decree = 'x' WHERE year = 2028",
        "DELETE FROM ladder_rule",
    ],
)
def test_whoever_changes_what_dates_follow_from_begins_a_new_regime(
    tower: Tower, statement: str
) -> None:
    before = tower.count("SELECT version FROM regime")

    with tower.engine.begin() as connection:
        connection.execute(text(statement))

    assert tower.count("SELECT version FROM regime") > before
