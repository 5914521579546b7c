"""Keeps a copy of every message on every exchange, the feed's own among them, in queues that
outlive the broker's death.

The broker's own trace tells of each message that is published or delivered anywhere, the nameless
exchange included; it ends with the broker, so the exchanges that are known are bound as well.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import kombu

from deploy.local.broker import Broker
from deploy.rabbitmq.definitions import FEED, FEED_STREAMS, FEED_VHOST, UNROUTED, VHOST

QUEUE, TRACE = "wiretap", "amq.rabbitmq.trace"
USUAL = ("amq.topic", "amq.fanout", TRACE)
# By virtual host: the exchanges, each with the key that binds all of it.
EXCHANGES = {
    VHOST: [(name, "#") for name in ("lapor.events", "lapor.dead", UNROUTED, *USUAL)],
    FEED_VHOST: [(FEED, stream) for stream in FEED_STREAMS] + [(name, "#") for name in USUAL],
}


@dataclass(frozen=True)
class Caught:
    """One message: where it was sent, what is in it, and what stands around that."""

    exchange: str
    key: str
    body: bytes
    around: dict[str, Any]


def attach(broker: Broker) -> None:
    """From now on every message is kept."""
    for host, exchanges in EXCHANGES.items():
        with kombu.Connection(broker.uri(host=host)) as connection:
            channel = connection.channel()
            kombu.Queue(QUEUE, durable=True)(channel).queue_declare()
            for exchange, key in exchanges:
                channel.queue_bind(QUEUE, exchange, key)
        broker.ctl("trace_on", "--vhost", host)


def caught(broker: Broker) -> list[Caught]:
    """All that was kept since the last time."""
    return [one for host in EXCHANGES for one in _taken(broker, QUEUE, no_ack=True, host=host)]


def lying(broker: Broker, queues: Iterable[str]) -> list[Caught]:
    """What lies in queues and is left there."""
    return [one for queue in queues for one in _taken(broker, queue, no_ack=False)]


def _taken(broker: Broker, queue: str, *, no_ack: bool, host: str = VHOST) -> list[Caught]:
    found = []
    with kombu.Connection(broker.uri(host=host)) as connection:
        channel = connection.channel()  # what it does not acknowledge goes back when it closes
        while message := channel.basic_get(queue, no_ack=no_ack):
            found.append(_read(message))
    return found


def _read(message: Any) -> Caught:
    body = message.body if isinstance(message.body, bytes) else message.body.encode()
    sent, headers = message.delivery_info, message.headers or {}
    around = {"properties": message.properties, "headers": headers}
    if sent["exchange"] == TRACE:  # which tells of the message in its own headers
        keys = headers.get("routing_keys") or [""]
        return Caught(headers.get("exchange_name") or "nameless", keys[0], body, around)
    return Caught(sent["exchange"] or "nameless", sent["routing_key"], body, around)
