"""Who may declare, say and hear what, tried on a real broker."""

from collections.abc import Iterator
from typing import Any

import amqp
import pytest

from deploy.local.broker import Broker, connect
from deploy.local.given import GivenBroker
from deploy.local.process import Failed
from tests.harness.waiting import eventually

QUORUM = {
    "x-queue-type": "quorum", "x-delivery-limit": 10, "x-dead-letter-exchange": "lapor.dead",
    "x-dead-letter-routing-key": "routing", "x-dead-letter-strategy": "at-least-once",
    "x-overflow": "reject-publish",
}  # fmt: skip


QUEUE, BURIED = "routing.trial", "routing.trial_dead"  # none of the service's own


@pytest.fixture
def routing(broker: Broker) -> Iterator[Any]:
    """A connection as the service; its queues go with the test."""
    connection = connect(broker.uri("routing"))
    yield connection
    connection.close()
    operator = connect(broker.uri())
    for queue in (QUEUE, BURIED):
        operator.channel().queue_delete(queue)
    operator.close()


def declare(channel: Any, name: str, arguments: dict[str, Any] | None = None) -> None:
    channel.queue_declare(name, durable=True, auto_delete=False, arguments=arguments or QUORUM)


def test_a_service_declares_its_queues_and_hears_what_it_should(routing: Any) -> None:
    channel = routing.channel()

    declare(channel, QUEUE)
    channel.queue_bind(QUEUE, "lapor.events", "report.submitted.v1")
    declare(channel, BURIED, {"x-queue-type": "quorum"})
    channel.queue_bind(BURIED, "lapor.dead", "routing")


@pytest.mark.parametrize(
    ("exchange", "key"),
    [
        ("lapor.events", "report.contact_sealed.v1"),
        ("lapor.events", "#"),
        ("lapor.events", "report.*.v1"),
        ("lapor.events", "report.#"),
        ("lapor.dead", "notify"),
        ("lapor.dead", "#"),
        ("lapor.unrouted", ""),
    ],
)
def test_a_service_cannot_listen_to_what_is_not_for_it(
    routing: Any, exchange: str, key: str
) -> None:
    channel = routing.channel()
    declare(channel, QUEUE)

    with pytest.raises(amqp.exceptions.AccessRefused):
        channel.queue_bind(QUEUE, exchange, key)


@pytest.mark.parametrize(
    "name", ["notify.contacts", "routing", "tap", "routingx.tap", "x.routing.y"]
)
def test_a_service_cannot_declare_a_queue_that_is_not_its_own(routing: Any, name: str) -> None:
    with pytest.raises(amqp.exceptions.AccessRefused):
        declare(routing.channel(), name)


@pytest.mark.parametrize(
    ("exchange", "key"),
    [("lapor.events", "report.submitted.v1"), ("lapor.dead", "notify"), ("", "notify.contacts")],
)
def test_a_service_cannot_say_what_is_not_its_to_say(routing: Any, exchange: str, key: str) -> None:
    channel = routing.channel()
    channel.confirm_select()

    with pytest.raises(amqp.exceptions.AccessRefused):
        channel.basic_publish_confirm(amqp.Message("{}"), exchange, key)


def test_a_service_says_what_is_its_own(routing: Any) -> None:
    channel = routing.channel()
    channel.confirm_select()

    channel.basic_publish_confirm(amqp.Message("{}"), "lapor.events", "case.opened.v1")


def test_there_is_no_guest(broker: Broker) -> None:
    address = f"amqp://guest:guest@127.0.0.1:{broker.port}/lapor"

    with pytest.raises(amqp.exceptions.AccessRefused):
        connect(address)


def test_an_event_that_nobody_hears_is_kept_apart(broker: Broker) -> None:
    connection = connect(broker.uri())
    channel = connection.channel()
    channel.queue_purge("lapor.unrouted")
    channel.confirm_select()

    channel.basic_publish_confirm(amqp.Message("{}"), "lapor.events", "nobody.listens.v1")

    assert channel.basic_get("lapor.unrouted", no_ack=True).body == "{}"
    connection.close()


def test_what_a_service_rejects_comes_to_its_own_dead_letters(routing: Any, broker: Broker) -> None:
    operator, channel = connect(broker.uri()), routing.channel()
    declare(channel, QUEUE)
    channel.queue_bind(QUEUE, "lapor.events", "report.submitted.v1")
    declare(channel, BURIED, {"x-queue-type": "quorum"})
    channel.queue_bind(BURIED, "lapor.dead", "routing")
    operator.channel().basic_publish(amqp.Message("poison"), "lapor.events", "report.submitted.v1")

    taken = _get(channel, QUEUE)
    channel.basic_reject(taken.delivery_tag, requeue=False)

    assert _get(channel, BURIED).body == "poison"
    operator.close()


def _get(channel: Any, queue: str) -> Any:
    return eventually(lambda: channel.basic_get(queue), f"a message in {queue}")


def test_a_broker_that_somebody_else_runs_is_made_ready_and_left_alone(broker: Broker) -> None:
    given = GivenBroker(broker.uri())

    given.launch()
    given.launch()
    given.stop()

    assert given.uri("routing") == broker.uri()
    connect(broker.uri()).close()


def test_a_given_broker_that_does_not_answer_says_so(broker: Broker) -> None:
    given = GivenBroker(broker.uri().replace(f":{broker.port}/", ":1/"))

    with pytest.raises(Failed, match="AMQP_URI cannot be used"):
        given.launch()
