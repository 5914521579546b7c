"""What a guesser gets: `MOST` tries in a row for a name, slower and slower, then none for `ANEW`.
Nobody who signs in from where they did before is kept out by that (decision 25).

A try is counted before the password is looked at: with a device that is known for this account, on
the device, which is forgotten after `MOST` failures; in a session, to change the password, on the
session; every other one on the name that was typed, whether there is such an account or not.
"""

from __future__ import annotations

import hashlib
import math
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.errors import TooMany, Unauthorized
from services.routing import metrics, models
from services.routing.models import Device, Officer, Throttle

FREE_TRIES, LONGEST_DELAY = 5, 42  # the delay in seconds; longer, and who mistypes goes home
MOST = 100  # failures in a row; NIST SP 800-63B
ANEW = timedelta(days=1)  # after the last failure a name's count begins anew
DEVICE_LASTS = timedelta(days=90)  # since an officer last signed in from there
DEVICES = 5  # of an officer

Counts = Throttle | Device | models.Session


@dataclass(frozen=True)
class Place:
    """The row on which a try was counted, and until when it was blocked before and after."""

    kind: type[Counts]
    key: bytes
    before: datetime
    after: datetime


def count_sign_in(tx: Session, username: str, device: str | None, at: datetime) -> Place:
    """Counts a try before its outcome is known, so that tries in parallel gain nothing. As many
    statements for a name that nobody has. Raises TooMany while no try is taken."""
    known = _known(tx, username, device, at) if device else None
    if known is not None:
        return _count(known, Device, known.device_hash, at)
    key = _slot(username)
    row = _of_name(tx, key, at)
    if at >= row.blocked_until + ANEW:
        row.failures = 0
    return _count(row, Throttle, key, at)


def count_in_session(tx: Session, token_hash: bytes, at: datetime) -> Place:
    """The same for who is signed in and says the password again: not on the name, or whoever
    knows it could keep a first password from being changed."""
    row = tx.get(models.Session, token_hash, with_for_update=True, populate_existing=True)
    if row is None:
        raise Unauthorized("sign in first")
    return _count(row, models.Session, token_hash, at)


def take_back(tx: Session, place: Place) -> None:
    """The counted try could not be looked at: as if it had not been made."""
    row: Any = tx.get(place.kind, place.key, with_for_update=True)
    if row is not None:
        row.failures = max(0, row.failures - 1)
        if row.blocked_until == place.after:  # nobody has tried since
            row.blocked_until = place.before


def succeed(tx: Session, officer: Officer, device: str | None, place: Place, at: datetime) -> str:
    """Forgives the failures before a success where it was counted, and nowhere else: a sign-in
    from a known device gives who guesses elsewhere nothing, and tells them nothing. The secret of
    the device: the one that came, if it is known, or a new one."""
    known = tx.get(Device, place.key, with_for_update=True) if place.kind is Device else None
    if device and known is not None:
        known.failures, known.blocked_until, known.used_at = 0, at, at
        return device
    if place.kind is Throttle:
        take_back(tx, place)
        forgive(tx, officer.username)
    return give_device(tx, officer.id, at)


def is_named(username: str) -> sa.ColumnElement[bool]:
    """Which account is named so. By a hash: what is typed as a name may be anything, and whatever a
    statement says can be seen in the database."""
    return sa.func.sha256(sa.func.convert_to(Officer.username, "UTF8")) == _hash(username)


def forgive(tx: Session, username: str) -> None:
    """The failures of a name count no more; unless another account is counted in the same place,
    whose guesser would begin anew with each sign-in of this one."""
    place = _slot(username)
    theirs = sa.func.substr(sa.func.sha256(sa.func.convert_to(Officer.username, "UTF8")), 1, 2)
    others = sa.exists().where(
        theirs == place, Officer.username != username, Officer.disabled_at.is_(None)
    )
    tx.execute(sa.delete(Throttle).where(Throttle.username_hash == place, ~others))


