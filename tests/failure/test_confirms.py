"""A broker's confirm counts for the message that it is about, however late it comes."""

from contextlib import closing, contextmanager
from uuid import uuid4

import amqp
import kombu
import psutil
import pytest

from chassis import wire
from chassis.wire import EVENTS, InDoubt, Publisher
from tests.harness.proxy import DOWN, PASS, UP, Proxy
from tests.harness.tap import tap
from tests.harness.waiting import eventually

TYPE = "report.withdrawn.v1"


@pytest.fixture
def network(broker):
    """Between publisher and broker."""
    with Proxy(lambda: broker.port) as between:
        yield between


@pytest.fixture
def uri(broker, network):
    return broker.uri("intake").replace(f":{broker.port}/", f":{network.port}/")


@pytest.fixture
def in_doubt(monkeypatch):
    """What is published in its block stays in doubt; it is waited for less than in production."""

    @contextmanager
    def expected():
        with monkeypatch.context() as hasty:
            hasty.setattr(wire, "CONFIRM_TIMEOUT", 0.5)
            with pytest.raises(InDoubt):
                yield

    return expected


def message(name):
    return {name: (TYPE, str(uuid4()), name.encode())}


def test_whoever_uses_a_doubtful_channel_again_is_told_a_lie(broker, network, uri):
    """The negative control: the wire's own way takes the late confirm of the first message for
    the second's, which never reached the broker."""
    with tap(broker) as heard, kombu.Connection(uri) as connection:
        channel = connection.channel()

        def publish(name, patience):
            letter = amqp.Message(name.encode(), user_id="intake")
            channel.basic_publish_confirm(letter, EVENTS, TYPE, confirm_timeout=patience)

        publish("sound", 5)
        network.hold(DOWN)
        with pytest.raises(TimeoutError):
            publish("first", 0.5)
        eventually(lambda: heard.bodies() == [b"sound", b"first"])
        network.blackhole(UP)
        network.ways[DOWN].mode = PASS  # now the first one's confirm comes
        publish("second", 5)

        eventually(lambda: heard.bodies() == [b"sound", b"first"])
        connection.collect()


def test_a_late_confirm_is_not_taken_for_another_message(broker, network, uri, in_doubt):
    with tap(broker) as heard, closing(Publisher(uri)) as publisher:
        network.hold(DOWN)
        with in_doubt():
            publisher.publish(message("first"))
        eventually(lambda: heard.bodies() == [b"first"])
        network.blackhole(UP)
        network.ways[DOWN].mode = PASS
        with in_doubt():  # though nobody should ask this channel again
            publisher.publish(message("second"))

        eventually(lambda: heard.bodies() == [b"first"])


@pytest.mark.parametrize("direction", [UP, DOWN])
def test_a_deaf_or_a_mute_broker_leaves_the_batch_in_doubt_and_a_new_connection_settles_it(
    broker, network, uri, in_doubt, direction
):
    batch = message("only")
    with tap(broker) as heard:
        with closing(Publisher(uri)) as publisher:
            network.blackhole(direction)
            with in_doubt():
                publisher.publish(batch)
        network.heal()
        with closing(Publisher(uri)) as publisher:
            assert publisher.publish(batch) == {"only"}

        times = 2 if direction == DOWN else 1  # a receiver knows it by its id
        eventually(lambda: heard.bodies() == [b"only"] * times)


def test_a_connection_on_which_no_channel_opens_is_closed_at_once(network, uri, monkeypatch):
    """While whoever asked still holds the error, and with it the half-made publisher."""
    connect = wire.connect

    def connect_with_a_broker_that_then_says_nothing(uri):
        connection = connect(uri)
        network.blackhole(DOWN)
        return connection

    def connections():
        every = psutil.Process().net_connections("tcp")
        return [one for one in every if one.raddr and one.raddr.port == network.port]

    monkeypatch.setattr(wire, "HEARTBEAT", 1)  # so that it is waited for 2 s
    monkeypatch.setattr(wire, "connect", connect_with_a_broker_that_then_says_nothing)
    with pytest.raises(TimeoutError) as failed:
        Publisher(uri)

    assert failed.value.__traceback__ is not None
    assert connections() == []
