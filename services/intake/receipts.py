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
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from chassis import web
from chassis.config import Misconfigured
from services.intake import schemas

TYPE = "receipt+sd-jwt"
ALGORITHM = ["ES256"]
SALT = 16  # bytes, as RFC 9901, section 9.3 asks for
IDENTIFYING = frozenset({"contact", "dossier"})  # what of a body says who sends it: never proved


class Signer:
    """Signs with the JWK that RECEIPT_KEY_FILE names. `keys`, the JWK set of RECEIPT_KEYS_FILE, is
    what whoever checks a proof needs: the public half of this key, and of all before it. Raises
    Misconfigured."""

    def __init__(self, private: bytes, public: bytes) -> None:
        try:
            self._key = ECKey.import_key(json.loads(private))
            self.keys = json.loads(public)
            shown = {key.kid: key for key in KeySet.import_key_set(self.keys)}
        except (JoseError, ValueError, TypeError, KeyError):
            raise _misconfigured() from None
        half = shown.get(self._key.kid)
        alike = half is not None and half.thumbprint() == self._key.thumbprint()
        alike = alike and self._key.curve_name == "P-256"
        only_public = not any(key.is_private for key in shown.values())
        if not (self._key.is_private and self._key.kid and alike and only_public):
            raise _misconfigured()

    def prove(
        self, number: str, what: str, at: datetime, said: Mapping[str, Any], **more: Any
    ) -> str:
        """`<JWT>~<disclosure>~`: that of the report `number` was received, at this moment, `what`
        (as its timeline names it), which `said` this; and `more` to be read by everybody."""
        shown = {name: value for name, value in said.items() if name not in IDENTIFYING}
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


def _misconfigured() -> Misconfigured:
    return Misconfigured(
        "RECEIPT_KEY_FILE must hold a private P-256 JWK with its kid, and RECEIPT_KEYS_FILE a set"
        " of public ones that has it"
    )


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


class Keys:
    """`/v1/receipts/keys`"""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    @web.operation(
        "The public keys that the proofs of receipts were signed with",
        answers={200: schemas.ReceiptKeys},
    )
    def on_get(self, req: falcon.Request) -> dict[str, Any]:
        """A JWK set (RFC 7517); the last key signs now."""
        return {"keys": self._signer.keys["keys"]}
