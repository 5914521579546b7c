"""A client may send a request again, and it happens once (`Idempotency-Key`).

The same key and body get the same answer for 24 h; another body is refused (422), a request still
in hand too (409). Answers may hold secrets: they are stored sealed with a key that is derived
from the client's own Idempotency-Key, of which only a hash is kept.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.orm import Session

from chassis.database import drop
from chassis.errors import InHand, Invalid

HEADER = "Idempotency-Key"
_ACCEPTED = re.compile(r"[\x21-\x7e]{16,128}")
_LOCK = sa.text("SELECT pg_try_advisory_xact_lock(:lock)")
_FIND = sa.text("SELECT fingerprint, answer FROM idempotency WHERE key = :key")
_KEEP = sa.text("INSERT INTO idempotency (key, fingerprint, answer) VALUES (:key, :print, :answer)")


def trim(tx: Session) -> int:
    """Forgets a batch of answers older than 24 h; returns how many."""
    return drop(tx, "idempotency", "made_at < now() - interval '24 hours'")


class Dumped(dict[str, Any]):
    """An answer that is JSON values already."""


class IdempotencyKey:
    """One request's key. `route` and `sender` part equal keys of different ones: who sends is what
    they show, until an operation knows better (`sent_by`); `dump` turns an answer into JSON values.
    """

    def __init__(
        self,
        given: str,
        route: str,
        sender: str,
        body: Any,
        pepper: bytes,
        dump: Callable[[Any], Any],
    ) -> None:
        self._request, self._dump = (given, route, body, pepper), dump
        if not _ACCEPTED.fullmatch(given):
            raise Invalid("16 to 128 visible ASCII characters", HEADER, "format")
        secret = hmac.digest(pepper or b"-", f"{route} {sender}\n{given}".encode(), "sha512")
        self._cipher = AESGCM(secret[:32])
        self.hash = hashlib.sha256(secret[32:]).digest()
        canonical = json.dumps(body, sort_keys=True).encode()
        self.fingerprint = hmac.digest(secret, canonical, "sha256")

    def sent_by(self, who: object, route: str = "") -> IdempotencyKey:
        """The key of whoever was let in: the same when they come with another token or session; or,
        with a `route` as it is kept, however the address was spelled."""
        given, asked, body, pepper = self._request
        return IdempotencyKey(given, route or asked, f"as {who}", body, pepper, self._dump)

    @property
    def lock(self) -> int:
        """The advisory lock that a request in hand holds."""
        return int.from_bytes(self.hash[:8], "big", signed=True)

    def answered(self, tx: Session) -> Dumped | None:
        """The answer this request already got. Raises InHand while its twin is at work, and
        Invalid when the key came with another body."""
        if not tx.execute(_LOCK, {"lock": self.lock}).scalar_one():
            raise in_hand()
        found = tx.execute(_FIND, {"key": self.hash}).one_or_none()
        return self.open(found.fingerprint, found.answer) if found else None

    def remember(self, tx: Session, answer: dict[str, Any]) -> Dumped:
        """Keeps the answer with the effect; returns it."""
        dumped, sealed = self.seal(answer)
        tx.execute(_KEEP, {"key": self.hash, "print": self.fingerprint, "answer": sealed})
        return dumped

    def seal(self, answer: dict[str, Any]) -> tuple[Dumped, bytes]:
        """The answer as it goes out, and as it is stored."""
        dumped, nonce = Dumped(self._dump(answer)), os.urandom(12)
        text = json.dumps(dumped).encode()
        return dumped, nonce + self._cipher.encrypt(nonce, text, self.hash)

    def open(self, fingerprint: bytes, answer: bytes) -> Dumped:
        """The stored answer. Raises Invalid when it was given to another body."""
        if not hmac.compare_digest(bytes(fingerprint), self.fingerprint):
            raise Invalid("this key was used with another body", HEADER, "same_body")
        nonce, sealed = bytes(answer[:12]), bytes(answer[12:])
        return Dumped(json.loads(self._cipher.decrypt(nonce, sealed, self.hash)))


class NoKey:
    """What an operation gets when its optional key was not sent: nothing is remembered."""

    def sent_by(self, who: object, route: str = "") -> NoKey:
        """Nobody's."""
        return self

    def answered(self, tx: Session) -> None:
        """Never answered before."""

    def remember(self, tx: Session, answer: dict[str, Any]) -> dict[str, Any]:
        """Only returns the answer."""
        return answer


def in_hand() -> InHand:
    """The refusal for a request whose twin is still at work."""
    return InHand("a request with this key is at work: ask again in a second", HEADER, "in_hand")
