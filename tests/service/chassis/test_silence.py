"""A database that takes what it is told and says nothing: threads let go of it in time."""

import socket
import time

import psycopg2
import pytest
import sqlalchemy as sa
from psycopg2.extensions import set_wait_callback

from chassis import database
from chassis.database import Transactions, engine, is_away, listen
from tests.harness.proxy import DOWN, Proxy

pytestmark = pytest.mark.alone

SILENCE, WITHIN = 1.0, 3.0  # seconds


@pytest.fixture(autouse=True)
def listening(monkeypatch):
    """What an API's threads do, with less patience."""
    monkeypatch.setattr(database, "SILENCE", SILENCE)
    monkeypatch.setattr(database, "SILENCE_WITHIN", WITHIN)
    monkeypatch.setattr(database, "FRESH", 0.0)
    monkeypatch.setattr(database.Silent, "until", 0.0)
    set_wait_callback(listen)
    yield
    set_wait_callback(None)


def seconds(work):
    """How long it took until the database was given up."""
    started = time.monotonic()
    with pytest.raises((psycopg2.Error, sa.exc.SQLAlchemyError)) as given_up:
        work()
    assert is_away(given_up.value) or isinstance(given_up.value, database.Silent)
    return time.monotonic() - started


def test_who_connects_is_refused_in_time_and_the_next_at_once():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"host=127.0.0.1 port={silent.getsockname()[1]} dbname=x user=x sslmode=disable"

        assert SILENCE <= seconds(lambda: psycopg2.connect(address)) < WITHIN
        assert seconds(lambda: psycopg2.connect(address)) < SILENCE


@pytest.fixture
def between(database):
    """A database, and the network that leads to it."""
    set_wait_callback(None)  # who makes the database or takes it away is none of its clients
    db = database("notify")
    set_wait_callback(listen)
    with Proxy(lambda: sa.make_url(db.url).port) as network:
        made = Transactions(engine(sa.make_url(db.url).set(port=network.port), 3))
        yield made, network
        set_wait_callback(None)
        made.engine.dispose()


def ask(db, statement="SELECT 1"):
    with db.begin() as tx:
        tx.execute(sa.text(statement))


def test_connections_that_were_good_are_given_up_all_at_once(between):
    db, network = between
    with db.engine.connect(), db.engine.connect():
        pass  # two are kept now
    network.blackhole(DOWN)

    assert SILENCE <= seconds(lambda: ask(db)) < WITHIN
    assert seconds(lambda: ask(db)) < SILENCE
    assert not db.is_up()


def test_a_statement_that_takes_its_time_in_a_transaction_is_waited_for(between):
    db, network = between
    ask(db, "SELECT pg_sleep(1.5)")

    def swallowed():
        with db.begin() as tx:
            tx.execute(sa.text("SELECT 1"))
            network.blackhole(DOWN)
            tx.execute(sa.text("SELECT 1"))

    assert WITHIN <= seconds(swallowed) < 2 * WITHIN


def test_a_statement_that_takes_too_long_costs_nobody_else_anything(between):
    """A commit that waits for its disk, say: the server answers all others."""
    db, _ = between
    with db.engine.connect() as slow:
        slow = slow.execution_options(isolation_level="AUTOCOMMIT")
        assert seconds(lambda: slow.execute(sa.text("SELECT pg_sleep(2)"))) >= SILENCE
    ask(db)


def test_all_goes_on_when_it_speaks_again(between, monkeypatch):
    db, network = between
    ask(db)
    network.blackhole(DOWN)
    seconds(lambda: ask(db))
    network.heal()

    monkeypatch.setattr(database.Silent, "until", 0.0)
    ask(db)
