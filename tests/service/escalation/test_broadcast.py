"""The feed on the broker's streams: exactly what HTTP shows, from the first entry on."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import amqp
import kombu
import pytest
import sqlalchemy as sa

from chassis.wire import InDoubt
from deploy.local.broker import Broker, connect
from deploy.rabbitmq.definitions import FEED_READER, FEED_VHOST, STREAM
from services.escalation.ombudsman import broadcasting, feed
from services.escalation.ombudsman.broadcasting import Broadcaster
from tests.harness.copies import Edit, copied
from tests.harness.proxy import Proxy
from tests.harness.waiting import eventually
from tests.service.escalation.office import Office
from tests.service.escalation.reader import Reader
from tests.service.escalation.tower import Tower

SENT = "SELECT position FROM feed_broadcast WHERE stream = 'monitoring'"
STREAMS = ("monitoring", "handovers")


def renew(broker: Broker) -> None:
    """Empties the streams: what was said to one cannot be taken out again."""
    with closing(connect(broker.uri(host=FEED_VHOST))) as operator:
        channel = operator.channel()
        for stream in STREAMS:
            channel.queue_delete(f"feed.{stream}")
            channel.queue_declare(
                f"feed.{stream}", durable=True, auto_delete=False, arguments=STREAM
            )
            channel.queue_bind(f"feed.{stream}", "feed", stream)


@pytest.fixture(autouse=True)
def fresh(broker: Broker) -> None:
    renew(broker)


@pytest.fixture
def broadcaster(broker: Broker) -> Iterator[Broadcaster]:
    made = Broadcaster(broker.uri("escalation"))
    yield made
    made.close()


def send(tower: Tower, broadcaster: Broadcaster, stream: str = "monitoring") -> None:
    while broadcaster.turn(tower.db, stream):
        pass


def read(broker: Broker, count: int, stream: str = "monitoring", offset: Any = "first") -> Any:
    """So many messages from a place of the stream on, with the reader's own account: eight at a
    time, each acknowledged by hand."""
    found: list[dict[str, Any]] = []

    def take(body: Any, message: kombu.message.Message) -> None:
        found.append(json.loads(message.body))
        message.ack()

    queue = kombu.Queue(
        f"feed.{stream}", no_declare=True, consumer_arguments={"x-stream-offset": offset}
    )
    with kombu.Connection(broker.uri(FEED_READER, FEED_VHOST)) as connection:
        channel = connection.channel()
        consumer = kombu.Consumer(
            channel, [queue], on_message=lambda m: take(None, m), prefetch_count=8,
            auto_declare=False,
        )  # fmt: skip
        with consumer:
            until = time.monotonic() + 20
            while len(found) < count and time.monotonic() < until:
                connection.drain_events(timeout=20)
    return found


def test_who_reads_the_stream_from_its_first_gets_exactly_what_http_shows(
    bare_tower: Tower, reader: Reader, broker: Broker, broadcaster: Broadcaster
) -> None:
    bare_tower.write(120)
    bare_tower.write(7, "handovers")

    for stream in STREAMS:
        send(bare_tower, broadcaster, stream)

    assert read(broker, 120) == reader.all()
    assert read(broker, 7, "handovers") == reader.all("handovers")
    assert read(broker, 20, offset=100) == reader.all()[100:]


def test_a_batch_of_which_nobody_knows_is_sent_again_and_nothing_is_missing(
    bare_tower: Tower, reader: Reader, broker: Broker, broadcaster: Broadcaster
) -> None:
    """At least once: whoever reads drops the place that it has had."""
    bare_tower.write(5)
    send(bare_tower, broadcaster)
    bare_tower.database.psql("UPDATE feed_broadcast SET position = 3 WHERE stream = 'monitoring'")
    bare_tower.write(2)
    send(bare_tower, broadcaster)

    found = read(broker, 9)

    assert [entry["position"] for entry in found] == [1, 2, 3, 4, 5, 4, 5, 6, 7]
    once = {(entry["epoch"], entry["position"]): entry for entry in found}
    assert list(once.values()) == reader.all()


def test_while_the_broker_is_away_http_goes_on_and_the_stream_catches_up(
    bare_tower: Tower, reader: Reader, broker: Broker
) -> None:
    with Proxy(lambda: broker.port) as proxy:
        away = Broadcaster(broker.uri("escalation").replace(f":{broker.port}/", f":{proxy.port}/"))
        bare_tower.write(3)
        send(bare_tower, away)

        proxy.refuse()
        proxy.reset()
        bare_tower.write(4)
        with pytest.raises((OSError, amqp.exceptions.AMQPError, kombu.exceptions.OperationalError)):
            send(bare_tower, away)
        assert len(reader.all()) == 7

        proxy.listen()
        send(bare_tower, away)
        away.close()

    assert read(broker, 7) == reader.all()


def test_several_workers_send_each_entry_once_and_in_order(
    bare_tower: Tower, reader: Reader, broker: Broker, broadcaster: Broadcaster
) -> None:
    other = Broadcaster(broker.uri("escalation"))
    for n in range(20):
        bare_tower.write(3)
        (broadcaster if n % 2 else other).turn(bare_tower.db, "monitoring")
    other.close()

    assert read(broker, 60) == reader.all()


def test_who_holds_the_row_lets_no_other_send(
    bare_tower: Tower, broker: Broker, broadcaster: Broadcaster
) -> None:
    bare_tower.write(3)
    with bare_tower.db.begin() as tx:
        broadcasting.again(tx, "monitoring")
        assert broadcaster.turn(bare_tower.db, "monitoring") == 0
    assert broadcaster.turn(bare_tower.db, "monitoring") == 3


def test_while_a_broker_accepts_and_says_nothing_nobody_is_locked_out(bare_tower: Tower) -> None:
    bare_tower.write(3)
    with socket.create_server(("127.0.0.1", 0)) as mute, ThreadPoolExecutor(1) as another:
        mute.settimeout(20)
        waits = Broadcaster(f"amqp://escalation:secret@127.0.0.1:{mute.getsockname()[1]}/")
        turn = another.submit(waits.turn, bare_tower.db, "monitoring")
        connection, _ = mute.accept()
        with connection:
            assert connection.recv(4) == b"AMQP"  # and waits for an answer

            with bare_tower.db.begin() as tx:
                tx.execute(sa.text("SELECT * FROM feed_broadcast FOR UPDATE NOWAIT"))
            assert not turn.done()

        mute.close()
        assert isinstance(turn.exception(20), kombu.exceptions.OperationalError)


def test_a_stream_that_is_not_there_takes_nothing_and_nothing_counts_as_sent(
    bare_tower: Tower, broker: Broker, broadcaster: Broadcaster
) -> None:
    with closing(connect(broker.uri(host=FEED_VHOST))) as operator:
        operator.channel().queue_delete("feed.monitoring")
    bare_tower.write(3)

    with pytest.raises((InDoubt, amqp.exceptions.AMQPError)):
        broadcaster.turn(bare_tower.db, "monitoring")

    renew(broker)
    assert broadcaster.turn(bare_tower.db, "monitoring") == 3
    assert len(read(broker, 3)) == 3


def test_a_worker_keeps_the_stream_up_with_the_feed(office: Office, broker: Broker) -> None:
    office.open_here()
    office.start()

    eventually(lambda: office.count(SENT) == 12, seconds=40)

    assert read(broker, 12) == shown(office)


def shown(office: Office) -> list[dict[str, Any]]:
    """The feed as it is."""
    with office.tower.db.begin() as tx:
        return [json.loads(one.text) for one in feed.read(tx, "monitoring", 1, 0, 100)]


def killed_while_it_sends(office: Office, broker: Broker, *edits: Edit, folder: Path) -> list[Any]:
    """Twelve entries, then a worker that dies between the broker's word and the row's, then five
    more and a worker that lives; all that is on the stream then."""
    office.tower.write(12)
    dying = office.launch(FAILPOINTS="feed.after_broadcast=kill")
    if edits:
        dying.process.cwd = copied(folder, edits)
    dying.process.start()
    eventually(lambda: not dying.process.running, "its death", seconds=40)
    sent = office.count(SENT)
    office.tower.write(5)
    office.start()
    eventually(lambda: office.count(SENT) == 17, "the rest", seconds=40)
    return read(broker, 17 - sent if sent else 12 + 17)  # what was not remembered is sent twice


def kept(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a reader keeps, who drops each place that it has had. Fails if what came twice was not
    the same."""
    places: dict[tuple[int, int], dict[str, Any]] = {}
    for entry in found:
        assert places.setdefault((entry["epoch"], entry["position"]), entry) == entry
    return list(places.values())


