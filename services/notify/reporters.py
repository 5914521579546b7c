"""Who reporters are, as rows: expected, held sealed, erased. Opens no more than is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.database import Prepared
from chassis.errors import Poison, TooEarly
from chassis.together import held, hold, in_hand
from services.notify import contacts, filed
from services.notify.contacts import Contact
from services.notify.keyring import Keyring, Wrapped
from services.notify.models import FormerReach, Message, Reporter

_SEALED_REACH = Prepared(  # for each mail once
    "sealed_reach",
    "SELECT kek, data_key, reach FROM former_reach WHERE message_id = :message_id"
    " UNION ALL SELECT kek, data_key, reach FROM reporter"
    " WHERE number = :number AND mailable AND reach IS NOT NULL AND NOT CAST(:former AS boolean)"
    " AND NOT EXISTS (SELECT FROM former_reach WHERE message_id = :message_id)",
)


@dataclass(frozen=True)
class Reach:
    """Where and in which language a reporter is written to."""

    email: str = field(repr=False)
    language: str = field(repr=False)


def meet(tx: Session, numbers: Iterable[str]) -> None:
    """Makes reporters that nothing is known of where there are none, and locks them: the case and
    the contact come by two ways, and either may be first."""
    new = [{"number": number, "state": "expected"} for number in sorted(set(numbers))]
    if new:
        tx.execute(insert(Reporter).on_conflict_do_nothing(), new)
        hold(tx, Reporter, (row["number"] for row in new))


def expect(tx: Session, number: str, *, reachable: bool) -> None:
    """Notes the case, and whether a contact will come; a contact that is here already stays."""
    row = met(tx, number)
    if row.state == "expected" and not row.opened and not reachable:
        row.state = "unreachable"
    row.opened = True


def keep(tx: Session, keyring: Keyring, number: str, contact: Contact) -> None:
    """Seals and stores a contact; one that was erased stays erased, and one that was replaced
    since stays so.

    Raises Poison for a second one: nobody takes another's place.
    """
    row = met(tx, number)
    if row.state == "erased" or row.since is not None:
        return
    if row.state == "held":
        raise Poison("a contact of this report is held already")
    put(keyring, row, contact)


def put(keyring: Keyring, row: Reporter, contact: Contact) -> None:
    """Seals and stores a contact, which may be empty, in place of what was known, whose key is gone
    with that."""
    wrapped, sealed = keyring.seal(row.number, contacts.fields(contact))
    row.state, row.mailable = "held", contacts.is_mailable(contact.email)
    row.kek, row.data_key = wrapped.kek, wrapped.key
    row.reach, row.identity = sealed["reach"], sealed["identity"]


def was_erased(tx: Session, number: str) -> bool:
    """Whether nothing of this reporter is to be kept."""
    return met(tx, number).state == "erased"


def is_mailable(tx: Session, number: str) -> bool:
    """Whether there is an address to write to. Raises TooEarly while that is not known yet."""
    row = held(tx, Reporter, number)
    if row is None or row.state == "expected":
        raise TooEarly("the contact of this report has not arrived")
    return row.mailable


def sealed_reach(tx: Session, message: Message) -> tuple[Wrapped, bytes] | None:
    """Where to send a message, as it is known now; None: never given, not usable, or erased."""
    told = {"message_id": message.id, "number": message.number, "former": message.former}
    row = _SEALED_REACH.run(tx, told).one_or_none()
    return row and (Wrapped(row.kek, bytes(row.data_key)), bytes(row.reach))


def sealed_of(row: Reporter) -> tuple[Wrapped, bytes] | None:
    """The same of a reporter."""
    return (_wrapped(row), row.reach) if row.mailable and row.reach is not None else None


def former_reaches(tx: Session, messages: Iterable[UUID]) -> dict[UUID, tuple[Wrapped, bytes]]:
    """The same of messages that go where a reporter's news went formerly; not of the others."""
    asked = sa.select(FormerReach).where(FormerReach.message_id.in_(sorted(messages)))
    return {row.message_id: (_wrapped(row), row.reach) for row in tx.scalars(asked)}


def sealed_reaches(tx: Session, numbers: Iterable[str]) -> dict[str, tuple[Wrapped, bytes]]:
    """The same of many reporters; without those who are not written to."""
    asked = sa.select(Reporter.number, Reporter.kek, Reporter.data_key, Reporter.reach).where(
        Reporter.number.in_(sorted(numbers)), Reporter.mailable, Reporter.reach.is_not(None)
    )
    return {number: (Wrapped(kek, key), reach) for number, kek, key, reach in tx.execute(asked)}


def reach(number: str, sealed: tuple[Wrapped, bytes], keyring: Keyring) -> Reach:
    """What `sealed_reach` told, opened. Raises Unreadable."""
    wrapped, content = sealed
    found = json.loads(keyring.open(number, wrapped, "reach", content))
    return Reach(found["email"], found["language"])


def is_known(tx: Session, number: str) -> bool:
    """Whether anything was ever heard of this report's reporter."""
    return _state(tx, number) is not None


def erase(tx: Session, number: str) -> bool:
    """Destroys a reporter's data key, and the ciphertext with it, that of a former address too, and
    the sealed contact in events that wait or are parked; whether there was any of it.

    A contact that comes later is not kept. Copies remain elsewhere for a while: the sealed one in
    intake's outbox, the wrapped key in backups; they are unreadable only once notify's private key
    and the key-encryption key of that time are destroyed too (docs/runbook.md, Secrets).
    """
    was = _state(tx, number)
    erased = dict.fromkeys(("kek", "data_key", "reach", "identity")) | {
        "state": "erased",
        "mailable": False,
    }
    tx.execute(sa.delete(FormerReach).where(FormerReach.number == number))
    statement = insert(Reporter).values(number=number, **erased)
    tx.execute(statement.on_conflict_do_update(index_elements=["number"], set_=erased))
    emptied = filed.empty(tx, number)
    return was == "held" or emptied > 0


def rewrap(tx: Session, keyring: Keyring, limit: int = 500) -> int:
    """Moves up to `limit` data keys of a kind to the current key-encryption key; how many moved.

    Called until it returns 0, an old key-encryption key may be destroyed. Raises Unreadable.
    """
    count = 0
    for model in (Reporter, FormerReach):
        outdated = sa.select(model).where(model.kek.is_not(None), model.kek != keyring.current)
        old = tx.scalars(outdated.order_by(model.number).limit(limit).with_for_update()).all()
        for row in old:
            moved = keyring.rewrap(row.number, _wrapped(row))
            row.kek, row.data_key = moved.kek, moved.key
        count += len(old)
    return count


def met(tx: Session, number: str) -> Reporter:
    """What is known of a report's reporter, locked; made if nothing is."""
    if in_hand(tx, Reporter, number) is None:
        meet(tx, [number])
    return cast(Reporter, in_hand(tx, Reporter, number))


def _state(tx: Session, number: str) -> str | None:
    return tx.scalar(sa.select(Reporter.state).where(Reporter.number == number).with_for_update())


def _wrapped(row: Reporter | FormerReach) -> Wrapped:
    if row.kek is None or row.data_key is None:
        raise LookupError("no contact is held")
    return Wrapped(row.kek, row.data_key)
