"""Who is signed in. A session is a row; without it the token is nothing, so ending it ends it now.
What other services were shown under it (decision 17) they refuse once they have heard of its end.

It ends after `IDLE` without a request and after `LONGEST` in any case.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import falcon
import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.errors import Forbidden, Unauthorized
from chassis.outbox import emit
from chassis.tokens import bearer
from services.routing import events, models
from services.routing.life import Actor
from services.routing.models import Deed, Officer

SECURITY = {
    "officer": {
        "type": "http",
        "scheme": "bearer",
        "description": "The `token` of /v1/officers/sign-in. A session ends after 30 minutes"
        " without a request, and after 12 hours in any case. Who still has a first password may"
        " change it, ask who is signed in and sign out, and nothing else (403).",
    }
}
IDLE, LONGEST = timedelta(minutes=30), timedelta(hours=12)
SIGN_IN = "sign in first"
NOTICED = timedelta(minutes=1)  # how exactly the last request is remembered


@dataclass(frozen=True)
class SignedIn:
    """The officer behind a request. `unseen` are numbers they asked for and were not shown."""

    id: UUID
    username: str
    actor: Actor
    must_change_password: bool
    expires_at: datetime
    token_hash: bytes
    grant: UUID
    unseen: list[str] = field(default_factory=list)


def open_session(tx: Session, officer: Officer, at: datetime) -> tuple[str, datetime]:
    """A new token (256 bits, only its hash is kept) and when it ends at the latest."""
    token, expires_at = secrets.token_urlsafe(32), at + LONGEST
    tx.add(
        models.Session(
            token_hash=_hash(token),
            officer_id=officer.id,
            created_at=at,
            last_seen_at=at,
            expires_at=expires_at,
            failures=0,
            blocked_until=at,
        )
    )
    return token, expires_at


def end(tx: Session, which: Any, at: datetime) -> int:
    """These sessions are over: here at once, elsewhere when it has been heard. How many were not
    before."""
    gone = sa.delete(models.Session).where(which).returning(models.Session.grant_id)
    grants = tx.scalars(gone).all()
    for grant in grants:
        emit(tx, events.grant_ended(grant, at))
    return len(grants)


def end_all(tx: Session, officer_id: UUID, at: datetime) -> None:
    """Every session of the officer is over."""
    end(tx, models.Session.officer_id == officer_id, at)


def end_everybodys(tx: Session, at: datetime) -> int:
    """Every session is over. How many there were."""
    return end(tx, sa.true(), at)


def remember(
    tx: Session, officer_id: UUID, deed: Deed, at: datetime, by: UUID | None = None
) -> None:
    """Keeps what happened to an account."""
    tx.add(models.OfficerEvent(officer_id=officer_id, deed=deed, at=at, by=by))


def signed_in(
    tx: Session, req: falcon.Request, at: datetime, *, first_password_will_do: bool = False
) -> SignedIn:
    """The officer whose token came with the request, and to whom its denials are put down. Raises
    Unauthorized, or Forbidden while the first password was not changed."""
    token = bearer(req, SIGN_IN)
    found = _find(tx, token) if len(token) <= 100 else None
    if found is None or at >= found[0].expires_at or at >= found[0].last_seen_at + IDLE:
        raise Unauthorized(SIGN_IN)
    session, officer, seats = found
    if at >= session.last_seen_at + NOTICED:
        _notice(tx, session.token_hash, at)
    who = req.context.officer = SignedIn(
        id=officer.id,
        username=officer.username,
        actor=Actor(officer.role, officer.agency, frozenset(seats)),
        must_change_password=officer.must_change_password,
        expires_at=session.expires_at,
        token_hash=session.token_hash,
        grant=session.grant_id,
    )
    if officer.must_change_password and not first_password_will_do:
        raise Forbidden("change your first password first")
    return who


def hold(tx: Session, who: SignedIn) -> None:
    """The session does not end before what is done in it has. Raises Unauthorized if it has."""
    this = sa.select(models.Session.grant_id).where(models.Session.token_hash == who.token_hash)
    if tx.scalar(this.with_for_update(read=True, key_share=True)) is None:
        raise Unauthorized(SIGN_IN)


def _find(tx: Session, token: str) -> tuple[models.Session, Officer, list[str]] | None:
    """The session, whose it is, and where the desk of their role sits."""
    seats = sa.select(models.Agency.code).where(
        sa.cast(models.Agency.role, sa.Text) == sa.cast(Officer.role, sa.Text)
    )
    row = tx.execute(
        sa.select(models.Session, Officer, sa.func.array(seats.scalar_subquery()))
        .join(Officer, Officer.id == models.Session.officer_id)
        .where(models.Session.token_hash == _hash(token), Officer.disabled_at.is_(None))
    ).one_or_none()
    return (row[0], row[1], row[2]) if row else None


def _notice(tx: Session, token_hash: bytes, at: datetime) -> None:
    """Remembers the request. Raises Unauthorized if the session has ended since it was found."""
    this = sa.update(models.Session).where(models.Session.token_hash == token_hash)
    noticed = this.values(last_seen_at=at).returning(models.Session.grant_id)
    if tx.scalar(noticed) is None:
        raise Unauthorized(SIGN_IN)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