def test_a_kill_between_the_brokers_word_and_the_row_loses_no_entry_and_no_order(
    office: Office, broker: Broker, tmp_path: Path
) -> None:
    found = killed_while_it_sends(office, broker, folder=tmp_path)

    assert [entry["position"] for entry in found] == [*range(1, 13), *range(1, 18)]
    assert kept(found) == shown(office)


def test_a_worker_that_remembers_before_it_has_sent_loses_entries(
    office: Office, broker: Broker, tmp_path: Path
) -> None:
    """The negative control of the kill."""
    place = "        batch = {\n"
    early = (
        "        sent.epoch, sent.position = found[-1].epoch, found[-1].position\n"
        '        tx.commit()\n        failpoint("feed.after_broadcast")\n'
    )
    edit = ("services/escalation/ombudsman/broadcasting.py", place, early + place)

    found = killed_while_it_sends(office, broker, edit, folder=tmp_path)

    assert kept(found) != shown(office)
    assert [entry["position"] for entry in found] == [*range(13, 18)]


def test_a_broker_that_lost_its_streams_is_filled_again(
    bare_tower: Tower, reader: Reader, broker: Broker, broadcaster: Broadcaster
) -> None:
    bare_tower.write(5)
    send(bare_tower, broadcaster)
    renew(broker)

    with bare_tower.db.begin() as tx:
        broadcasting.again(tx, "monitoring")
    send(bare_tower, broadcaster)

    assert read(broker, 5) == reader.all()
