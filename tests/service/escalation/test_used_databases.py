"""A test's database may be one that another has used: nothing of that may be left in it."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from tests.harness import databases as harness
from tests.harness import restoring
from tests.harness.databases import Database, Databases
from tests.service.escalation.tower import Tower

pytestmark = pytest.mark.fault

SEQUENCES = "SELECT seqrelid::regclass::text FROM pg_sequence ORDER BY 1"
TABLES = "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relname !~ '^(pg|sql)_'"
UNDONE = [
    "SELECT 1",
    "DELETE FROM breaker",
    "DELETE FROM feed_broadcast",
    "UPDATE feed_stream SET epoch = epoch",
    "SELECT setval(seqrelid::regclass, 4711) FROM pg_sequence",
]
LASTING = [
    "UPDATE calendar_day SET day = day",
    "DELETE FROM calendar_day",
    "TRUNCATE breaker",
    "ALTER TABLE due ADD COLUMN more text",
    "ALTER TABLE due DISABLE TRIGGER ALL",
    "ALTER TABLE due OWNER TO postgres",
    "CREATE TABLE another (id int)",
    "CREATE SCHEMA another CREATE TABLE place (id int)",
    "CREATE INDEX another ON due (id)",
    "DROP TABLE due CASCADE",
    "GRANT TRUNCATE ON due TO escalation",
    "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO escalation",
    "CREATE FUNCTION more() RETURNS int LANGUAGE sql RETURN 1",
    "CREATE EXTENSION pg_trgm",
    "ANALYZE calendar_day",
    "SELECT lo_create(0)",
    "ALTER DATABASE {name} SET statement_timeout = '1s'",
    "ALTER DATABASE {name} CONNECTION LIMIT 7",
    "GRANT CONNECT ON DATABASE {name} TO PUBLIC",
]


def content(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Every row, in the order in which it lies there, and what each sequence gives next."""
    told = {}
    with database.server.session(database.name) as run:
        for (name,) in run(TABLES):
            told[name] = run(f"SELECT t::text FROM {name} t")
        for (name,) in run(SEQUENCES):
            told[name] = run(f"SELECT last_value, is_called FROM {name}")
    return told


def work(database: Database, secrets: Path) -> None:
    """Something in most tables."""
    with closing(Tower(database, secrets, seeded=False)) as tower:
        tower.begin_work()
        tower.at("2026-12-02 10:00").sweep()
        tower.append()


def again(databases: Databases, used: Database, template: Database) -> Database | None:
    """What the next test gets, if it is the one that was used."""
    number = identity(used)
    databases.give_back(used)
    following = databases.copy(template)
    if identity(following) == number:
        return following
    databases.drop(following)
    return None


def identity(database: Database) -> object:
    return database.psql("SELECT oid FROM pg_database WHERE datname = current_database()")


def used_again(
    databases: Databases, template: Database, use: Callable[[Database], object], times: int = 1
) -> Database:
    """What the next test gets, after it was used so many times. Now and then the server's own
    housekeeping comes between, and it gets another one: then all begins anew."""
    for _ in range(10):
        used, done = databases.copy(template), 0
        while used is not None and done < times:
            use(used)
            used, done = again(databases, used, template), done + 1
        if used is not None:
            return used
    raise AssertionError("none was used again")


@pytest.mark.parametrize("deed", UNDONE)
def test_what_was_written_is_gone_and_what_was_there_is_back(
    databases, planted, secrets_folder, deed
):
    untouched = content(planted)

    def use(one: Database) -> None:
        assert content(one) == untouched
        work(one, secrets_folder)
        one.psql(deed)
        assert content(one) != untouched

    used = used_again(databases, planted, use, times=2)  # also of one that was brought back before

    assert content(used) == untouched
    databases.drop(used)


def test_what_the_server_tidied_up_before_is_used_again(databases, planted, secrets_folder):
    """It does that on its own when it has been up for a minute."""
    tidied = databases.copy(planted)
    tidied.psql("VACUUM ANALYZE")

    used = used_again(databases, tidied, lambda one: work(one, secrets_folder), times=3)

    databases.drop(used)
    databases.drop(tidied)


@pytest.mark.parametrize("deed", LASTING)
def test_a_database_that_is_otherwise_made_is_not_used_again(databases, planted, deed):
    used = databases.copy(planted)
    used.psql(deed.format(name=used.name))

    assert again(databases, used, planted) is None


def test_a_database_that_somebody_is_connected_to_is_not_used_again(databases, planted):
    used = databases.copy(planted)
    with used.server.session(used.name):
        assert again(databases, used, planted) is None


def test_who_has_the_old_name_reaches_nobody(databases, planted):
    former: list[Database] = []
    following = used_again(databases, planted, former.append)

    with pytest.raises(psycopg2.OperationalError, match="does not exist"):
        former[-1].psql("SELECT 1")
    databases.drop(following)


def test_without_the_look_at_younger_rows_the_next_would_see_them(
    databases, planted, secrets_folder, monkeypatch
):
    """The negative control: a harness that believes that nothing was done."""
    untouched = content(planted)
    monkeypatch.setattr(harness, "restored", lambda run, before: restoring.mark(run))

    following = used_again(databases, planted, lambda one: work(one, secrets_folder))

    assert content(following) != untouched
    databases.drop(following)
