"""The migrations make what the models say, and guard what the database must guard."""

from importlib import import_module
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, create_engine, text
from sqlalchemy.exc import DBAPIError

import contracts
from chassis.tables import NAMES
from services.escalation import models
from services.escalation.domain import What
from services.escalation.ombudsman import feed
from services.escalation.watch.clockwork import Clock
from services.escalation.watch.workdays import Unit
from tests.service.escalation.tower import NUMBER, Tower


def test_the_database_is_as_the_models_say(tower: Tower) -> None:
    def ours(name: str | None, kind: str, _: object) -> bool:
        return kind != "table" or name not in NAMES | {"alembic_version"}

    with tower.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_name": ours, "compare_type": True}
        )
        assert compare_metadata(context, models.Base.metadata) == []


def checks(tower: Tower) -> dict[str, set[str]]:
    """The words that each check constraint names."""
    rows = tower.database.psql(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c'"
    )
    return {name: set(rule.split("'")[1::2]) for name, rule in rows}


def test_every_closed_set_is_checked_by_the_database(tower: Tower) -> None:
    written = checks(tower)

    assert written["clock_clock_known"] == set(Clock)
    assert written["due_what_known"] == set(What)
    assert written["limit_rule_unit_known"] == set(Unit)
    assert written["feed_stream_stream_known"] == set(models.STREAMS)
    named = {
        str(check.name): set(str(check.sqltext).split("'")[1::2])
        for table in models.Base.metadata.tables.values()
        for check in table.constraints
        if isinstance(check, CheckConstraint)
    }
    assert named == {name: written.get(name) for name in named}


def test_the_ladder_can_raise_only_what_can_be_said(tower: Tower) -> None:
    told: dict[str, Any] = contracts.schema("escalation.raised.v1")["properties"]

    written = checks(tower)

    assert written["ladder_rule_raised_known"] == set(told["clock"]["enum"])
    assert written["ladder_rule_brought_to_known"] - {"holder"} == set(told["to"]["enum"])
    assert written["ladder_rule_only_holders_reminded"] == {"holder"}


def test_a_database_that_was_seeded_before_gets_the_rows_of_a_new_one(tower: Tower) -> None:
    """The Ombudsman's limits and their rungs came later than the others."""
    rules = (
        "SELECT clock, kind, class, days, unit, effective_from, decree FROM limit_rule ORDER BY 1",
        "SELECT clock, class, level, after_days, brought_to, effective_from, decree"
        " FROM ladder_rule ORDER BY 1, 2, 3",
    )
    seeded = [tower.database.psql(sql) for sql in rules]
    versions = "services.escalation.migrations.versions"
    added = import_module(f"{versions}.0009_return_path").ROWS
    reworded = import_module(f"{versions}.0035_decrees_in_indonesian").statements()

    owner = create_engine(tower.database.owner_url)
    with owner.begin() as connection:
        connection.execute(text("DELETE FROM limit_rule WHERE clock IN ('C', 'O')"))
        connection.execute(text("DELETE FROM ladder_rule WHERE clock IN ('C', 'O')"))
        for statement in (added, *reworded):
            connection.exec_driver_sql(statement)
    owner.dispose()

    assert [tower.database.psql(sql) for sql in rules] == seeded


def test_a_database_that_was_never_seeded_gets_none(bare_tower: Tower) -> None:
    assert bare_tower.count("SELECT count(*) FROM limit_rule") == 0
    assert bare_tower.count("SELECT count(*) FROM ladder_rule") == 0


@pytest.mark.parametrize(
    ("clock", "level", "to"),
    [
        ("R", 1, "sekda"),
        ("H", 3, "bupati"),
        ("V", 1, "camat"),
        ("V", 1, "holder"),
        ("V", 0, "sekda"),
    ],
)
def test_a_rung_that_no_event_could_tell_of_is_refused(
    tower: Tower, clock: str, level: int, to: str
) -> None:
    rung = {"clock": clock, "level": level, "after": level or -1, "to": to}
    insert = text(
        "INSERT INTO ladder_rule (clock, level, after_days, brought_to, effective_from, decree)"
        " VALUES (:clock, :level, :after, :to, '2030-01-01', 'x')"
    )

    with pytest.raises(DBAPIError, match="check constraint"), tower.engine.begin() as connection:
        connection.execute(insert, rung)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE feed_entry SET position = 7",
        "DELETE FROM feed_entry",
        "TRUNCATE feed_entry",
        "UPDATE feed_checkpoint SET position = 7",
        "DELETE FROM feed_checkpoint",
        "UPDATE feed_key SET kid = 'x'",
        "UPDATE feed_key_use SET since = now()",
        "DELETE FROM feed_key_withdrawal",
        "DELETE FROM feed_epoch",
        "DELETE FROM feed_acknowledgement",
    ],
)
def test_the_feed_can_only_be_appended_to(tower: Tower, statement: str) -> None:
    """The service lacks the right; who has it, the owner, is stopped all the same."""
    owner = create_engine(tower.database.owner_url)
    for engine, why in ((tower.engine, "permission denied"), (owner, "only added to")):
        with pytest.raises(DBAPIError, match=why), engine.begin() as connection:
            connection.execute(text(statement))
    owner.dispose()


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
    """Whoever it is: the service itself only adds to rules."""
    before = tower.count("SELECT version FROM regime")

    tower.database.psql(statement)

    assert tower.count("SELECT version FROM regime") > before


def test_the_ombudsman_is_told_late_of_consents_that_ended_before_that_was_told(
    tower: Tower,
) -> None:
    """What 0032 does to a database in which a case was handed over by one that is gone since."""
    versions = "services.escalation.migrations.versions"
    migration = import_module(f"{versions}.0032_consents_that_ended_later")
    other = "KTB-23456-78901"
    erased = "KTB-34567-89012"  # by an operator, who took the consent away then, too
    for number in (NUMBER, other, erased):
        tower.begin_work(number)
        tower.hear("report.escalation_consented.v1", number, sealed=None, key_id=None, sha256=None)
    tower.at("2027-01-02 10:00").sweep()
    tower.append()
    tower.at("2027-01-20 10:00")
    with tower.engine.begin() as connection:
        connection.execute(text("DELETE FROM consent WHERE number = :n"), {"n": NUMBER})
        connection.execute(
            text("INSERT INTO consent_end (number, at) VALUES (:n, :at)"),
            {"n": NUMBER, "at": tower.clock.at},
        )
        for gone in ("DELETE FROM consent", "UPDATE dossier SET erased_at = now()"):
            connection.execute(text(f"{gone} WHERE number = :n"), {"n": erased})
        for statement in (migration.ENDED, migration.TOLD):
            connection.exec_driver_sql(statement)
    tower.append()

    told = [e for e in tower.entries("handovers") if e["type"] == feed.CONSENT_ENDED]
    assert [(e["subject"], e["data"]["at"]) for e in told] == [
        (NUMBER, "2027-01-20T02:00:00.000000Z")
    ]
