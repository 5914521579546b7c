"""Opens what intake sealed. No identity leaves this module in an error: texts are constants.

The sealing profile, version 1 (intake writes it, only notify's private key reads it):

- serialization: JWE compact (RFC 7516)
- key: notify's public JWK, `OKP` with `X25519`, or `EC` with `P-256`; it carries a `kid`
- protected header: exactly `alg` = `ECDH-ES`, `enc` = `A256GCM`, `kid` = the key's, `sub` = the
  report's public number (RFC 7519, 5.3), and `epk`, which the library adds. No `zip`: compression
  would tell by length what is inside
- payload: UTF-8 JSON object `{"name", "email", "phone", "address", "language"}`; every value a
  string, absent or null when not given; `language` is `id` or `en`. The JSON is followed by spaces
  up to the next multiple of 4096 bytes, which is one size for all that intake takes: lengths do not
  tell people apart.
  At most 8 KiB.

    registry = jwe.JWERegistry(
        header_registry={"sub": HeaderParameter("Subject", "str", required=True)},
        algorithms=["ECDH-ES", "A256GCM"],
    )
    text = json.dumps(contact, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 4096)
    header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": key.kid, "sub": number}
    sealed = jwe.encrypt_compact(header, text, key, registry=registry)
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwe
from joserfc.jwk import ECKey, Key, OKPKey, import_key
from joserfc.registry import HeaderParameter

from chassis.errors import Poison

ALGORITHMS = ["ECDH-ES", "A256GCM"]
HEADER = {"alg", "enc", "kid", "sub", "epk"}
CURVES = {("OKP", "X25519"), ("EC", "P-256")}
LARGEST = 8 * 1024


class Opener:
    """Notify's private keys by `kid`: during a rotation the old one still opens what is on its way.

    `document` is one private JWK, or a set `{"keys": [...]}`. Raises ValueError, without quoting
    the document, when a key is public, has no `kid` or is of another kind.
    """

    def __init__(self, document: bytes) -> None:
        self._keys = _keys(document)

    def derive(self, purpose: str) -> dict[str, bytes]:
        """Keys for another purpose, by the `kid` of the private key that each follows from; the
        newest is the last: a rotation appends it."""
        return {kid: _derived(key, purpose) for kid, key in self._keys.items()}

    def open(self, sealed: str, number: str) -> bytes:
        """The payload that was sealed for `number`.

        Raises Poison for anything else: broken, altered, another key, another report's contact.
        """
        payload, why = self._try(sealed, number)
        if payload is None:  # raised here, outside `except`: no library's error hangs on to it
            raise Poison(why)
        return payload

    def _try(self, sealed: str, number: str) -> tuple[bytes | None, str]:
        try:
            opened = jwe.decrypt_compact(sealed, self._key, registry=_registry())
        except KeyError:
            return None, "sealed for a key that is not here"
        except Exception:
            return None, "the sealed contact does not open"
        if set(opened.protected) != HEADER:
            return None, "the sealed contact has another header"
        if opened.protected["sub"] != number:
            return None, "the sealed contact belongs to another report"
        if opened.plaintext is None or len(opened.plaintext) > LARGEST:
            return None, "the sealed contact is too large"
        return opened.plaintext, ""

    def _key(self, recipient: Any) -> Key:
        return self._keys[str(recipient.headers().get("kid"))]


def _derived(key: Key, purpose: str) -> bytes:
    raw = urlsafe_b64decode(f"{key.as_dict(private=True)['d']}==")
    return HKDF(SHA256(), 32, salt=None, info=f"lapor notify {purpose}".encode()).derive(raw)


def _registry() -> jwe.JWERegistry:
    return jwe.JWERegistry(
        header_registry={"sub": HeaderParameter("Subject", "str", required=True)},
        algorithms=ALGORITHMS,
    )


def _keys(document: bytes) -> dict[str, Key]:
    try:
        found = json.loads(document)
        keys = [import_key(each) for each in found.get("keys", [found])]
    except Exception:
        keys = []
    if not keys or not all(_fits(key) for key in keys):
        raise ValueError("not a private X25519 or P-256 JWK with a kid, or a set of such")
    return {str(key.kid): key for key in keys}


def _fits(key: Key) -> bool:
    return (
        isinstance(key, OKPKey | ECKey)
        and (key.key_type, key.curve_name) in CURVES
        and key.is_private
        and bool(key.kid)
    )
