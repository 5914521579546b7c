"""Hears every message that the exchange of events carries, as the most powerful user sees it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import kombu

from deploy.local.broker import Broker


@dataclass
class Heard:
    """One message: its body, its properties and its headers."""

    body: bytes
    properties: dict[str, Any]
    headers: dict[str, Any]


@dataclass
class Tap:
    """What was heard so far."""

    heard: list[Heard] = field(default_factory=list)

    def bodies(self) -> list[bytes]:
        """The bodies, in the order in which they came."""
        return [one.body for one in self.heard]


@contextmanager
def tap(broker: Broker) -> Iterator[Tap]:
    """Listens while the block runs."""
    found, ready, stop = Tap(), Event(), Event()

    def keep(message: Any) -> None:
        body = message.body if isinstance(message.body, bytes) else message.body.encode()
        found.heard.append(Heard(body, dict(message.properties), dict(message.headers)))
        message.ack()

    def listen() -> None:
        with kombu.Connection(broker.uri()) as connection:
            channel = connection.channel()
            events = kombu.Exchange("lapor.events", "topic", no_declare=True)
            queue = kombu.Queue(f"tap-{uuid4()}", events, "#", exclusive=True)(channel)
            queue.declare()
            with kombu.Consumer(channel, [queue], on_message=keep):
                ready.set()
                while not stop.is_set():
                    try:
                        connection.drain_events(timeout=0.1)
                    except TimeoutError:
                        continue

    listener = Thread(target=listen, daemon=True)  # a broker that hangs must not hang the tests
    listener.start()
    assert ready.wait(10)
    try:
        yield found
    finally:
        stop.set()
        listener.join(10)
