"""What signs the feed, and from when on.

A worker holds several private keys; the database tells which of them signs, so that all workers
change at the same entry. The public half of the next one is shown before it signs. A key that
another has followed signs no more, and what it signed holds for ever (`announcing` says it).

A key is called by its thumbprint (RFC 7638), so that nobody can show another under its name; none
is shown that is called otherwise. One that was shown so in earlier days goes on signing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import OKPKey
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from chassis.database import Transactions
from chassis.errors import NotAllowed
from services.escalation import events
from services.escalation.models import FeedKey, FeedKeyUse, FeedKeyWithdrawal

OVERLAP = timedelta(days=1)  # a reader that asks for the keys daily has met the next one by then


@dataclass(frozen=True)
class Signer:
    """A key that signs, and its name."""

    kid: str
    key: OKPKey

    def sign(self, message: bytes) -> bytes:
        """An Ed25519 signature, 64 bytes."""
        private = self.key.private_key
        if not isinstance(private, Ed25519PrivateKey):
            raise ValueError("not a private Ed25519 key")
        return private.sign(message)

    def public(self) -> dict[str, Any]:
        """The public half, as a JWK."""
        return {**self.key.as_dict(private=False), "kid": self.kid, "alg": "EdDSA", "use": "sig"}

    def check_name(self) -> None:
        """Raises NotAllowed unless it is called by its thumbprint."""
        if self.kid != self.key.thumbprint():
            raise NotAllowed(
                "a key of FEED_SIGNING_KEY_FILE is not called by its thumbprint (RFC 7638): set its"
                f" kid to {self.key.thumbprint()}, or make one by deploy.secrets add-feed-key"
            )

    def was_shown_as(self, shown: FeedKey | None) -> bool:
        """Whether this is the key that was shown there."""
        return shown is not None and shown.jwk.get("x") == self.public()["x"]


class KeyMissing(RuntimeError):
    """The key that signs by now is not among those that this process holds."""


class Signers:
    """The private keys of this process, oldest first."""

    def __init__(self, text: bytes) -> None:
        """Takes one JWK or a JWK set. Raises ValueError, KeyError or JoseError."""
        document = json.loads(text)
        keys = [OKPKey.import_key(jwk) for jwk in document.get("keys", [document])]
        self._held = {kid: Signer(kid, key) for key in keys for kid in [str(key.as_dict()["kid"])]}
        for one in self._held.values():
            one.sign(b"")  # a public half would be noticed too late
        if not self._held:
            raise ValueError("no key")

    def check_first(self, db: Transactions) -> None:
        """Raises NotAllowed when nothing was ever signed and the key that would begin is not called
        by its thumbprint. A database that is away lets it start: the first entry asks again."""
        first = next(iter(self._held.values()))
        with suppress(DBAPIError), db.begin() as tx:
            if not tx.scalar(sa.select(sa.exists().select_from(FeedKeyUse))):
                first.check_name()

    def current(self, tx: Session, now: datetime) -> Signer:
        """The one that signs now; at the very beginning that is the oldest. Raises KeyMissing, also
        where another key has its name: what that signed would never hold."""
        signing = self._signing(tx, now)
        held = self._held.get(signing.kid)
        if held is None or not held.was_shown_as(signing):
            raise KeyMissing("the key that signs the feed is not among FEED_SIGNING_KEY_FILE's")
        return held

    def hold_current(self, tx: Session, now: datetime) -> bool:
        """Whether the one that signs now is here, and not lost."""
        try:
            self.current(tx, now)
        except KeyMissing:
            return False
        return True

    def since(self, tx: Session, kid: str | None, now: datetime) -> list[Signer]:
        """Those that are here and whose turn came after that one's, the one that signs now last; it
        alone if none came. Raises KeyMissing."""
        current = self.current(tx, now)
        used = list(tx.scalars(sa.select(FeedKeyUse.kid).order_by(FeedKeyUse.id)))
        later = used[used.index(kid) + 1 :] if kid in used else []
        return [self._held[one] for one in later if one in self._held] or [current]

    def introduce(self, tx: Session, now: datetime) -> list[Signer]:
        """Shows the public half of every key that has not been shown; those. Raises NotAllowed for
        one that is not called by its thumbprint."""
        self._signing(tx, now)
        known = set(tx.scalars(sa.select(FeedKey.kid)))
        fresh = [one for kid, one in self._held.items() if kid not in known]
        _publish(tx, fresh, now)
        return fresh

    def switch(
        self, tx: Session, now: datetime, *, at_once: bool = False
    ) -> tuple[str, list[Signer]]:
        """From now on the newest key signs; the name of the one that did, and whose turn it is, the
        newest last. One that was shown and passed over has its turn as well: else whoever stole it
        could go on with it. Raises NotAllowed when the newest was not shown, or for less than
        `OVERLAP` and not `at_once`."""
        current, gone = self._signing(tx, now).kid, withdrawn(tx)
        used = set(tx.scalars(sa.select(FeedKeyUse.kid)))
        held = [one for kid, one in self._held.items() if kid not in gone]
        newest = held[-1] if held else None
        if newest is None or newest.kid in used:
            raise NotAllowed(f"no key of the file follows the one that signs ({current})")
        shown = tx.get(FeedKey, newest.kid)
        if shown is None or not newest.was_shown_as(shown):
            raise NotAllowed("introduce the key first: readers have not seen it")
        if not at_once and now < shown.since + OVERLAP:
            raise NotAllowed(f"shown since {events.rfc3339(shown.since)}: not for a day yet")
        unused = [one for one in held if one.kid not in used]
        turns = [one for one in unused if one.was_shown_as(tx.get(FeedKey, one.kid))]
        for one in turns:
            _use(tx, one.kid, now)
        return current, turns

    def withdraw(self, tx: Session, kid: str, now: datetime) -> Signer:
        """A key that was shown will never sign; the one that signs now, which has to say so. Raises
        KeyMissing, and NotAllowed for one that was not shown, has signed, or is withdrawn already.
        """
        current = self.current(tx, now)
        if tx.get(FeedKey, kid) is None:
            raise NotAllowed("no such key was shown")
        if tx.scalar(sa.select(FeedKeyUse.kid).where(FeedKeyUse.kid == kid)):
            raise NotAllowed("it has signed: what ends its trust is a key that follows it")
        if kid in withdrawn(tx):
            raise NotAllowed("it is withdrawn already")
        tx.add(FeedKeyWithdrawal(kid=kid, at=now))
        tx.flush()
        return current

    def _signing(self, tx: Session, now: datetime) -> FeedKey:
        """The key that signs now, as it was shown; its private half may be lost."""
        used = sa.select(FeedKey).join(FeedKeyUse, FeedKeyUse.kid == FeedKey.kid)
        shown = tx.scalars(used.order_by(FeedKeyUse.id.desc()).limit(1)).one_or_none()
        if shown is None:
            first = next(iter(self._held.values()))
            _publish(tx, [first], now)
            _use(tx, first.kid, now)
            return tx.get_one(FeedKey, first.kid)
        return shown


@dataclass(frozen=True)
class Published:
    """A public key: shown since, signing since (None: not yet), until another did."""

    kid: str
    jwk: dict[str, str]
    shown: datetime
    since: datetime | None
    until: datetime | None

    def document(self) -> dict[str, Any]:
        """A JWK that also says when."""
        moments = {"published": self.shown, "since": self.since, "until": self.until}
        return self.jwk | {name: events.rfc3339(at) for name, at in moments.items()}


def withdrawn(tx: Session) -> set[str]:
    """The names of the keys that will never sign."""
    return set(tx.scalars(sa.select(FeedKeyWithdrawal.kid)))


def published(tx: Session) -> list[Published]:
    """Every key that has signed, in that order, and then those that will."""
    gone = sa.select(FeedKeyWithdrawal.kid)
    joined = sa.select(FeedKey, FeedKeyUse.since).outerjoin(
        FeedKeyUse, FeedKeyUse.kid == FeedKey.kid
    )
    shown = joined.where(FeedKey.kid.not_in(gone))
    order = shown.order_by(FeedKeyUse.id.asc().nulls_last(), FeedKey.since)
    rows: Sequence[Any] = tx.execute(order).all()
    ends = [since for _, since in rows[1:]] + [None]
    return [
        Published(key.kid, key.jwk, key.since, since, until)
        for (key, since), until in zip(rows, ends, strict=False)
    ]


def _publish(tx: Session, keys: Sequence[Signer], now: datetime) -> None:
    for one in keys:
        one.check_name()
        row = {"kid": one.kid, "jwk": one.public(), "since": now}
        tx.execute(insert(FeedKey).values(row).on_conflict_do_nothing())


def _use(tx: Session, kid: str, now: datetime) -> None:
    use = insert(FeedKeyUse).values(kid=kid, since=now)
    tx.execute(use.on_conflict_do_nothing(index_elements=["kid"]))
