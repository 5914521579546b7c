"""Seals who the reporter is, before it is first written down, so that only notify can read it.

The profile is notify's (`services/notify/sealing.py`): JWE compact, ECDH-ES with A256GCM, bound to
the report's number, padded so that lengths do not tell people apart.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from joserfc import jwe
from joserfc.jwk import import_key
from joserfc.registry import HeaderParameter

BLOCK = 4096  # bytes; the longest contact that the schema takes fits into one


class Sealer:
    """Seals to one public JWK. Raises ValueError for anything that is no public key with an id."""

    def __init__(self, document: bytes) -> None:
        self._key = import_key(json.loads(document))
        if self._key.is_private or not self._key.kid:
            raise ValueError("not a public JWK with a kid")
        self._registry = jwe.JWERegistry(
            header_registry={"sub": HeaderParameter("Subject", "str", required=True)},
            algorithms=["ECDH-ES", "A256GCM"],
        )

    @property
    def key_id(self) -> str:
        """Which key it seals to."""
        return str(self._key.kid)

    def seal(self, contact: Mapping[str, Any], number: str) -> str:
        """The sealed contact of the report `number`."""
        text = json.dumps(contact, ensure_ascii=False).encode()
        text += b" " * (-len(text) % BLOCK)
        header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": self.key_id, "sub": number}
        return jwe.encrypt_compact(header, text, self._key, registry=self._registry)
