"""A database that was seeded in English says in Indonesian what the system says for want of a
decree; nothing was decreed by that, and nothing is counted otherwise."""

from collections.abc import Iterator
from importlib import import_module

import pytest
from sqlalchemy import Engine, create_engine

from services.escalation.ombudsman import records
from tests.service.escalation.desk import LIMIT, RUNG, Desk
from tests.service.escalation.tower import Tower

MIGRATION = import_module("services.escalation.migrations.versions.0035_decrees_in_indonesian")
FORMERLY = "SP4N-LAPOR! practice"
ROWS = (
    "SELECT id, decree FROM limit_rule ORDER BY id",
    "SELECT id, decree FROM ladder_rule ORDER BY id",
    "SELECT year, decree FROM calendar_year ORDER BY year",
    "SELECT day, name, kind, basis, imported, regime FROM calendar_day ORDER BY day",
    "SELECT * FROM former_day ORDER BY id",
)
LASTING = (
    "SELECT version FROM regime",
    "SELECT * FROM amendment",
    "SELECT * FROM feed_pending",
    "SELECT id, due_at, rule_id, regime FROM clock ORDER BY id",
)
REWOUND = """
ALTER TABLE {table} DISABLE TRIGGER USER;
UPDATE {table} SET {column} = '{was}' WHERE {column} = '{now}';
ALTER TABLE {table} ENABLE TRIGGER USER;
"""
DAYS = {
    "belum ditetapkan": "not decreed yet",
    "SKB 3 Menteri 2024 (nomor tidak tercatat)": "SKB 3 Menteri 2024 (number not recorded)",
}


@pytest.fixture
def owner(tower: Tower) -> Iterator[Engine]:
    engine = create_engine(tower.database.owner_url)
    yield engine
    engine.dispose()


def rewind(owner: Engine) -> None:
    """Says everything as it was seeded formerly."""
    texts = {
        "limit_rule": ("decree", {now: was for was, now in MIGRATION.TEXTS.items()}),
        "ladder_rule": ("decree", {now: was for was, now in MIGRATION.TEXTS.items()}),
        "calendar_year": ("decree", DAYS),
        "calendar_day": ("basis", DAYS),
        "former_day": ("basis", DAYS),
    }
    with owner.begin() as connection:
        for table, (column, words) in texts.items():
            for now, was in words.items():
                said = was.replace("'", "''")
                connection.exec_driver_sql(
                    REWOUND.format(table=table, column=column, was=said, now=now)
                )


def reword(owner: Engine) -> None:
    with owner.begin() as connection:
        for statement in MIGRATION.statements():
            connection.exec_driver_sql(statement)


def read(tower: Tower, asked: tuple[str, ...]) -> list[list[tuple[object, ...]]]:
    return [tower.database.psql(sql) for sql in asked]


def test_what_was_seeded_formerly_becomes_what_is_seeded_now(tower: Tower, owner: Engine) -> None:
    year = "INSERT INTO calendar_year VALUES (2024, 'SKB 3 Menteri 2024 (nomor tidak tercatat)')"
    tower.database.psql(year)
    tower.database.psql("DELETE FROM calendar_day WHERE day = '2028-01-01'")  # kept as a former one
    tower.begin_work()
    seeded, lasting = read(tower, ROWS), read(tower, LASTING)
    rewind(owner)
    assert all(one != other for one, other in zip(read(tower, ROWS), seeded, strict=True))

    reword(owner)

    assert read(tower, ROWS) == seeded
    assert read(tower, LASTING) == lasting
    reword(owner)  # which finds nothing more
    assert read(tower, ROWS) == seeded


def test_an_import_finds_nothing_changed_by_it(tower: Tower, owner: Engine) -> None:
    rewind(owner)
    reword(owner)

    tower.plant()

    assert tower.count("SELECT count(*) FROM amendment") == 0
    with tower.db.begin() as tx:
        assert records.first_broken(tx) is None


def test_what_an_administrator_decreed_keeps_its_words(
    tower: Tower, desk: Desk, owner: Engine
) -> None:
    """Also the very ones, from the very day: they are proved on the feed."""
    since = {"decree": FORMERLY, "effective_from": "2019-01-01", "retroactive": True}
    ours = [desk.decree("limits", LIMIT | since), desk.decree("ladder", RUNG | since)]

    reword(owner)

    shown = desk.see("limits")["limits"], desk.see("ladder")["ladder"]
    for made, rows in zip(ours, shown, strict=True):
        assert [row["decree"] for row in rows if row["id"] == made["id"]] == [FORMERLY]
    with tower.db.begin() as tx:
        assert records.first_broken(tx) is None


def test_tables_that_are_only_added_to_are_so_again(tower: Tower, owner: Engine) -> None:
    rested = "SELECT count(*) FROM pg_trigger WHERE tgenabled <> 'O'"

    reword(owner)

    assert tower.count(rested) == 0
