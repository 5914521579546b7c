"""What signs the feed: an Ed25519 key by its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import OKPKey


@dataclass(frozen=True)
class Signer:
    """The key that signs, and its name."""

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
