"""Three small services on the real chassis, whose effects can be counted.

A reporter's ratings (intake) move an account at routing, which says so; notify says that it told of
it; intake hears of both. Every effect names the rating that it came from, through the whole chain.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis import tables
from chassis.clock import Clock
from chassis.database import Prepared, Transactions, engine, rows
from chassis.errors import Poison
from chassis.events import Event, Fact
from chassis.inbox import Inbox
from chassis.outbox import emit
from chassis.relay import Relay
from tests.harness.databases import Database
from tests.harness.waiting import eventually
from tests.simulation.broker import Crash, Wire

HEARS = {
    "intake": ("/routing/cases", "/notify/messages"),
    "routing": ("/intake/reports",),
    "notify": ("/routing/cases",),
}
START = datetime(2026, 11, 23, 2, tzinfo=UTC)
TABLES = """
CREATE TABLE effect (id bigserial, source text, subject text, rating int);
CREATE TABLE account (subject text PRIMARY KEY, stars int);
"""
EMPTY = "TRUNCATE outbox, stream, inbox, position, effect, account"
EFFECT = "INSERT INTO effect (source, subject, rating) VALUES (:source, :subject, :rating)"
MOVE = (
    "INSERT INTO account VALUES (:subject, :stars)"
    " ON CONFLICT (subject) DO UPDATE SET stars = account.stars + :stars"
)


class SimulatedClock(Clock):
    """Stands still but for the millisecond that each look at it takes: no two moments are equal,
    so no order is left to chance."""

    def __init__(self) -> None:
        super().__init__()
        self.at = START

    def real(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at


class Mortal(Transactions):
    """Transactions of a process that dies at one of their edges, `edges_left` from now: each has
    one at its begin, one before its commit and one after it; one that is a single statement has its
    begin and its end."""

    edges_left: int | None = None

    @contextmanager
    def begin(self) -> Iterator[Session]:
        with super().begin() as tx:
            self._edge()
            yield tx
            self._edge()
        self._edge()

    def once(self, statement: Prepared, values: Mapping[str, Any]) -> Any:
        self._edge()
        answer = super().once(statement, values)
        self._edge()
        return answer

    def _edge(self) -> None:
        if self.edges_left is not None:
            self.edges_left -= 1
            if self.edges_left < 0:
                self.edges_left = None
                raise Crash


class WiredRelay(Relay):
    """The real relay, on a simulated wire."""

    def __init__(self, service: str, bind: sa.Engine, wire: Wire) -> None:
        super().__init__(service, bind, "")
        self.wire = wire

    def _leading(self) -> sa.Connection | None:
        """Waits until the database has noticed the death of the process before."""
        return eventually(super()._leading, "the relay's lock")

    def _publish(self, connection: sa.Connection) -> int:
        self._publisher = self.wire
        return super()._publish(connection)


class Part:
    """One service: its database, its handlers, and what its process is about to suffer."""

    def __init__(self, database: Database) -> None:
        self.name = database.service
        self._relays = engine(database.url, 1)
        self.relay: WiredRelay | None = None
        self.db, self.client = Mortal(engine(database.url, 1)), Transactions(engine(database.url))
        with self.db.begin() as tx:
            tx.execute(sa.text(tables.V1 + tables.V2 + TABLES))

    def begin(self, clock: Clock, wire: Wire, inbox: type[Inbox], relay: type[WiredRelay]) -> None:
        """Starts from nothing, with an inbox and a relay of these kinds."""
        with self.client.begin() as tx:
            tx.execute(sa.text(EMPTY))
        self.clock, self.failing, self.misunderstood = clock, False, set[int]()
        self.db.edges_left = None
        self.inbox = inbox(self.name, self.db, clock, self._handlers())
        self.wire, self._relay_kind = wire, relay
        self.restart_relay()

    def restart_relay(self) -> None:
        """As after a deployment."""
        if self.relay:
            self.relay.close()
        self.relay = self._relay_kind(self.name, self._relays, self.wire)

    def end(self) -> None:
        """Drops all connections."""
        if self.relay:
            self.relay.close()
        for bind in (self._relays, self.db.engine, self.client.engine):
            bind.dispose()

    def rows(self, statement: str, **values: Any) -> list[Any]:
        """All rows of a statement, read by somebody who cannot crash."""
        with self.client.begin() as tx:
            return rows(tx, statement, **values)

    def _handlers(self) -> dict[str, Callable[[Event, Session], object]]:
        heard: dict[str, dict[str, Callable[[Event, Session], object]]] = {
            "intake": {"case.resumed.v1": self._note, "message.delivered.v1": self._note},
            "routing": {"report.rated.v1": self._move},
            "notify": {"case.resumed.v1": self._tell},
        }
        return heard[self.name]

    def _note(self, event: Event, tx: Session) -> int:
        """Files the effect, then fails if the process is about to."""
        rating = int(event.data.get("comment") or event.data["cycle"])
        values = {"source": event.source, "subject": event.subject, "rating": rating}
        tx.execute(sa.text(EFFECT), values)
        if rating in self.misunderstood:
            raise Poison("not understood before the next release")
        if self.failing:
            self.failing = False
            raise RuntimeError("a bad moment")
        return rating

    def _move(self, event: Event, tx: Session) -> None:
        rating, at = self._note(event, tx), self.clock.now()
        tx.execute(sa.text(MOVE), {"subject": event.subject, "stars": event.data["stars"]})
        data = {"how": "supplied", "cycle": rating, "status": "in_progress", "at": at.isoformat()}
        emit(tx, Fact("case.resumed.v1", event.subject, data, at))

    def _tell(self, event: Event, tx: Session) -> None:
        rating, at = self._note(event, tx), self.clock.now()
        data = {"message_id": str(UUID(int=rating)), "about": "resumed", "channel": "email"}
        data |= {"cycle": rating, "news_at": None, "at": at.isoformat()}
        emit(tx, Fact("message.delivered.v1", event.subject, data, at))


def rating(number: int, stars: int, subject: str, at: datetime) -> Fact:
    """What the client says."""
    data = {"stars": stars, "comment": str(number), "at": at.isoformat()}
    return Fact("report.rated.v1", subject, data, at)
