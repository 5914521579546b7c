"""What was committed reaches the broker, whatever dies on the way; on intake's real worker."""

import json
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime
from signal import SIGCONT, SIGSTOP

import kombu
import pytest

from chassis import outbox, wire
from chassis.database import Transactions, engine
from chassis.events import Fact
from chassis.outbox import emit
from tests.harness.tap import tap
from tests.harness.waiting import eventually

AT = datetime(2026, 11, 24, 2, tzinfo=UTC)


def say(db, how_many, start=0):
    """Emits that many facts, each about a report of its own, in transactions of ten."""
    bind = engine(db.url, 1)
    for first in range(start, start + how_many, 10):
        with Transactions(bind).begin() as tx:
            for i in range(first, min(first + 10, start + how_many)):
                data = {"at": "2026-11-24T02:00:00Z", "reason": None}
                emit(tx, Fact("report.withdrawn.v1", f"KTB-{i:05d}-00000", data, AT))
    bind.dispose()


@contextmanager
def stopped(broker):
    """The broker hangs, its sockets open, while the block runs."""
    broker.process.signal(SIGSTOP)
    try:
        yield
    finally:
        broker.process.signal(SIGCONT)


def unpublished(db):
    return db.psql("SELECT count(*) FROM outbox WHERE published_at IS NULL")[0][0]


def subjects(heard):
    return Counter(json.loads(body)["subject"] for body in heard.bodies())


@pytest.mark.parametrize(
    ("point", "again"),
    [("relay.before_publish", 1), ("relay.after_confirm", 2), ("relay.after_mark", 1)],
)
def test_a_relay_killed_on_the_way_loses_nothing(db, broker, run, point, again):
    with tap(broker) as heard:
        doomed = run("worker", db, AMQP_URI=broker.uri("intake"), FAILPOINTS=f"{point}=kill")
        doomed.process.signal(SIGSTOP)  # so that all thirty are one batch
        say(db, 30)
        doomed.process.signal(SIGCONT)
        eventually(lambda: not doomed.process.running)
        run("worker", db, AMQP_URI=broker.uri("intake"))
        eventually(lambda: unpublished(db) == 0)
        eventually(lambda: len(heard.heard) == 30 * again)

    assert subjects(heard) == Counter({f"KTB-{i:05d}-00000": again for i in range(30)})


def test_headers_carry_nothing_but_the_event(db, broker, run):
    with tap(broker) as heard:
        run("worker", db, AMQP_URI=broker.uri("intake"))
        say(db, 1)
        eventually(lambda: heard.heard)

    [one] = heard.heard
    assert one.headers == {}
    known = {"content_type", "delivery_mode", "message_id", "delivery_info", "user_id"}
    assert one.properties.keys() <= known
    assert one.properties["user_id"] == "intake"  # the account, which the broker vouches for


def test_a_hung_broker_confirms_nothing_falsely(db, broker, run):
    worker = run("worker", db, AMQP_URI=broker.uri("intake"))
    say(db, 1)
    eventually(lambda: unpublished(db) == 0)

    with tap(broker) as heard:
        with stopped(broker):
            say(db, 50, start=100)
            eventually(lambda: any(x.get("error") == "InDoubt" for x in worker.logged()))
            assert unpublished(db) == 50
        eventually(lambda: unpublished(db) == 0, seconds=30)
        eventually(lambda: len(subjects(heard)) == 50)

    assert worker.process.running


def test_what_nobody_listens_to_is_kept_and_holds_nobody_up(db, broker, run):
    run("worker", db, AMQP_URI=broker.uri("intake"))
    with kombu.Connection(broker.uri()) as connection:
        channel, unheard = connection.channel(), "report.withdrawn.v1"
        channel.queue_purge("lapor.unrouted")
        channel.queue_unbind("routing.reports", "lapor.events", unheard)
        say(db, 20)
        eventually(lambda: unpublished(db) == 0)
        channel.queue_bind("routing.reports", "lapor.events", unheard)

        kept = channel.queue_declare("lapor.unrouted", passive=True).message_count
        assert kept == 20
        channel.queue_purge("lapor.unrouted")


def test_two_workers_publish_each_event_once(db, broker, run):
    with tap(broker) as heard:
        workers = [run("worker", db, AMQP_URI=broker.uri("intake")) for _ in range(2)]
        say(db, 500)
        eventually(lambda: unpublished(db) == 0, seconds=30)
        eventually(lambda: len(subjects(heard)) == 500)

    doubt = any(line.get("error") == "InDoubt" for worker in workers for line in worker.logged())
    assert set(subjects(heard).values()) == {1} or doubt  # whose confirm is late says it again


def test_a_replay_sends_again_what_was_sent(db, broker, run):
    run("worker", db, AMQP_URI=broker.uri("intake"))
    say(db, 5)
    eventually(lambda: unpublished(db) == 0)
    with tap(broker) as heard:
        bind = engine(db.url, 1)
        with Transactions(bind).begin() as tx:
            assert outbox.replay(tx, datetime(2020, 1, 1, tzinfo=UTC)).again == 5
        bind.dispose()
        eventually(lambda: len(subjects(heard)) == 5)


def test_either_end_of_a_dead_network_gives_it_up_within_forty_seconds(broker):
    """The broker looks once in a heartbeat and gives up between the second and the third."""
    with wire.connect(broker.uri("intake")) as connection:
        assert 3 * connection.connection.heartbeat + 3 < 40
