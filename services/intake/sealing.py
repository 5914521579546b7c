"""Seals what only one reader may know, before it is first written down: to notify, who the
reporter is; to the Ombudsman, what a dossier needs.

The profile is that of `services/notify/sealing.py`: JWE compact, ECDH-ES with A256GCM, bound to the
report's number, padded with spaces so that lengths tell as little as they can.
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
    """Seals to one public JWK; of a set (`{"keys": [...]}`) to the last one, which is the newest.
    Raises ValueError for anything that is no public key with an id."""

    def __init__(self, document: bytes) -> None:
        found = json.loads(document)
        keys = [import_key(each) for each in found.get("keys", [found])]
        if not keys or any(key.is_private or not key.kid for key in keys):
            raise ValueError("not a public JWK with a kid, or a set of such")
        self._key = keys[-1]
        self._registry = jwe.JWERegistry(
            header_registry={"sub": HeaderParameter("Subject", "str", required=True)},
            algorithms=["ECDH-ES", "A256GCM"],
        )

    @property
    def key_id(self) -> str:
        """Which key it seals to."""
        return str(self._key.kid)

    def seal(self, content: Mapping[str, Any], number: str, block: int = BLOCK) -> str:
        """The content, sealed for the report `number`, in whole blocks."""
        text = json.dumps(content, ensure_ascii=False).encode()
        text += b" " * (-len(text) % block)
        header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": self.key_id, "sub": number}
        return jwe.encrypt_compact(header, text, self._key, registry=self._registry)
