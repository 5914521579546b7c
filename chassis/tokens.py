"""Who asks, told by one service to another through whoever asks: a short-lived signed token.

A JWT (RFC 7519) signed with Ed25519 (RFC 8037, RFC 9864). Its issuer is the only one that holds the
private key; whoever is asked holds public keys, and calls nobody. It cannot be taken back, so it
ends after `LIFETIME`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import falcon
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from chassis.config import Misconfigured
from chassis.errors import Unauthorized

LIFETIME = timedelta(minutes=5)
SKEW = timedelta(minutes=1)  # that two machines' clocks may differ
LONGEST = 2_000  # characters that are looked at
ALGORITHM = ["Ed25519"]


class Issuer:
    """Signs in the name of a service, with the JWK that `variable` is set to. Raises
    Misconfigured."""

    def __init__(self, service: str, document: bytes, variable: str) -> None:
        wanted = f"{variable} must hold a private Ed25519 JWK with its kid"
        self._name, self._key = f"/{service}", _read(OKPKey.import_key, document, wanted)
        if not self._key.is_private or not self._key.kid:
            raise Misconfigured(wanted)

    def issue(
        self, audience: str, scope: str, subject: str, now: datetime, **claims: Any
    ) -> dict[str, Any]:
        """`token`, and when it `expires_at`: `subject` may ask the service `audience` for what
        `scope` names. Personal data never stands in it: it is signed, not sealed."""
        ends = (now + LIFETIME).replace(microsecond=0)
        who = {"iss": self._name, "aud": f"/{audience}", "sub": subject, "scope": scope}
        about = {**who, **claims, "exp": int(ends.timestamp()), "jti": str(uuid4())}
        header = {"alg": ALGORITHM[0], "kid": self._key.kid}
        return {"token": jwt.encode(header, about, self._key, ALGORITHM), "expires_at": ends}


class Reader:
    """Reads what one issuer signed for one service, by the JWK set that `variable` is set to.
    Raises Misconfigured."""

    def __init__(self, issuer: str, audience: str, document: bytes, variable: str) -> None:
        wanted = f"{variable} must hold a set of public Ed25519 JWKs"
        self._keys = _read(KeySet.import_key_set, document, wanted)
        self._said = {"iss": f"/{issuer}", "aud": f"/{audience}"}

    def read(self, token: str, scope: str, now: datetime) -> dict[str, Any] | None:
        """The claims; None for anything but an unexpired token of this issuer, for this service
        and this scope."""
        try:
            claims = jwt.decode(token, self._keys, ALGORITHM).claims
            ends = datetime.fromtimestamp(claims["exp"], UTC)
        except (JoseError, ValueError, TypeError, KeyError, OverflowError):
            return None
        holds = {**self._said, "scope": scope}.items() <= claims.items()
        return dict(claims) if holds and now < ends <= now + LIFETIME + SKEW else None


def _read(imported: Callable[[Any], Any], document: bytes, wanted: str) -> Any:
    try:
        return imported(json.loads(document))
    except (JoseError, ValueError, TypeError, KeyError):
        raise Misconfigured(wanted) from None


def bearer(req: falcon.Request, otherwise: str = "this needs a token") -> str:
    """The token of a request. Raises Unauthorized, which says `otherwise`, when there is none."""
    scheme, _, token = (req.auth or "").partition(" ")
    if scheme.lower() != "bearer" or not 0 < len(token) <= LONGEST:
        raise Unauthorized(otherwise)
    return token
