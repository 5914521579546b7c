"""The broker's side: names of exchanges and queues, connections, and publishing without doubt.

Every argument that differs between broker versions is set here, none is left to a default.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import kombu
from amqp import Message

import contracts
from chassis.events import CONTENT_TYPE

EVENTS, DEAD = "lapor.events", "lapor.dead"
HEARTBEAT = 12  # seconds; who missed two ends a connection, and a broker looks at every third
CONFIRM_TIMEOUT = 5.0  # seconds; an unanswered batch is in doubt after that
LASTING = {"content_type": CONTENT_TYPE, "delivery_mode": 2}
DELIVERIES = 10  # unacknowledged deliveries after which the broker moves a message to the dead


class InDoubt(Exception):
    """The broker did not answer for the whole batch in time: nobody knows what it has."""


def connect(uri: str) -> kombu.Connection:
    """An open connection. Raises kombu's OperationalError when the broker cannot be reached."""
    return kombu.Connection(
        uri,
        heartbeat=HEARTBEAT,
        connect_timeout=5,
        transport_options={"read_timeout": 2 * HEARTBEAT, "write_timeout": CONFIRM_TIMEOUT},
    ).ensure_connection(max_retries=1, timeout=5)


def sender_of(source: str) -> str:
    """The service that a stream belongs to: `/intake/reports` is intake's."""
    return source.split("/")[1]


def stream_name(source: str) -> str:
    """The word that a queue is named by: `/intake/reports` is `reports`."""
    return source.rsplit("/", 1)[-1]


def graveyard(service: str) -> str:
    """The queue of what the broker had to bury, as no delivery of it was ever acknowledged."""
    return f"{service}.dead"


def queues(service: str, sources: Iterable[str]) -> list[kombu.Queue]:
    """A service's queues: one for each stream that it follows, and one for its dead letters."""
    events = kombu.Exchange(EVENTS, "topic", no_declare=True)
    dead = kombu.Exchange(DEAD, "direct", no_declare=True)
    followed = [
        kombu.Queue(
            f"{service}.{stream_name(source)}",
            bindings=[kombu.binding(events, routing_key=t) for t in contracts.types_of(source)],
            queue_arguments=_quorum(DELIVERIES)
            | {"x-dead-letter-exchange": DEAD, "x-dead-letter-routing-key": service}
            | {"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"},
        )
        for source in sorted(sources)
    ]
    buried = kombu.Queue(graveyard(service), dead, service, queue_arguments=_quorum(1_000_000))
    return [*followed, buried]


def _quorum(deliveries: int) -> dict[str, Any]:
    return {"x-queue-type": "quorum", "x-delivery-limit": deliveries}


class Publisher:
    """Publishes batches and waits for the broker's word on each message.

    A channel that has been in doubt is never used again: a late confirm of an old message would be
    taken for a new one's. `close()` after any exception.
    """

    def __init__(self, uri: str, exchange: str = EVENTS) -> None:
        self._connection, self._exchange = connect(uri), exchange
        self._sender = self._connection.userid
        try:
            self._channel = self._connection.channel()
            self._channel.confirm_select()
        except BaseException:  # nobody else knows of the connection yet
            self.close()
            raise
        self._open, self._refused, self._tag, self._beaten = dict[int, Any](), set[Any](), 0, 0.0
        self._channel.events["basic_ack"].add(self._settled)
        self._channel.events["basic_nack"].add(self._nacked)

    def publish(self, batch: Mapping[Any, tuple[str, str, bytes]]) -> set[Any]:
        """Sends `{key: (routing key, message id, body)}`; returns the keys that the broker has
        stored. Raises InDoubt (or a connection's error) when it did not say so within
        CONFIRM_TIMEOUT: none of the batch then counts as sent."""
        self._refused.clear()
        for key, (routing_key, message_id, body) in batch.items():
            self._tag += 1
            self._open[self._tag] = key
            # the broker refuses any other user than the connection's own
            message = Message(body, message_id=message_id, user_id=self._sender, **LASTING)
            self._channel._basic_publish(message, self._exchange, routing_key, mandatory=True)
        deadline = time.monotonic() + CONFIRM_TIMEOUT
        while self._open:
            if (remaining := deadline - time.monotonic()) <= 0:
                raise InDoubt(f"{len(self._open)} of {len(batch)} unconfirmed")
            with suppress(TimeoutError):
                self._connection.drain_events(timeout=remaining)
        return set(batch) - self._refused

    def beat(self) -> None:
        """Keeps an idle connection alive, once a second; raises when the broker is gone."""
        if time.monotonic() > self._beaten + 1:
            self._beaten = time.monotonic()
            with suppress(TimeoutError):
                self._connection.drain_events(timeout=0.001)
            self._connection.heartbeat_check()

    def close(self) -> None:
        """Drops the connection without waiting for anything."""
        self._connection.collect(socket_timeout=0.5)

    def _settled(self, tag: int, multiple: bool) -> list[Any]:
        tags = [t for t in self._open if t <= tag] if multiple else [tag]
        return [self._open.pop(t) for t in tags]

    def _nacked(self, tag: int, multiple: bool, *_: Any) -> None:
        self._refused.update(self._settled(tag, multiple))
