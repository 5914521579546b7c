"""Each service reaches its own database only, and what people wrote stays out of the log."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path

import psycopg2
import pytest

from deploy.local import postgres
from deploy.local.postgres import Postgres
from deploy.local.process import answers
from deploy.postgres.databases import prepare
from tests.harness.databases import Database
from tests.harness.whole import needs_root

CANARY = "Siti Rahmah, 6302061234567890"


@pytest.fixture(scope="module")
def server(state: Path) -> Iterator[Postgres]:
    """One that this module may kill."""
    one = Postgres(state / "own-postgres", durable=False)
    one.start()
    yield one
    one.stop()


@contextmanager
def closing_down(server: Postgres) -> Iterator[Path]:
    """Runs a server for the block, also when that fails; gives the place where it is lent."""
    try:
        server.start()
        yield Path((server.folder / "elsewhere").read_text())
    finally:
        server.stop()


class Killed(BaseException):
    """What no code here catches, as nothing catches a kill."""


def killed(*_: object, **__: object) -> None:
    raise Killed


def log_in(server: Postgres, role: str, password: str, database: str) -> None:
    psycopg2.connect(
        host="127.0.0.1", port=server.port, user=role, password=password, dbname=database
    ).close()


def is_locked(folder: Path) -> bool:
    """Whether systemd, which clears /var/tmp of old files, passes by this folder."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        flock(opened, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(opened)
    return False


def make_ready(server: Postgres, **passwords: str) -> list[str]:
    return prepare(server.psql, passwords, dict.fromkeys(passwords, "of-the-owner"))


def test_a_service_cannot_enter_the_database_of_another(server: Postgres) -> None:
    make_ready(server, intake="first", notify="second")

    log_in(server, "intake", "first", "intake")
    for database in ("notify", "postgres", "template1"):
        with pytest.raises(psycopg2.OperationalError, match="permission denied"):
            log_in(server, "intake", "first", database)


def test_nobody_enters_without_a_password(server: Postgres) -> None:
    make_ready(server, intake="first")

    for role in ("intake", "postgres"):
        with pytest.raises(psycopg2.OperationalError):
            log_in(server, role, "guessed", "postgres")


def test_a_rotated_password_takes_effect_and_keeps_the_data(server: Postgres) -> None:
    make_ready(server, routing="old")
    server.psql("CREATE TABLE kept (id int)", "routing")

    assert make_ready(server, routing="new") == []

    log_in(server, "routing", "new", "routing")
    assert server.psql("SELECT count(*) FROM kept", "routing") == [(0,)]


def test_what_was_once_the_services_own_becomes_its_owners(server: Postgres) -> None:
    for statement in ("CREATE ROLE escalation LOGIN PASSWORD 'old'",
                      "CREATE DATABASE escalation OWNER escalation"):  # fmt: skip
        server.psql(statement)
    server.psql("SET ROLE escalation; CREATE TABLE promised (id int)", "escalation")

    assert make_ready(server, escalation="new") == []

    owned = "SELECT tableowner FROM pg_tables WHERE tablename = 'promised'"
    assert server.psql(owned, "escalation") == [("escalation_owner",)]
    log_in(server, "escalation", "new", "escalation")
    of = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'escalation'"
    assert server.psql(of) == [("escalation_owner",)]


def test_what_was_committed_survives_a_crash(server: Postgres) -> None:
    server.psql("CREATE TABLE crash (id int)")
    server.psql("INSERT INTO crash VALUES (1)")

    server.kill()
    assert not answers(server.port)
    server.restart()

    assert server.psql("SELECT id FROM crash") == [(1,)]


def test_no_value_reaches_the_log_when_a_statement_fails(server: Postgres) -> None:
    server.psql("CREATE TABLE people (name text UNIQUE, age int CHECK (age > 0))")
    insert = "INSERT INTO people VALUES (%s, %s)"
    server.psql(insert, parameters=(CANARY, 1))

    for age in (1, -1):
        with pytest.raises(psycopg2.Error):
            server.psql(insert, parameters=(CANARY, age))
    with pytest.raises(psycopg2.Error):
        server.psql(f"SELECT '{CANARY}'::int")

    log = server.process.log.read_text()
    assert "violates" in log
    assert "INSERT" not in log
    # a failed cast quotes the value whatever the settings: services bind typed parameters
    assert log.count(CANARY) == 1


def test_nothing_listens_but_on_the_loopback(server: Postgres) -> None:
    assert server.psql("SHOW listen_addresses") == [("127.0.0.1",)]
    assert server.psql("SHOW unix_socket_directories") == [("",)]


@needs_root
def test_root_in_a_closed_folder_lends_the_data_and_gets_it_back(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = Postgres(closed / "postgres", durable=False)

    with closing_down(server) as lent:
        assert (lent / "data").exists()
        assert is_locked(lent)
        server.psql("CREATE TABLE kept (id int)")
    assert not lent.exists()

    with closing_down(server) as lent:
        assert server.psql("SELECT count(*) FROM kept") == [(0,)]
    assert not lent.exists()


@pytest.mark.fault
@needs_root
def test_a_kill_on_the_way_out_or_home_costs_no_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is done for at the first step of the way out, and at the last of the way home."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    first, second, third = (Postgres(closed / "postgres", durable=False) for _ in range(3))
    with closing_down(first):
        first.psql("CREATE TABLE kept (id int)")

    with monkeypatch.context() as kill:
        kill.setattr(postgres, "_move", killed)
        with pytest.raises(Killed):
            first.start()
    abandoned = Path((first.folder / "elsewhere").read_text())
    second.start()
    assert second.psql("SELECT count(*) FROM kept") == [(0,)]
    with monkeypatch.context() as kill:
        kill.setattr(Path, "unlink", killed)
        with pytest.raises(Killed):
            second.stop()

    with closing_down(third):
        assert third.psql("SELECT count(*) FROM kept") == [(0,)]
    assert not abandoned.exists()


def test_each_test_gets_a_database_that_nobody_used(
    empty_database: Callable[[str], Database],
) -> None:
    first, second = empty_database("routing"), empty_database("routing")

    first.psql("CREATE TABLE mine (id int)")

    assert second.psql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]
