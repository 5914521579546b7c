"""Escalation's own code on a real database; the time is told by the test."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from threading import Event as Flag
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import contracts
from chassis.clock import Clock
from chassis.config import Secret, SecretText
from chassis.database import Transactions, engine
from chassis.events import Event
from chassis.inbox import ANYBODY
from services.escalation import seed
from services.escalation.config import Settings
from services.escalation.ombudsman import feed
from services.escalation.ombudsman.doors import cursor
from services.escalation.rules import national
from services.escalation.service import Escalation
from services.escalation.watch.pace import Pace
from tests.harness.databases import Database

NUMBER = "KTB-12345-67890"
WITA = ZoneInfo("Asia/Makassar")
MONDAY = "2026-11-02 10:00"
FIRING = ["deadline.approaching", "deadline.passed", "escalation.raised", "escalation.offered"]


def local(text: str) -> datetime:
    """A moment told in local time."""
    return datetime.fromisoformat(text).replace(tzinfo=WITA)


def rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def end_of(day: str) -> str:
    """The last second of a local day, as events tell it."""
    return rfc3339(local(f"{day} 23:59:59"))


@cache
def years() -> list[national.NationalYear]:
    return national.years(range(2025, 2031))


class HandClock(Clock):
    """Stands until a test moves it. The real one runs."""

    def __init__(self) -> None:
        super().__init__()
        self.at = local(MONDAY).astimezone(UTC)

    def now(self) -> datetime:
        return self.at


def settings(database: Database, secrets: Path) -> Settings:
    """As both kinds of process together would read them."""
    return Settings(
        service="escalation",
        lapor_env="test",
        database_url=SecretText(database.url),
        feed_signing_key=Secret((secrets / "feed-signing-key.json").read_bytes()),
        ombudsman_key=Secret((secrets / "ombudsman-key-hash").read_bytes().strip()),
        staff_token_keys=Secret((secrets / "staff-token-public-keys.json").read_bytes()),
        reporter_token_keys=Secret((secrets / "reporter-token-public-keys.json").read_bytes()),
        ombudsman_signing_keys=Secret((secrets / "ombudsman-signing-keys.json").read_bytes()),
    )


class Stream:
    """Events as other services would send them, numbered within their streams."""

    def __init__(self) -> None:
        self._sequences: dict[tuple[str, str], itertools.count[int]] = {}
        self._asked: dict[str, str] = {}  # when, by number

    def body(self, type: str, number: str, at: datetime, **data: Any) -> bytes:
        """The next event of a type, made from its contract's first example."""
        example = next(iter(contracts.examples(type).values()))["data"]
        for field in ("at", "received_at"):
            if field in example:
                data.setdefault(field, rfc3339(at))
        if "reopen_until" in example:  # as routing says of what ends then
            ended_at = datetime.fromisoformat(data["at"])
            data.setdefault("reopen_until", rfc3339(ended_at + timedelta(days=30)))
        if type == "case.data_requested.v1":
            self._asked[number] = data["at"]
        if "news_at" in example:  # of a question: the last one
            asked = self._asked.get(number) if data["about"] == "data_requested" else None
            data.setdefault("news_at", asked or data["at"])
        contracts.validate(type, example | data)
        source = contracts.source(type)
        counted = self._sequences.setdefault((source, number), itertools.count(1))
        event = Event(
            id=str(uuid4()), source=source, type=type, subject=number, time=at,
            sequence=next(counted), correlationid="a-chain-of-causes", data=example | data,
        )  # fmt: skip
        return json.dumps(event.document()).encode()

    def number_from(self, type: str, number: str, sequence: int) -> None:
        """Has the next event of a type's stream have this number."""
        self._sequences[contracts.source(type), number] = itertools.count(sequence)


