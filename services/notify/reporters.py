"""Who reporters are, as rows: expected, held sealed, erased. Opens no more than is asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.errors import Poison, TooEarly
from services.notify import contacts
from services.notify.contacts import Contact
from services.notify.keyring import Keyring, Wrapped
from services.notify.models import Reporter


@dataclass(frozen=True)
class Reach:
    """Where and in which language a reporter is written to."""

    email: str = field(repr=False)
    language: str = field(repr=False)


def expect(tx: Session, number: str, *, reachable: bool) -> None:
    """Notes the case, and whether a contact will come; a contact that is here already stays."""
    state = "expected" if reachable else "unreachable"
    statement = insert(Reporter).values(number=number, state=state, opened=True)
    tx.execute(statement.on_conflict_do_update(index_elements=["number"], set_={"opened": True}))


def keep(tx: Session, keyring: Keyring, number: str, contact: Contact) -> None:
    """Seals and stores a contact; one that was erased stays erased.

    Raises Poison for a second one: nobody takes another's place.
    """
    wrapped, sealed = keyring.seal(number, contacts.fields(contact))
    values = sealed | {
        "state": "held",
        "mailable": contacts.is_mailable(contact.email),
        "kek": wrapped.kek,
        "data_key": wrapped.key,
    }
    statement = insert(Reporter).values(number=number, **values)
    kept = tx.execute(
        statement.on_conflict_do_update(
            index_elements=["number"],
            set_=values,
            where=Reporter.state.in_(("expected", "unreachable")),
        ).returning(Reporter.number)
    )
    if kept.scalar() is None and _state(tx, number) == "held":
        raise Poison("a contact of this report is held already")


def is_mailable(tx: Session, number: str) -> bool:
    """Whether there is an address to write to. Raises TooEarly while that is not known yet."""
    found = tx.execute(
        sa.select(Reporter.state, Reporter.mailable).where(Reporter.number == number)
    ).one_or_none()
    if found is None or found.state == "expected":
        raise TooEarly("the contact of this report has not arrived")
    return bool(found.mailable)


def reach(tx: Session, keyring: Keyring, number: str) -> Reach | None:
    """Where to write to, or None: never given, not usable, or erased. Raises Unreadable."""
    row = tx.get(Reporter, number)
    if row is None or not row.mailable or row.reach is None:
        return None
    found = json.loads(keyring.open(number, _wrapped(row), "reach", row.reach))
    return Reach(found["email"], found["language"])


def erase(tx: Session, number: str) -> bool:
    """Destroys a reporter's data key, and the ciphertext with it; whether there was one.

    A contact that comes later is not kept. Copies remain elsewhere for a while: the sealed one in
    intake's outbox, the wrapped key in backups; they are unreadable only once notify's private key
    and the key-encryption key of that time are destroyed too (docs/runbook.md, Secrets).
    """
    was = _state(tx, number)
    erased = dict.fromkeys(("kek", "data_key", "reach", "identity")) | {
        "state": "erased",
        "mailable": False,
    }
    statement = insert(Reporter).values(number=number, **erased)
    tx.execute(statement.on_conflict_do_update(index_elements=["number"], set_=erased))
    return was == "held"


def rewrap(tx: Session, keyring: Keyring, limit: int = 500) -> int:
    """Moves up to `limit` data keys to the current key-encryption key; returns how many moved.

    Called until it returns 0, an old key-encryption key may be destroyed. Raises Unreadable.
    """
    old = tx.scalars(
        sa.select(Reporter)
        .where(Reporter.kek.is_not(None), Reporter.kek != keyring.current)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for row in old:
        moved = keyring.rewrap(row.number, _wrapped(row))
        row.kek, row.data_key = moved.kek, moved.key
    return len(old)


def _state(tx: Session, number: str) -> str | None:
    return tx.scalar(sa.select(Reporter.state).where(Reporter.number == number).with_for_update())


def _wrapped(row: Reporter) -> Wrapped:
    if row.kek is None or row.data_key is None:
        raise LookupError("no contact is held")
    return Wrapped(row.kek, row.data_key)
