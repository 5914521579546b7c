"""The migrations make what the models say."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from chassis.tables import NAMES
from services.notify import domain, models
from tests.service.notify.desk import Desk


def test_the_database_is_as_the_models_say(desk: Desk) -> None:
    def ours(name: str | None, kind: str, _: object) -> bool:
        return kind != "table" or name not in NAMES | {"alembic_version"}

    with desk.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_name": ours, "compare_type": True}
        )
        assert compare_metadata(context, models.Base.metadata) == []


def test_every_closed_set_is_checked_by_the_database(desk: Desk) -> None:
    checks = desk.database.psql(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c'"
    )
    written = {name: set(rule.split("'")[1::2]) for name, rule in checks}

    assert written["message_about_known"] == set(domain.About)
    assert written["message_state_known"] == set(models.MESSAGE_STATES)
    assert written["message_reason_known"] == set(models.REASONS)
    assert written["attempt_outcome_known"] == set(models.OUTCOMES)
    assert written["attempt_reply_known"] == set(domain.Reply)
    assert written["reporter_state_known"] == set(models.REPORTER_STATES)
    named = {c.name for t in models.Base.metadata.tables.values() for c in t.constraints}
    assert {name for name in named if name and "_" in str(name)} <= set(written) | {"message_once"}
