"""What proves the feed: each entry is hashed onto the one before it and signed by a known key.

hash      = SHA-256(bytes of the hash before || RFC 8785 form of the entry without its proof)
signature = Ed25519 by key `kid` over the 32 bytes of the hash
"""

import base64
import hashlib

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

GENESIS = "00" * 32
PROOF = ("prevhash", "hash", "signature", "kid")
EPOCH_OPENED = "feed.epoch.opened.v1"


class Broken(Exception):
    """An entry that does not hold: which, and by which check."""

    def __init__(self, stream, position, check):
        super().__init__(f"{stream}: entry {position} does not hold ({check})")
        self.stream, self.position, self.check = stream, position, check
        self.page = None  # what it stood in


def public_keys(jwks):
    """The Ed25519 keys of a JWK set, by name."""
    return {
        jwk["kid"]: Ed25519PublicKey.from_public_bytes(unbase64(jwk["x"]))
        for jwk in jwks["keys"]
        if jwk.get("crv") == "Ed25519"
    }


def unbase64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Chain:
    """The end of one stream as far as it was checked. `take` raises Broken and then stays."""

    def __init__(self, stream, keys):
        self.stream, self.keys = stream, keys
        self.epoch, self.position, self.hash = None, 0, GENESIS
        self.hashes = {}  # of what was taken here, by position

    def take(self, entry):
        """One more entry; whether it is new. One that is here already must be the same."""
        known = self.hashes.get(entry.get("position"))
        if known is not None and entry["position"] <= self.position:
            self._check(known == entry.get("hash"), entry["position"], "fork")
            return False
        expected = self.position + 1
        self._check(entry.get("position") == expected, expected, "position")
        self._check(entry.get("source", "").endswith(f"/{self.stream}"), expected, "source")
        self._check(entry.get("prevhash") == self.hash, expected, "chain")
        said = {name: value for name, value in entry.items() if name not in PROOF}
        try:
            digest = hashlib.sha256(bytes.fromhex(self.hash) + rfc8785.dumps(said)).digest()
        except rfc8785.CanonicalizationError:
            digest = b""
        self._check(digest.hex() == entry.get("hash"), expected, "hash")
        self._check(entry.get("kid") in self.keys, expected, "key")
        self._check(self._is_signed(entry, digest), expected, "signature")
        self._check(self._keeps_epoch(entry), expected, "epoch")
        self.epoch, self.position, self.hash = entry["epoch"], expected, entry["hash"]
        self.hashes[expected] = self.hash
        return True

    def _is_signed(self, entry, digest):
        try:
            self.keys[entry["kid"]].verify(unbase64(entry["signature"]), digest)
        except (KeyError, ValueError, TypeError, InvalidSignature):
            return False
        return True

    def _keeps_epoch(self, entry):
        """Another epoch begins by naming the last entry of the one before."""
        if self.epoch in (None, entry["epoch"]):
            return True
        before = {"epoch": self.epoch, "position": self.position, "hash": self.hash}
        told = entry.get("type") == EPOCH_OPENED and entry["data"].get("before") == before
        return told and entry["epoch"] > self.epoch

    def _check(self, holds, position, check):
        if not holds:
            raise Broken(self.stream, position, check)
