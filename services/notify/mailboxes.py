"""How much a mailbox is sent that no officer's act brought about; what is more waits for room.

Anybody can send reports under an address that is not theirs. So a mailbox has room for a number of
such mails in any hour (`domain.UNPROMPTED`); the next ones are put off, each once, in the order in
which they came, and none is lost. Of it stands in the database that a message was put off and until
when. What is counted for whom only the process knows, under keyed hashes whose key ends with it.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from services.notify import contacts, reporters
from services.notify.config import Settings
from services.notify.domain import UNPROMPTED
from services.notify.keyring import Keyring, Unreadable
from services.notify.models import Message
from services.notify.quiet import IF_NOBODY_DID, Quiet

HOUR = timedelta(hours=1)
SWEPT = timedelta(minutes=10)  # how long what is forgotten may still be in memory


class Room:
    """`limit` mails in any hour for each mailbox. Whoever comes beyond it is given a later moment,
    never a quiet one, nor one that can be foreseen. What was given is given back by `undo`, until
    it is `kept`."""

    def __init__(self, limit: int, quiet: Quiet | None, zone: tzinfo) -> None:
        self._limit, self._quiet, self._zone = limit, quiet, zone
        self._key = secrets.token_bytes(32)
        self._given: dict[bytes, tuple[datetime, ...]] = {}  # each mailbox's last `limit` moments
        self._before: dict[bytes, tuple[datetime, ...]] = {}  # of those that were given some since
        self._swept = datetime.min.replace(tzinfo=UTC)

    def take(self, email: str, now: datetime, after: datetime | None = None) -> datetime:
        """When the next mail may go: now, or at the moment that is given to it from here on; after
        another moment, if there is one."""
        self._sweep(now)
        given = self._given.get(self._name(email), ())
        is_full = len(given) == self._limit
        at = max(now, given[-1] if given else now, given[0] + HOUR if is_full else now)
        at = max(at, after or at)
        if at > now:
            at += self._some_time()
            if self._quiet and (quiet := self._quiet.left(at.astimezone(self._zone))):
                at += quiet + self._some_time()
        self.count(email, at)
        return at

    def count(self, email: str, at: datetime) -> None:
        """Counts a mail that goes at `at`, the latest so far."""
        name = self._name(email)
        given = self._given.get(name, ())
        self._before.setdefault(name, given)
        self._given[name] = (*given, at)[-self._limit :]

    def kept(self) -> None:
        """What was given is on record."""
        self._before.clear()

    def undo(self) -> None:
        """Nothing came of what was given since it was last `kept`."""
        self._given |= self._before
        self._before.clear()

    def _some_time(self) -> timedelta:
        return HOUR / self._limit * (1 + secrets.randbelow(1000)) / 1000

    def _name(self, email: str) -> bytes:
        return hmac.digest(self._key, contacts.mailbox(email).encode(), "sha256")

    def _sweep(self, now: datetime) -> None:
        """Forgets who has all the room again; everybody, when the clock was wrong: nothing must
        wait for a moment that it gave."""
        if abs(since := now - self._swept) < SWEPT:
            return
        is_ahead = since < timedelta()
        recent = {k: g for k, g in self._given.items() if g and g[-1] > now - HOUR}
        self._given, self._swept = {} if is_ahead else recent, now


class Mailboxes:
    """Which messages of those that are due may go."""

    def __init__(self, settings: Settings, keyring: Keyring) -> None:
        zone, limit = ZoneInfo(settings.time_zone), settings.mailbox_limit
        self._room = Room(limit, settings.quiet(), zone) if limit else None
        self._keyring, self._resumed, self._resuming = keyring, False, False

    def admit(self, tx: Session, due: Sequence[Message], now: datetime) -> list[Message]:
        """Those that go now; the others are put off, which is no try. Who is told of an officer's
        act hears of what came before it without waiting; what was put off once goes when it is due,
        and what was tried once is tried again."""
        counted = [message for message in due if _is_counted(message)]
        if self._room is None or not counted:
            return list(due)
        if not (self._resumed or self._resuming):
            self._resume(tx, self._room)
        emails = self._emails(tx, [(m.id, m.number, m.former) for m in counted])
        numbers = sorted({message.number for message in counted})
        also_open = {row.number: row for row in tx.execute(_ALSO_OPEN, {"numbers": numbers})}
        for message in counted:
            email, others = emails.get(message.id), also_open.get(message.number)
            if message.former:  # to another mailbox than what else is open
                others = None
            if email is None or (others and others.are_urging):
                continue
            at = self._room.take(email, now, others and others.put_off_until)
            if at > now:
                message.put_off, message.next_at, message.not_before = True, at, at
        return [m for m in due if m.next_at is not None and m.next_at <= now]

    def kept(self) -> None:
        """The claims stand for which it was asked."""
        self._resumed |= self._resuming
        if self._room:
            self._room.kept()

    def undo(self) -> None:
        """They do not: nothing was put off, and all the room is there that was before."""
        self._resuming = False
        if self._room:
            self._room.undo()

    def _resume(self, tx: Session, room: Room) -> None:
        """What another process put off, or this one before it was started anew, keeps its moment,
        and has its room."""
        about = Message.id, Message.number, Message.former, Message.next_at
        rows = tx.execute(sa.select(*about).where(_PUT_OFF).order_by(Message.next_at)).all()
        emails = self._emails(tx, [(id, number, former) for id, number, former, _ in rows])
        for id, _, _, at in rows:
            if id in emails:
                room.count(emails[id], at)
        self._resuming = True

    def _emails(self, tx: Session, asked: Collection[tuple[UUID, str, bool]]) -> dict[UUID, str]:
        """Where messages go, of these ids and reports, formerly or now; without those of which that
        cannot be read: a try finds that out, and says so."""
        formerly = reporters.former_reaches(tx, [id for id, _, former in asked if former])
        now = reporters.sealed_reaches(tx, {number for _, number, former in asked if not former})
        read: dict[bytes, str] = {}
        found = {}
        for id, number, former in asked:
            sealed = formerly.get(id) if former else now.get(number)
            if sealed is None:
                continue
            try:
                if (reach := sealed[1]) not in read:
                    read[reach] = reporters.reach(number, sealed, self._keyring).email
                found[id] = read[reach]
            except Unreadable:
                continue
        return found


def let_through(tx: Session, reports: Iterable[tuple[str, datetime]]) -> None:
    """What was put off of these reports, and what waits for the morning to tell their end, goes at
    the first moment that each has here: something later is to be told, or nobody. Waits for who is
    just putting it off."""
    first: dict[str, datetime] = {}
    for number, moment in reports:
        first[number] = min(moment, first.get(number, moment))
    if not first:
        return
    waiting = sa.select(Message).where(
        Message.number.in_(sorted(first)),
        Message.place.is_(None),
        Message.former.is_(False),
        Message.about.in_(sorted(UNPROMPTED | IF_NOBODY_DID.keys())),
        Message.state == "due",
        Message.attempts == 0,
    )
    asked = waiting.order_by(Message.id).with_for_update()
    for message in tx.scalars(asked, execution_options={"populate_existing": True}):
        waits = message.put_off or message.about in IF_NOBODY_DID
        if waits and message.not_before > first[message.number]:
            message.next_at = message.not_before = first[message.number]


def _is_counted(message: Message) -> bool:
    is_new = message.state == "due" and not message.attempts and not message.put_off
    return is_new and message.place is None and message.about in UNPROMPTED


_PUT_OFF = sa.and_(
    Message.put_off, Message.state == "due", Message.attempts == 0, Message.next_at.is_not(None)
)
# Of reports, when the last goes that was put off, and whether an officer's act is to be told.
_ALSO_OPEN = (
    sa.select(
        Message.number,
        sa.func.max(Message.next_at).filter(_PUT_OFF).label("put_off_until"),
        sa.func.bool_or(Message.about.not_in(sorted(UNPROMPTED))).label("are_urging"),
    )
    .where(Message.number.in_(sa.bindparam("numbers", expanding=True)))
    .where(Message.place.is_(None), Message.former.is_(False), Message.next_at.is_not(None))
    .group_by(Message.number)
)
