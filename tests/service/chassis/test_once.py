"""What goes to the driver itself fails as everything else of the database does."""

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError

from chassis.database import Prepared, Transactions, engine, is_away

WHO = Prepared("who", "SELECT pg_backend_pid() FROM pg_sleep(:seconds)")
TWICE = Prepared(
    "twice", "INSERT INTO stream SELECT '/intake/reports', :subject, 1 RETURNING sequence"
)


@pytest.fixture
def transactions(db):
    made = Transactions(engine(db.url, 2))
    yield made
    made._alone.dispose()


def test_a_broken_rule_is_told_without_what_was_written_and_the_connection_goes_on(
    transactions, db
):
    assert transactions.once(TWICE, {"subject": "one"}) == (1,)

    with pytest.raises(IntegrityError) as refused:
        transactions.once(TWICE, {"subject": "one"})

    assert not is_away(refused.value)
    assert (refused.value.statement, refused.value.params) == (None, None)
    assert transactions.once(TWICE, {"subject": "two"}) == (1,)
    assert db.psql("SELECT subject FROM stream ORDER BY subject") == [("one",), ("two",)]


def test_who_loses_a_connection_loses_it_once_however_many_were_open(transactions, db):
    with transactions._alone.connect() as one, transactions._alone.connect() as other:
        before = {WHO.one(each, {"seconds": 0}) for each in (one, other)}
    ends = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = %s"
    assert db.psql(f"{ends} AND usename = 'intake'", [db.name]) == [(2,)]

    with pytest.raises(DBAPIError) as lost:
        transactions.once(WHO, {"seconds": 0})

    assert is_away(lost.value)
    assert transactions.once(WHO, {"seconds": 0}) not in before
