"""An event's effect happens once, in its stream's order, or stays visible until it has.

One transaction holds the inbox row, the effect and whatever the handler emits. What cannot be
handled now is filed here and acknowledged; the broker never retries anything:

- `waiting`: a handler failed, the type is a later version's, or an earlier event of the stream is
  missing. Tried again by `retry_due` after 1 s, 3 s, ... up to 1 h, `TRIES` times in all; a gap
  waits `GAP_SECONDS`.
- `parked`: the last try failed, the event is poison, its number was another event's (a sender was
  restored to an earlier state and did not number anew), or the gap stayed open. A person looks
  (`parked list`, `show`) and has it tried again (`parked replay`). A parked gap closes by itself
  when the missing event comes.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid5

import sqlalchemy as sa
from marshmallow import ValidationError
from sqlalchemy.orm import Session

import contracts
from chassis import metrics, strict_json
from chassis.clock import Clock
from chassis.database import Prepared, Transactions, drop, is_away
from chassis.errors import Malformed, Poison, TooEarly
from chassis.events import EPOCH, Event, correlate, from_document, is_next
from chassis.failpoints import failpoint
from chassis.logs import cause, log
from chassis.wire import sender_of

TRIES = 10
GAP_SECONDS = 60
LONGEST_SECONDS = 3600
LEASE = timedelta(seconds=30)
TAKEN = "number taken"
ANYBODY = "*"  # the sender where the broker has one account for all (never in production)
KEPT_DAYS = 35  # longer than the outbox's, from when on a replay sends again

_NAMES = ("id", "type", "source", "subject", "sequence")  # that a row has of its event

Handler = Callable[[Event, Session], object]

# Claims the events that are new, and locks their streams' positions: always in that order, and
# each in the order of the streams.
_CLAIM = Prepared(
    "claim",
    """
WITH claimed AS (
    INSERT INTO inbox (event_id, type, source, subject, sequence, state, received_at)
    SELECT CAST(id AS uuid), type, source, subject, sequence, 'done', CAST(:now AS timestamptz)
    FROM unnest(CAST(:id AS text[]), CAST(:type AS text[]), CAST(:source AS text[]),
        CAST(:subject AS text[]), CAST(:sequence AS bigint[]))
    AS event(id, type, source, subject, sequence) ORDER BY source, subject, sequence, id
    ON CONFLICT (event_id) DO NOTHING RETURNING event_id, source, subject
), locked AS (
    INSERT INTO position (source, subject, sequence)
    SELECT DISTINCT source, subject, 0 FROM claimed ORDER BY source, subject
    ON CONFLICT (source, subject) DO UPDATE SET sequence = position.sequence
    RETURNING source, subject, sequence
)
SELECT CAST(event_id AS text), locked.sequence FROM claimed JOIN locked USING (source, subject)
""",
)
# Takes one due event on lease: whoever dies over it leaves it to the next after LEASE.
_TAKE_DUE = Prepared(
    "take_due",
    """
