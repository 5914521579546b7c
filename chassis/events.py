"""Events as values: a `Fact` is what a service says, an `Event` is what travelled.

The wire form is a CloudEvents 1.0 JSON document, structured mode, with the extensions `sequence`
(counted per source and subject, from 1, without gaps; once its database was restored, a sender
counts on from a multiple of `EPOCH`) and `correlationid`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import uuid4

CONTENT_TYPE = "application/cloudevents+json"
EPOCH = 2**20  # numbers that a stream has in each epoch: between two restorations of its sender

# The chain of causes that the code now running belongs to: one web request, or one event.
correlation: ContextVar[str | None] = ContextVar("correlation", default=None)


def correlate(correlationid: str | None = None) -> str:
    """Starts (or joins) a chain of causes and returns its id."""
    correlationid = correlationid or str(uuid4())
    correlation.set(correlationid)
    return correlationid


def rfc3339(moment: datetime) -> str:
    """A moment in UTC as events spell it."""
    return moment.isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened, in the past tense, about one subject."""

    type: str
    subject: str
    data: Mapping[str, Any]
    time: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """A fact with its envelope, as emitted or as received."""

    id: str
    source: str
    type: str
    subject: str
    time: datetime
    sequence: int
    correlationid: str
    data: dict[str, Any]

    def document(self) -> dict[str, Any]:
        """The CloudEvents document that goes on the wire."""
        told = {name: getattr(self, name) for name in _NAMES} | {"time": rfc3339(self.time)}
        return {"specversion": "1.0", "datacontenttype": "application/json"} | told


_NAMES = tuple(field.name for field in fields(Event))


def is_next(sequence: int, position: int) -> bool:
    """Whether an event follows the one at `position` of its stream: by its number, or as the first
    that its sender says in a later epoch."""
    return sequence == position + 1 or (sequence > position and sequence % EPOCH == 1)


def read(row: Mapping[str, Any]) -> Event:
    """The event that has its attributes as the values of a mapping, which may hold more."""
    return Event(**{name: row[name] for name in _NAMES})


def from_document(document: dict[str, Any]) -> Event:
    """Reads a document that the envelope's schema has accepted."""
    return read(document | {"time": datetime.fromisoformat(document["time"])})
