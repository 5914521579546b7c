"""The one permitted simulation: a broker in memory that delays, doubles, reorders and forgets.

It keeps the one promise that the real one makes: what it confirmed is in the queue of every reader
until it is acknowledged, unless the broker is wiped.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import contracts
from chassis.wire import InDoubt


class Crash(BaseException):
    """The process died here: nothing of it may catch this and go on."""


@dataclass(eq=False)
class Message:
    """A body, and the account that sent it."""

    body: bytes
    sender: str
    buried: bool = False


@dataclass
class Broker:
    """A queue for each reader and stream, by name: `routing /intake/reports`."""

    queues: dict[str, list[Message]] = field(default_factory=dict)

    def bind(self, reader: str, sources: Iterable[str]) -> None:
        """Gives a reader its queues."""
        self.queues |= {f"{reader} {source}": [] for source in sources}

    def take(self, sender: str, type: str, body: bytes) -> None:
        """Puts a message into every queue that its stream is bound to."""
        source = contracts.source(type)
        for name, queue in self.queues.items():
            if name.endswith(f" {source}"):
                queue.append(Message(body, sender))

    def wipe(self) -> None:
        """Loses everything, confirmed or not."""
        for queue in self.queues.values():
            queue.clear()


TROUBLES = ("dies before", "dies after", "refuses some", "is cut off", "says nothing")


class Wire:
    """What a relay speaks to in place of a connection; `trouble` comes with its next batch."""

    def __init__(self, broker: Broker, sender: str) -> None:
        self._broker, self._sender = broker, sender
        self.trouble = ""

    def publish(self, batch: Mapping[int, tuple[str, str, bytes]]) -> set[int]:
        """As `chassis.wire.Publisher.publish`."""
        trouble, self.trouble = self.trouble, ""
        if trouble == "dies before":
            raise Crash
        keys = list(batch)
        if trouble == "refuses some":
            keys = keys[::2]
        if trouble == "is cut off":
            keys = keys[: len(keys) // 2]
        for key in keys:
            type, _, body = batch[key]
            self._broker.take(self._sender, type, body)
        if trouble == "dies after":
            raise Crash
        if trouble in ("is cut off", "says nothing"):
            raise InDoubt(trouble)
        return set(keys)

    def beat(self) -> None:
        """There is no connection to keep."""

    def close(self) -> None:
        """There is no connection to drop."""
