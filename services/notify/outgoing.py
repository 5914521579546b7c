"""A message is sent once, or tried again under the same Message-ID, and every try is on record.

`filing` files a message in the transaction of the event that caused it. `Outgoing` takes what is
due: it commits an attempt, sends outside any transaction, and commits the outcome together with
what is said of it. A process renews the lease of what it is sending, and keeps a known outcome
until the database has it; one that dies leaves an attempt without outcome, and when its lease ends,
the message is tried again: a crash costs at most one extra mail, recognisable by its id. So does a
server that takes a text and never answers; that is tried again `pace.AFTER_SILENCE` only. While
the server is away one message asks for all of them (`pace.Outage`).

An address is read when a try begins: what was erased meanwhile is written to no more. What a
mailbox has no room for is put off before it is tried (`mailboxes`).
"""

from __future__ import annotations

from collections import deque
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event as Flag
from threading import Lock
from typing import Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.clock import Clock
from chassis.database import Transactions, is_away
from chassis.failpoints import failpoint
from chassis.logs import cause, log
from chassis.together import hold
from services.notify import letters, mailboxes, order, posts, replacing, reporters, trials
from services.notify.config import Settings
from services.notify.domain import About, Hindered, Rejected, Reply, Unanswered, Unavailable
from services.notify.keyring import Keyring, Unreadable
from services.notify.ledger import (
    DELIVERED,
    HINDERED,
    NO_ADDRESS,
    UNANSWERED,
    UNREADABLE,
    Outcome,
    end_late,
    end_void,
    passes,
    record,
    settle,
)
from services.notify.models import Attempt, Message
from services.notify.pace import Outage

LOST = Outcome("unknown")
LEASE = timedelta(seconds=15)  # how long nothing is heard of a try before it counts as lost
ROUNDS = 16  # looks for what may go, past what is put off, in one transaction
PAUSE = 0.5  # seconds between tries to write down an outcome


class Line(Protocol):
    """What takes a message to a mailbox; raises as `channel.Smtp.send`."""

    def send(self, sender: str, recipient: str, message: bytes) -> None: ...


class Channel(Line, Protocol):
    """The same, also for several messages, one after the other."""

    def kept(self) -> AbstractContextManager[Line]: ...


@dataclass(frozen=True)
class Claim:
    """A message that this process is sending: the `n`th try."""

    message: Message
    n: int