class Tower:
    """Hears events and fires what is due in this process, one step at a time."""

    def __init__(self, database: Database, secrets: Path, *, seeded: bool = True) -> None:
        self.database, self.clock, self.stream = database, HandClock(), Stream()
        self.engine = engine(database.url, 12)
        self.db, self.settings = Transactions(self.engine), settings(database, secrets)
        self.service = Escalation()
        self.service.db, self.service.clock = self.db, self.clock
        self.service.caught_up = Flag()
        self.service.pace = Pace()
        self.service.caught_up.set()
        self.service.settings, self.service.signers = self.settings, self.settings.signers()
        if seeded:
            self.plant()

    def plant(self) -> None:
        """Puts in calendar, limits and ladder."""
        with self.db.begin() as tx:
            seed.plant(tx, years())

    def at(self, text: str) -> Tower:
        """Moves the clock to a local time."""
        self.clock.at = local(text).astimezone(UTC)
        return self

    def hear(self, type: str, number: str = NUMBER, **data: Any) -> str:
        """Receives one event that happens now; what the inbox did with it."""
        return self.receive(self.stream.body(type, number, self.clock.at, **data))

    def receive(self, body: bytes) -> str:
        return self.service.inbox.receive(body, ANYBODY)

    def retry(self) -> None:
        """Tries every waiting event, though its time has not come."""
        self.clock.at += timedelta(minutes=10)
        while self.service.inbox.retry_due():
            pass
        self.clock.at -= timedelta(minutes=10)

    def open(self, number: str = NUMBER, kind: str = "complaint") -> None:
        self.hear("case.opened.v1", number, kind=kind)

    def dispose(self, number: str = NUMBER, **data: Any) -> None:
        given = {"agency": "dpupr", "kind": "complaint", "class": "ordinary", "cycle": 1}
        self.hear("case.disposed.v1", number, **given | data)

    def begin_work(self, number: str = NUMBER) -> None:
        """Opened, disposed, followed up."""
        self.open(number)
        self.dispose(number)
        self.hear("case.followed_up.v1", number, agency="dpupr", first=True, cycle=1)

    def answer(self, number: str = NUMBER, cycle: int = 1) -> None:
        self.hear("case.answered.v1", number, agency="dpupr", cycle=cycle)

    def deliver(self, number: str = NUMBER, cycle: int | None = 1) -> str:
        """The reporter is told of an answer."""
        return self.hear("message.delivered.v1", number, about="answered", cycle=cycle)

    def closings(self) -> list[str]:
        """How breaches have closed, as the monitoring stream tells it: `S kept`."""
        self.append()
        closed = [e for e in self.entries("monitoring") if e["type"] == "feed.breach.closed.v1"]
        return [f"{e['data']['clock']} {e['data']['how']}" for e in closed]

    def sweep(self) -> None:
        while self.service.sweep():
            pass

    def write(self, count: int, stream: str = "monitoring") -> None:
        """Appends so many entries that say `n`, from 0 on, in one transaction."""
        with self.db.begin() as tx:
            for n in range(count):
                now = self.clock.now()
                feed.write(tx, stream, "feed.breach.opened.v1", NUMBER, {"n": n}, now)
        self.append()

    def append(self) -> None:
        while self.service.append_to_feed():
            pass

    def measure_stale(self) -> None:
        while self.service.measure_stale():
            pass

    def said(self, *starts: str, number: str = NUMBER) -> list[dict[str, Any]]:
        """What was emitted about a case, in order: its data with its type's two words."""
        rows = self.database.psql(
            "SELECT type, data FROM outbox WHERE subject = %s ORDER BY id", [number]
        )
        told = [{"type": type.removesuffix(".v1"), **data} for type, data in rows]
        return [fact for fact in told if not starts or fact["type"].startswith(starts)]

    def fired(self, number: str = NUMBER) -> list[str]:
        """What firing has told of a case, in short: `passed V`, `raised V 1 sekda` ..."""
        short = []
        for fact in self.said(*FIRING, number=number):
            words = [fact["type"].split(".")[1], fact.get("clock"), fact.get("level")]
            reached = fact.get("to") if fact["type"] == "escalation.raised" else None
            words += [reached, fact.get("reason")]
            short.append(" ".join(str(word) for word in words if word is not None))
        return short

    def order(self) -> list[datetime]:
        """The due times of all that fired, in the order in which it was told."""
        return [due_at for _, due_at in self.told_since(0)]

    def told_since(self, id: int) -> list[tuple[str, datetime]]:
        """Case and due time of all that fired, in the order in which it was told."""
        return self.database.psql(f"""
            SELECT o.subject, d.due_at FROM outbox o
            JOIN clock c ON c.number = o.subject AND c.clock = o.data->>'clock'
            JOIN due d ON d.clock_id = c.id AND d.what = CASE o.type
                WHEN 'deadline.approaching.v1' THEN 'reminder'
                WHEN 'deadline.passed.v1' THEN 'passed'
                WHEN 'escalation.raised.v1' THEN 'level_' || (o.data->>'level') END
            WHERE o.type ~ '^({"|".join(FIRING)})' AND o.id > {id} ORDER BY o.id
        """)  # type: ignore[return-value]

    def clocks(self, number: str = NUMBER) -> dict[str, str]:
        """Each clock with its round, and how it is: a due day, `paused`, `stopped` or a problem."""
        rows = self.database.psql(
            "SELECT clock || cycle, due_at, stopped_at IS NOT NULL, problem,"
            " EXISTS (SELECT 1 FROM pause p WHERE p.clock_id = c.id AND p.ended_at IS NULL)"
            " FROM clock c WHERE number = %s ORDER BY id",
            [number],
        )
        return {
            name: "stopped" if stopped else problem or ("paused" if paused else _day(due))
            for name, due, stopped, problem, paused in rows
        }

    def entries(self, stream: str) -> list[dict[str, Any]]:
        """The feed, in order."""
        rows = self.database.psql(
            "SELECT entry FROM feed_entry WHERE stream = %s ORDER BY epoch, position", [stream]
        )
        return [entry for (entry,) in rows]

    def entry(self, stream: str, position: int) -> dict[str, str]:
        """The cursor after an entry, and its hash, as they are acknowledged."""
        asked = "SELECT epoch, hash FROM feed_entry WHERE stream = %s AND position = %s"
        [(epoch, hash)] = self.database.psql(asked, [stream, position])
        return {"cursor": cursor(stream, epoch, position), "hash": bytes(hash).hex()}

    def count(self, sql: str) -> int:
        return int(self.database.psql(sql)[0][0])

    def close(self) -> None:
        self.engine.dispose()


def _day(due: datetime | None) -> str:
    return due.astimezone(WITA).date().isoformat() if due else "none"