UPDATE inbox SET next_try_at = :lease, attempts = attempts + 1 WHERE event_id = (
    SELECT event_id FROM inbox WHERE state = 'waiting' AND next_try_at <= :now
    ORDER BY next_try_at LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING event_id::text AS id, type, body, attempts, reason, received_at
""",
)
_LOCK_POSITION = sa.text(
    "INSERT INTO position (source, subject, sequence) VALUES (:source, :subject, 0)"
    " ON CONFLICT (source, subject) DO UPDATE SET sequence = position.sequence RETURNING sequence"
)
_WAITS = sa.text("SELECT 1 FROM inbox WHERE event_id = :id AND state = 'waiting'")
# Moves the streams' positions and wakes the events that waited for just these.
_ADVANCE = Prepared(
    "advance",
    """
WITH moved AS (
    SELECT * FROM unnest(CAST(:source AS text[]), CAST(:subject AS text[]),
        CAST(:sequence AS bigint[])) AS moved(source, subject, sequence)
), woken AS (
    UPDATE inbox SET state = 'waiting', next_try_at = :now, reason = 'gap closed'
    WHERE event_id = ANY (ARRAY(SELECT waits.event_id FROM moved CROSS JOIN LATERAL (
        SELECT event_id FROM inbox WHERE source = moved.source AND subject = moved.subject
            AND sequence = moved.sequence + 1 AND state <> 'done'
            AND (state = 'waiting' OR reason = 'gap') OFFSET 0) waits))
)
INSERT INTO position SELECT * FROM moved ORDER BY source, subject
ON CONFLICT (source, subject) DO UPDATE SET sequence = excluded.sequence
""",
)
_FILE = sa.text("""
INSERT INTO inbox (event_id, type, source, subject, sequence, state, reason, attempts,
                   next_try_at, body, received_at)
VALUES (:id, :type, :source, :subject, :sequence, :state, :reason, :attempts, :next_try_at,
        :body, :now)
ON CONFLICT (event_id) DO NOTHING
""")
_KEEP = sa.text(
    "UPDATE inbox SET state = :state, reason = :reason, next_try_at = :next_try_at, body = :body"
    " WHERE event_id = :id"
)
# Whose number was taken says so until it is done: it has its effect although it was overtaken.
_REFILE = sa.text(
    "UPDATE inbox SET state = :state, next_try_at = :next_try_at, attempts = :attempts,"
    " reason = CASE reason WHEN :taken THEN reason ELSE :reason END"
    " WHERE event_id = :id AND state <> 'done'"
).bindparams(taken=TAKEN)
_NEXT_IS_FILED = sa.text("""
SELECT 1 FROM inbox WHERE source = :source AND subject = :subject AND state <> 'done'
AND sequence < :sequence AND (sequence = :next OR sequence > :next AND sequence % :epoch = 1)
""")
_DONE = sa.text(
    "UPDATE inbox SET state = 'done', reason = NULL, next_try_at = NULL, body = NULL"
    " WHERE event_id = :id"
)


class Inbox:
    """One service's inbox. `handlers` maps each event type that has an effect here to it;
    `foresee(events, tx)` may read at once what the handlers of a batch will look for."""

    def __init__(
        self,
        service: str,
        db: Transactions,
        clock: Clock,
        handlers: Mapping[str, Handler],
        foresee: Callable[[Sequence[Event], Session], object] = lambda events, tx: None,
    ) -> None:
        self._service, self._db, self._clock = service, db, clock
        self._handlers, self._foresee = handlers, foresee

    def receive(self, body: bytes, sender: str | None) -> str:
        """Takes one delivery of the broker's account `sender` to where it may be acknowledged:
        `done`, `known` (had it before), `waiting` or `parked`. Raises when
        the database is away, or cannot even file it: then nothing happened, and it must be kept."""
        try:
            event = _authentic(decode(body), sender)
        except Poison as error:
            return self._park_undecodable(body, str(error))
        row = self._row(event, body)
        return self._settle(row, partial(self._first, event, row))

    def receive_all(self, deliveries: Sequence[tuple[bytes, str | None]]) -> None:
        """Takes several deliveries where `receive` would take each: in one transaction if all of
        them are known or go well, else one after the other. Raises as `receive` does."""
        if len(deliveries) < 2 or not self._together(deliveries):
            for body, sender in deliveries:
                self.receive(body, sender)

    def _together(self, deliveries: Sequence[tuple[bytes, str | None]]) -> bool:
        try:
            events = {e.id: e for e in (_authentic(decode(body), s) for body, s in deliveries)}
            with self._db.begin() as tx:
                self._apply_all(sorted(events.values(), key=_place), tx)
                failpoint("inbox.before_commit")
            failpoint("inbox.after_commit")
        except Exception as error:
            if is_away(error):
                raise
            log.warning("batch_undone", count=len(deliveries), **cause(error))
            return False
        return True

    def _apply_all(self, events: Sequence[Event], tx: Session) -> None:
        """Applies what is new, stream by stream. Raises OutOfTurn for a gap or a taken number."""
        now = self._clock.now()
        claimed = _CLAIM.run(tx, _columns(events) | {"now": now})
        fresh: dict[str, int] = {row.event_id: row.sequence for row in claimed}
        last: dict[tuple[str, str], Event] = {}
        new = [e for e in events if e.id in fresh]
        self._foresee(new, tx)
        for event in new:
            before = last.get((event.source, event.subject))
            if not is_next(event.sequence, before.sequence if before else fresh[event.id]):
                raise OutOfTurn
            self._handle(event, tx)
            last[event.source, event.subject] = event
        if last:
            tx.flush()
            _ADVANCE.run(tx, _columns(last.values()) | {"now": now})

    def file(self, body: bytes, sender: str | None) -> str:
        """Keeps a delivery for a later try without looking further into it."""
        try:
            row = self._row(_authentic(decode(body), sender), body)
        except Poison as error:
            return self._park_undecodable(body, str(error))
        row |= {"state": "waiting", "reason": "buried", "next_try_at": self._clock.now()}
        with self._db.begin() as tx:
            tx.execute(_FILE, row)
        return "waiting"

    def retry_due(self) -> bool:
        """Tries one waiting event whose time has come; whether there was one."""
        now = self._clock.now()
        if filed := self._db.once(_TAKE_DUE, {"now": now, "lease": now + LEASE}):
            row = {"id": filed.id, "type": filed.type, "attempts": filed.attempts}
            if filed.attempts > TRIES:  # the tries before did not even end: the process did
                self._file(row, Poison())
            else:
                self._settle(row, partial(self._again, filed))
        return filed is not None

    def _settle(self, row: dict[str, Any], work: Callable[[Session], str]) -> str:
        """Does the work in one transaction; what fails is filed as `row`."""
        try:
            with self._db.begin() as tx:
                outcome = work(tx)
                failpoint("inbox.before_commit")
            failpoint("inbox.after_commit")
        except Exception as error:
            if is_away(error):
                raise
            return self._file(row, error)
        return outcome

    def _first(self, event: Event, row: dict[str, Any], tx: Session) -> str:
        """Claims the event, locks its stream's position (always in that order), and applies it."""
        claimed = _CLAIM.run(tx, _columns([event]) | {"now": row["now"]}).one_or_none()
        if claimed is None:
            return "known"
        position = claimed.sequence
        if is_next(event.sequence, position):
            return self._apply(event, position, tx)
        if event.sequence > position:
            wait = self._clock.now() + timedelta(seconds=GAP_SECONDS)
            tx.execute(_KEEP, row | {"state": "waiting", "reason": "gap", "next_try_at": wait})
            return "waiting"
        # two facts under one number: a sender was set back
        tx.execute(_KEEP, row | {"state": "parked", "reason": TAKEN, "next_try_at": None})
        log.error("event_parked", type=event.type, event_id=event.id, reason=TAKEN)
        return "parked"

    def _again(self, filed: Any, tx: Session) -> str:
        """Locks the stream's position, and applies the event or lets it wait for its turn."""
        event = decode(bytes(filed.body))
        place = {"source": event.source, "subject": event.subject}
        position = tx.execute(_LOCK_POSITION, place).scalar_one()
        # read, not locked: who erases locks what a handler changes first, and this row after it
        if tx.execute(_WAITS, {"id": event.id}).first() is None:
            return "known"  # the lease ended before it had the lock, and another has tried it
        if event.sequence > position and not is_next(event.sequence, position):
            return self._wait_for_turn(event, filed, position, tx)
        # what waited while its sender began a new epoch was not overtaken: it would be lost
        wanted = filed.reason == TAKEN or event.sequence // EPOCH < position // EPOCH
        outcome = self._apply(event, position, tx, again=wanted)
        tx.execute(_DONE, {"id": event.id})
        return outcome

    def _wait_for_turn(self, event: Event, filed: Any, position: int, tx: Session) -> str:
        """Waits on: for its whole time, and for as long as what it waits for is filed here."""
        now, length = self._clock.now(), timedelta(seconds=GAP_SECONDS)
        until = filed.received_at + length
        place = {"source": event.source, "subject": event.subject, "sequence": event.sequence}
        if tx.execute(_NEXT_IS_FILED, place | {"next": position + 1, "epoch": EPOCH}).first():
            until = now + length
        state = "waiting" if now < until else "parked"
        waited = filed.attempts - 1  # it was not tried
        gap = {"reason": "gap", "state": state, "next_try_at": until, "attempts": waited}
        tx.execute(_REFILE, {"id": event.id} | gap)
        if state == "parked":
            metrics.GAPS.labels(self._service).inc()
            log.error("gap_stays_open", type=event.type, event_id=event.id)
        return state

    def _apply(self, event: Event, position: int, tx: Session, *, again: bool = False) -> str:
        """Runs the handler and moves the position; a version that was overtaken has no effect,
        unless a person wants it (`again`)."""
        if event.sequence <= position and not again:
            return "known"
        self._handle(event, tx)
        tx.flush()
        if event.sequence > position:
            _ADVANCE.run(tx, _columns([event]) | {"now": self._clock.now()})
        return "done"

    def _handle(self, event: Event, tx: Session) -> None:
        correlate(event.correlationid)
        if handler := self._handlers.get(event.type):
            handler(event, tx)
        else:
            contracts.schema(event.type)  # a later version's: it waits for a worker who knows it

    def _file(self, row: dict[str, Any], error: Exception) -> str:
        """Keeps an event that could not be handled, with the time of its next try."""
        attempts = row["attempts"]
        hopeless = isinstance(error, Poison | ValidationError) or attempts >= TRIES
        state = "parked" if hopeless else "waiting"
        reason = "too early" if isinstance(error, TooEarly) else type(error).__name__
        wait = self._clock.now() + pause(attempts)
        with self._db.begin() as tx:
            statement = _FILE if "body" in row else _REFILE
            tx.execute(statement, row | {"state": state, "reason": reason, "next_try_at": wait})
        say = log.error if hopeless else log.warning
        about = {"type": row["type"], "event_id": row["id"], "attempts": attempts}
        say(f"event_{state}", **about, **cause(error))
        return state

    def _row(self, event: Event, body: bytes) -> dict[str, Any]:
        named = {name: getattr(event, name) for name in _NAMES}
        return named | {"body": body, "attempts": 1, "now": self._clock.now()}

    def _park_undecodable(self, body: bytes, reason: str) -> str:
        event_id = str(uuid5(UUID(int=0), hashlib.sha256(body).hexdigest()))
        row: dict[str, Any] = dict.fromkeys(_NAMES)
        row |= {"id": event_id, "body": body, "state": "parked", "reason": reason, "attempts": 1}
        with self._db.begin() as tx:
            tx.execute(_FILE, row | {"now": self._clock.now(), "next_try_at": None})
        log.error("event_parked", event_id=event_id, reason=reason, size=len(body))
        return "parked"


class OutOfTurn(Exception):
    """An event whose turn it is not: each of its batch is then looked at by itself."""


def _place(event: Event) -> tuple[str, str, int]:
    return event.source, event.subject, event.sequence


def _columns(events: Iterable[Event]) -> dict[str, list[Any]]:
    return {name: [getattr(event, name) for event in events] for name in _NAMES}


def decode(body: bytes) -> Event:
    """The event in a message. Raises Poison, whose text says which rule and never the content."""
    try:
        document = strict_json.loads(body)
        contracts.validate_envelope(document)
        UUID(document["id"])
        return from_document(document)
    except Malformed:
        raise Poison("not strict JSON") from None
    except (contracts.Violation, ValueError):
        raise Poison("not an event envelope") from None


def _authentic(event: Event, sender: str | None) -> Event:
    """The event, if its type belongs to its stream and its stream to the service that sent it.
    Raises Poison: an account of the broker speaks for its own service only."""
    try:
        source = contracts.source(event.type)
    except contracts.UnknownType:
        source = event.source  # of a later version: its stream's name must do
    if event.source != source or sender not in (ANYBODY, sender_of(source)):
        raise Poison("sent by another than its service")
    return event


def pause(attempt: int) -> timedelta:
    """How long to wait after the `attempt`th failure: 1 s, 3 s, 9 s ... 1 h, +-20 %."""
    seconds = min(3.0 ** (attempt - 1), LONGEST_SECONDS)
    return timedelta(seconds=seconds * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, no secret


def trim(tx: Session) -> int:
    """Forgets a batch of events done long ago; returns how many. One of them that came again would
    be parked as `number taken`: of what is that old, no sender sends anything again."""
    old = f"received_at < now() - interval '{KEPT_DAYS} days'"
    return drop(tx, "inbox", f"state = 'done' AND {old}")
