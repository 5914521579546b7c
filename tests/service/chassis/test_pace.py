"""What comes alone is handled at once, what comes in quick succession a few at a time; and what was
planned while the tables were empty is as good when they are full."""

import json
import time
from itertools import pairwise

import pytest
import sqlalchemy as sa

from chassis import inbox, relay
from chassis.database import engine
from chassis.wire import Publisher
from tests.harness.waiting import eventually
from tests.service.chassis.stories import opened, report

BATCH, PACE = 50, 0.3  # as in chassis.service, which only a worker may import
NUMBERS = [f"KTB-{i:05d}-00000" for i in range(8 * 51)]
# The rows of a batch were written by one transaction, and bear its number.
BATCHES = """
SELECT count(*), min(extract(epoch FROM received_at)) FROM inbox WHERE state = 'done'
GROUP BY xmin::text ORDER BY 2
"""

NOW = "2026-11-29T00:00:00Z"
# The server may have looked at the tables before: it knows nothing of them then.
UNKNOWN = "TRUNCATE inbox, position, outbox"


@pytest.fixture
def say(db, broker, run):
    """Publishes what routing says of some reports to intake's worker."""
    for number in NUMBERS:
        report(db, number)
    run("worker", db, AMQP_URI=broker.uri("intake"))
    publisher = Publisher(broker.uri("routing"))

    def publish(*numbers):
        told = [opened(number) for number in numbers]
        publisher.publish({d["id"]: (d["type"], d["id"], json.dumps(d).encode()) for d in told})

    yield publish
    publisher.close()


def handled(db, how_many):
    """The batches, when all is done: how many events, and when."""
    eventually(lambda: sum(count for count, _ in db.psql(BATCHES)) == how_many)
    return db.psql(BATCHES)


def test_what_comes_in_quick_succession_is_handled_a_few_at_a_time(db, say):
    began = time.monotonic()
    for number in NUMBERS[:40]:
        say(number)
        time.sleep(PACE / 10)
    took = time.monotonic() - began

    assert len(handled(db, 40)) <= took / PACE + 3


def test_a_full_batch_waits_for_nothing(db, say):
    rounds = [NUMBERS[i : i + BATCH + 1] for i in range(0, len(NUMBERS), BATCH + 1)]
    for first, *others in rounds:
        say(first)  # alone, so the next batch's turn is a pause later
        say(*others)
        time.sleep(2 * PACE)

    batches = handled(db, len(NUMBERS))

    assert min(b[1] - a[1] for a, b in pairwise(batches) if b[0] == BATCH) < PACE * 0.8


@pytest.fixture
def session(db):
    """A connection that plans as if it had met its statements often, on tables that are new."""
    db.psql(UNKNOWN)
    bind = engine(db.url, 1)
    with bind.connect() as connection:
        connection.execute(sa.text("SET plan_cache_mode = force_generic_plan"))
        yield connection
    bind.dispose()


def plan(connection, prepared, **values):
    """How the server would go about it."""
    connection.exec_driver_sql(prepared._prepare)
    return connection.exec_driver_sql(f"EXPLAIN {prepared._execute}", values).scalars().all()


def test_advancing_reads_no_other_streams(session):
    stream = {"source": [""], "subject": [""], "sequence": [1]}

    found = plan(session, inbox._ADVANCE, **stream, now=NOW)

    assert not [line for line in found if "Seq Scan" in line]


def test_what_is_asked_all_day_reads_no_more_than_what_waits(session):
    waiting = plan(session, inbox._TAKE_DUE, now=NOW, lease=NOW)
    unsaid = plan(session, relay._ANY, some=1)

    assert [line for line in waiting if "Index Scan using inbox_waiting" in line]
    assert [line for line in unsaid if "using outbox_unpublished" in line]


def test_the_relay_tidies_the_index_that_it_reads(db, broker):
    db.psql(UNKNOWN)
    ours = relay.Relay("intake", engine(db.url, 1), broker.uri("intake"))
    connection = ours._leading()

    plan = connection.execute(sa.text(f"EXPLAIN {relay._PICK.text}"), {"batch": 500}).scalars()

    assert "Index Scan using outbox_unpublished" in "".join(plan)
    ours.close()
