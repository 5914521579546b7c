"""What a reporter can show to others: that something was received, when, and what it said.

The proof of a receipt is an SD-JWT (RFC 9901): a JWT signed with ES256, which every JOSE library
reads, and one disclosure, which is what was sent. Of that the JWT has a salted hash only: whoever
keeps the disclosure to oneself shows no word of it. Who sent it is in neither, nor is their code.
"""

from __future__ import annotations

import hashlib
import json
import os
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import falcon
import sqlalchemy as sa
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis import web
from chassis.config import Misconfigured
from chassis.database import Transactions
from chassis.outbox import emit
from services.intake import events, schemas
from services.intake.models import ReceiptKey

TYPE = "receipt+sd-jwt"
ALGORITHM = ["ES256"]
SALT = 16  # bytes, as RFC 9901, section 9.3 asks for
# What of a body may be shown. Who sends it may not: contact and the form for the Ombudsman.
SHOWN = frozenset({
    "kind", "title", "text", "event_date", "place", "agency", "category", "confidentiality",
    "hidden_from_public", "reason", "stars", "comment", "with_identity", "by_mail",
})  # fmt: skip


class Signer:
    """Signs with a private JWK on P-256 whose kid is its thumbprint (RFC 7638). Raises
    Misconfigured."""

    def __init__(self, document: bytes) -> None:
        wanted = "RECEIPT_KEY_FILE must hold a private P-256 JWK with its thumbprint as kid"
        try:
            self._key = ECKey.import_key(json.loads(document))
            jwt.encode({"alg": ALGORITHM[0]}, {}, self._key, ALGORITHM)  # or each report finds out
            public = self._key.as_dict(private=False)
            self.public = {name: public[name] for name in ("kid", "kty", "crv", "x", "y")}
        except (JoseError, ValueError, TypeError, KeyError):
            raise Misconfigured(wanted) from None
        if self._key.kid != self._key.thumbprint() or self._key.curve_name != "P-256":
            raise Misconfigured(wanted)

    def show(self, tx: Session, now: datetime) -> None:
        """Shows the public half to everybody, for ever, and says so once."""
        row = {"kid": self._key.kid, "jwk": self.public, "shown_at": now}
        shown = insert(ReceiptKey).values(row).on_conflict_do_nothing()
        if tx.execute(shown.returning(ReceiptKey.kid)).one_or_none():
            emit(tx, events.receipt_key_shown(**self.public, at=now))

    def prove(
        self, number: str, what: str, at: datetime, said: Mapping[str, Any], **more: Any
    ) -> str:
        """`<JWT>~<disclosure>~`: that of the report `number` was received, at this moment, `what`
        (as its timeline names it), which `said` this; and `more` to be read by everybody."""
        shown = {name: value for name, value in said.items() if name in SHOWN}
        salted = [_base64(os.urandom(SALT)), "said", shown]
        disclosure = _base64(_json(salted).encode())
        claims = {
            "iss": "/intake",
            "iat": int(at.timestamp()),
            "sub": number,
            "what": what,
            "received_at": at.isoformat(),
            "_sd": [_base64(hashlib.sha256(disclosure.encode()).digest())],
            "_sd_alg": "sha-256",
        }
        header = {"typ": TYPE, "alg": ALGORITHM[0], "kid": self._key.kid}
        whole = claims | json.loads(_json(more))
        return f"{jwt.encode(header, whole, self._key, ALGORITHM)}~{disclosure}~"


class Unsigned:
    """Gives no proofs."""

    def prove(self, *_: Any, **__: Any) -> None:
        """None."""


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)  # a day is told as in the receipt


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


class Keys:
    """`/v1/receipts/keys`"""

    def __init__(self, db: Transactions, signer: Signer) -> None:
        self._db, self._signer = db, signer

    @web.operation(
        "The public keys that the proofs of receipts were signed with",
        answers={200: schemas.ReceiptKeys},
    )
    def on_get(self, req: falcon.Request) -> dict[str, Any]:
        """A JWK set (RFC 7517), oldest first."""
        with self._db.begin() as tx:
            shown = tx.scalars(sa.select(ReceiptKey).order_by(ReceiptKey.shown_at)).all()
        keys = {one.kid: one.jwk for one in shown}
        return {"keys": list({**keys, self._signer.public["kid"]: self._signer.public}.values())}