class Outgoing:
    """Sends what is due. Several processes may: a message is claimed by one of them."""

    def __init__(
        self,
        db: Transactions,
        clock: Clock,
        settings: Settings,
        keyring: Keyring,
        channel: Channel,
        stopping: Flag | None = None,
    ) -> None:
        self._db, self._clock, self._settings = db, clock, settings
        self._stopping = stopping or Flag()
        self._keyring, self._channel = keyring, channel
        self._mailboxes, self._outage = mailboxes.Mailboxes(settings, keyring), Outage()
        self._page, self._zone = settings.page(), ZoneInfo(settings.time_zone)
        self._mail_keys = settings.opener().derive("message-id")
        self._sending: set[UUID] = set()
        self._fetched: deque[Claim] = deque()
        self._known: dict[UUID, tuple[Claim, Outcome]] = {}  # outcomes not written down yet
        self._writing = Lock()
        self._missed = False  # whether the database was away since the last claim
        self._patient_until = clock.real()

    def claim(self, limit: int) -> list[Claim]:
        """Takes up to `limit` messages that are due, and records the tries.

        A report's messages go one after the other, in the order in which they were written. What
        this process is sending is not due, whatever its lease says; and when the database was away,
        nobody could renew one: for the time of a lease, none counts as ended. Nothing is due while
        the mail server is away, but for the one that asks.
        """
        now = self._clock.real()
        if not (limit := self._outage.room(limit, now)):
            return []
        try:
            is_any = order.any_is_due(self._db, now)
            if self._missed:
                self._missed, self._patient_until = False, now + LEASE
            claims = self._claim(limit, now) if is_any else []
        except Exception as error:
            self._missed |= is_away(error)
            self._mailboxes.undo()
            raise
        self._mailboxes.kept()
        if claims:
            self._outage.asks(now)
        return claims

    def _claim(self, limit: int, now: datetime) -> list[Claim]:
        with self._db.begin() as tx:
            claims: list[Claim] = []
            for _ in range(ROUNDS):
                patient = now < self._patient_until
                due = order.due(tx, limit - len(claims), now, self._sending, patient=patient)
                going = self._mailboxes.admit(tx, due, now)
                begun = (self._begin(tx, message, now) for message in going)
                claims += [claim for claim in begun if claim is not None]
                if len(going) == len(due):
                    break
            return claims

    def fetch(self, limit: int) -> int:
        """Claims for several senders at once; how many wait for them to `send_fetched` now."""
        claims = self.claim(limit)
        self._sending.update(claim.message.id for claim in claims)
        self._fetched.extend(claims)
        return len(self._fetched)

    def send_fetched(self) -> None:
        """Sends what was fetched and no other sender has taken, one after the other, until the
        process stops."""
        with self._channel.kept() as line:
            while self._fetched and not self._stopping.is_set():
                self.send(self._fetched.popleft(), line)
        if self._stopping.is_set():
            self.give_back()

    def give_back(self) -> None:
        """What was fetched and not begun is due as before: no try was made. Whatever hinders it,
        its lease ends."""
        tries = [(claim.message.id, claim.n) for claim in self._fetched]
        self._fetched.clear()
        if not tries:
            return
        claimed = sa.tuple_(Message.id, Message.attempts).in_(tries)
        unmade = sa.tuple_(Attempt.message_id, Attempt.n).in_(tries), Attempt.outcome.is_(None)
        due = {"state": "due", "attempts": Message.attempts - 1, "next_at": self._clock.real()}
        try:
            with self._writing, self._db.begin() as tx:
                hold(tx, Message, (id for id, _ in tries))
                tx.execute(sa.delete(Attempt).where(*unmade))
                tx.execute(
                    sa.update(Message).where(claimed, Message.state == "sending").values(due)
                )
        except Exception as failure:
            log.warning("claims_not_given_back", count=len(tries), **cause(failure))
        finally:
            self._sending.difference_update(id for id, _ in tries)

    def send(self, claim: Claim, line: Line | None = None) -> None:
        """Makes the try and records its outcome, however long the database is away, until the
        process stops. Never raises: what fails here is tried again."""
        self._sending.add(claim.message.id)
        try:
            failpoint("notify.before_send")
            outcome = self._attempt(claim, line or self._channel)
            failpoint("notify.after_send")
            self._heed(outcome)
            self._keep(claim, outcome)
        except Exception as failure:  # its lease ends, and then it is due again
            log.warning("message_in_doubt", about=claim.message.about, **cause(failure))
        finally:
            self._known.pop(claim.message.id, None)
            self._sending.discard(claim.message.id)

    def _heed(self, outcome: Outcome) -> None:
        """A server that is away is not asked by what else was fetched."""
        now = self._clock.real()
        if outcome.attempt == HINDERED:
            self._outage.met(now)
            self.give_back()
        elif outcome.attempt == UNREADABLE or outcome == NO_ADDRESS:
            self._outage.not_met(now)
        else:
            self._outage.over()

    def renew(self) -> None:
        """Keeps others from what this process is still sending; called well within a lease."""
        until = self._clock.real() + LEASE
        mine = sa.update(Message).where(
            Message.id.in_(sorted(self._sending)), Message.state == "sending"
        )
        with self._writing, self._db.begin() as tx:
            tx.execute(mine.values(next_at=until))

    def _keep(self, claim: Claim, outcome: Outcome) -> None:
        """Writes down an outcome, and those of others that wait for the same; the same once more
        does no harm. The last try is made when the process stops."""
        self._known[claim.message.id] = claim, outcome
        while True:
            is_last = self._stopping.is_set()
            try:
                with self._writing:
                    if claim.message.id in self._known:
                        self._write_down(claim.message.id)
                return
            except Exception as error:
                self._missed |= is_away(error)
                if is_last or not passes(error):
                    raise
                log.warning("outcome_waits", about=claim.message.about, **cause(error))
            self._stopping.wait(PAUSE)

    def _write_down(self, wanted: UUID) -> None:
        """All that is known in one transaction, or if that fails, what is wanted alone."""
        for chosen in (list(self._known), [wanted]):
            try:
                with self._db.begin() as tx:
                    self._finish([self._known[id] for id in chosen], tx)
            except Exception as error:
                if len(chosen) == 1 or passes(error):
                    raise
            else:
                for id in chosen:
                    del self._known[id]
                return

    def _begin(self, tx: Session, message: Message, now: datetime) -> Claim | None:
        if message.state == "sending":
            attempt = tx.get_one(Attempt, (message.id, message.attempts))
            record(tx, attempt, LOST, now)
        if message.former and replacing.release(tx, message, self._clock):
            return None
        if end_void(tx, message, self._clock) or end_late(tx, message, self._clock, self._zone):
            return None
        if message.state == "sending" and trials.next_try(tx, message, LOST, now) is None:
            settle(tx, message, "failed", "expired", self._clock)
            return None
        was_tried = message.attempts > 0
        message.kid = letters.key_of(message.kid, self._mail_keys, was_tried=was_tried)
        message.attempts += 1
        message.state, message.next_at = "sending", now + LEASE
        tx.add(Attempt(message_id=message.id, n=message.attempts, started_at=now))
        return Claim(message, message.attempts)

    def _attempt(self, claim: Claim, line: Line) -> Outcome:
        try:
            reach = self._reach(claim.message)
        except Unreadable as failure:
            log.error("contact_unreadable", **cause(failure))
            return Outcome(UNREADABLE, Reply.NONE)
        if reach is None:
            return NO_ADDRESS
        try:
            line.send(
                self._settings.smtp_return_path, reach.email, self._letter(claim.message, reach)
            )
        except Rejected as error:
            return Outcome("rejected", error.reply, "failed", "rejected")
        except Hindered as error:
            return Outcome(HINDERED, error.reply)
        except Unavailable as error:
            return Outcome("unavailable", error.reply)
        except Unanswered:
            return UNANSWERED
        return DELIVERED

    def _reach(self, message: Message) -> reporters.Reach | None:
        """Where to write to as of now, or None. Raises Unreadable."""
        place = message.place
        with self._db.begin() as tx:
            post = posts.rows(tx, [place]).get(place) if place else None
            sealed = None if place else reporters.sealed_reach(tx, message)
        if place:
            return posts.reach(post, self._keyring)
        return sealed and reporters.reach(message.number, sealed, self._keyring)

    def _letter(self, message: Message, reach: reporters.Reach) -> bytes:
        text = letters.body(
            About(message.about),
            message.facts,
            message.number,
            reach.language,
            url=self._page,
            zone=self._zone,
        )
        return letters.letter(
            message_id=letters.public_id(message.id, self._mail_keys[str(message.kid)]),
            written_at=message.not_before,  # an old date looks like spam
            sender=self._settings.smtp_from,
            recipient=reach.email,
            language=reach.language,
            text=text,
            subject=letters.subject(About(message.about), reach.language),
        )

    def _finish(self, ended: list[tuple[Claim, Outcome]], tx: Session) -> None:
        now = self._clock.real()
        hold(tx, Message, (claim.message.id for claim, _ in ended))
        tries = [(claim.message.id, claim.n) for claim, _ in ended]
        found = sa.select(Attempt).where(sa.tuple_(Attempt.message_id, Attempt.n).in_(tries))
        attempts = {attempt.message_id: attempt for attempt in tx.scalars(found)}
        for claim, outcome in ended:
            record(tx, attempts[claim.message.id], outcome, now)
            message = tx.get_one(Message, claim.message.id)
            if message.next_at is None:  # settled meanwhile, by a try that was thought lost
                continue
            if outcome.state is not None:
                settle(tx, message, outcome.state, outcome.reason, self._clock)
            elif message.attempts == claim.n and not end_void(tx, message, self._clock):
                message.next_at = trials.next_try(tx, message, outcome, now)
                message.state = "due"
                if message.next_at is None:
                    settle(tx, message, "failed", "expired", self._clock)