def forget_failures(tx: Session, username: str) -> None:
    """A person has decided that the name is let in again, whoever shares its place."""
    tx.execute(sa.delete(Throttle).where(Throttle.username_hash == _slot(username)))


def give_device(tx: Session, officer_id: UUID, at: datetime) -> str:
    """A new secret (256 bits, only its hash is kept). Of the officer's other devices those are
    kept that came again, the last used first: who never keeps a secret pushes no other out."""
    came_again = Device.used_at > Device.given_at
    surplus = (
        sa.select(Device.device_hash)
        .where(Device.officer_id == officer_id)
        .order_by(came_again.desc(), Device.used_at.desc())
        .offset(DEVICES - 1)
    )
    tx.execute(sa.delete(Device).where(Device.device_hash.in_(surplus)))
    secret = secrets.token_urlsafe(32)
    times = {"given_at": at, "used_at": at, "blocked_until": at}
    tx.add(Device(device_hash=_hash(secret), officer_id=officer_id, failures=0, **times))
    return secret


def forget_devices(tx: Session, officer_id: UUID) -> None:
    """The officer signs in from nowhere that is known."""
    tx.execute(sa.delete(Device).where(Device.officer_id == officer_id))


def forget_all_devices(tx: Session) -> None:
    """Nobody signs in from anywhere that is known."""
    tx.execute(sa.delete(Device))


def clear(tx: Session, at: datetime) -> None:
    """Drops what counts no more."""
    tx.execute(sa.delete(Throttle).where(Throttle.blocked_until <= at - ANEW))
    over = sa.or_(Device.used_at <= at - DEVICE_LASTS, Device.failures >= MOST)
    tx.execute(sa.delete(Device).where(over))


def delay(failures: int) -> int:
    """Seconds until the next try after so many failures in a row."""
    if failures < FREE_TRIES:
        return 0
    return int(min(LONGEST_DELAY, 2 ** (failures - FREE_TRIES)))


def _of_name(tx: Session, key: bytes, at: datetime) -> Throttle:
    """The row of a place of names, locked; a new one where there is none. By one statement: after
    two of them, a success in between may have deleted what the first one found."""
    never = insert(Throttle).values(username_hash=key, failures=0, blocked_until=at)
    locked = never.on_conflict_do_update(
        index_elements=[Throttle.username_hash], set_={"failures": Throttle.failures}
    )
    fresh = {"populate_existing": True}
    return tx.scalars(locked.returning(Throttle), execution_options=fresh).one()


def _known(tx: Session, username: str, device: str, at: datetime) -> Device | None:
    """The device, if it knows this very account."""
    statement = (
        sa.select(Device)
        .join(Officer, Officer.id == Device.officer_id)
        .where(
            Device.device_hash == _hash(device),
            Device.used_at > at - DEVICE_LASTS,
            Device.failures < MOST,
            is_named(username),
            Officer.disabled_at.is_(None),
        )
        .with_for_update(of=Device)
    )
    return tx.scalars(statement).one_or_none()


def _count(row: Counts, kind: type[Counts], key: bytes, at: datetime) -> Place:
    full = row.failures >= MOST
    free_at = row.blocked_until + (ANEW if full else timedelta())
    if at < free_at:
        metrics.SIGN_INS.labels("locked" if full else "blocked").inc()
        wait = math.ceil((free_at - at).total_seconds())
        raise TooMany("too many failed sign-ins; wait", retry_after=wait)
    row.failures, before = row.failures + 1, row.blocked_until
    row.blocked_until = at + timedelta(seconds=delay(row.failures))
    return Place(kind, key, before, row.blocked_until)


def _slot(username: str) -> bytes:
    """Where tries of a name are counted. Too short to tell which name it was, for it may be a
    password that went into the wrong field; and 65,536 of them cannot fill the disk. Names that
    share one share its delay and its end."""
    return _hash(username)[:2]


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
