"""The feed's proof: nobody can change, drop, insert or reorder an entry unseen.

Pure. An entry is a JSON object. With `||` for joining bytes:

    hash      = SHA-256(hash of the entry before, 32 zero bytes for the first || RFC 8785 form)
    signature = Ed25519 over the 32 bytes of the hash

so each can be checked with any SHA-256 and Ed25519 tool. A checkpoint is signed over the RFC 8785
form of what it says, its time too. Personal data never enters an entry: erasing it would break the
chain.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

GENESIS = bytes(32)
CHECKPOINT_EVERY = 100  # entries, at the most


@dataclass(frozen=True, slots=True)
class Link:
    """One entry as it is stored: its place, what it says, and its proof."""

    position: int
    entry: Mapping[str, Any]
    prev_hash: bytes
    hash: bytes
    signature: bytes
    kid: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The signed word that a stream stood so at a time (RFC 3339)."""

    stream: str
    epoch: int
    position: int
    hash: bytes
    time: str
    kid: str
    signature: bytes

    def document(self) -> dict[str, Any]:
        """What is signed, in its RFC 8785 form."""
        return {
            "stream": self.stream,
            "epoch": self.epoch,
            "position": self.position,
            "hash": self.hash.hex(),
            "time": self.time,
            "kid": self.kid,
        }


@dataclass(frozen=True, slots=True)
class Broken:
    """The first entry that does not hold, and which check it fails."""

    position: int
    check: str  # position, chain, hash, key, signature, checkpoint, end or pulse


def canonical(document: Mapping[str, Any]) -> bytes:
    """The one way to write a document down (RFC 8785)."""
    return rfc8785.dumps(dict(document))


def digest(prev_hash: bytes, entry: Mapping[str, Any]) -> bytes:
    """The hash that binds an entry to all before it."""
    return hashlib.sha256(prev_hash + canonical(entry)).digest()


def first_broken(
    links: Iterable[Link],
    keys: Mapping[str, Ed25519PublicKey],
    after: int = 0,
    prev_hash: bytes = GENESIS,
    checkpoints: Iterable[Checkpoint] | None = None,
) -> Broken | None:
    """Checks links in order, from the one after position `after` whose hash is `prev_hash`; and
    that every one of the `checkpoints` from there on holds for its entry, and that none is missing.
    """
    expected, signed_by = after + 1, dict[str, None]()
    witnesses = None if checkpoints is None else _Witnesses(checkpoints, keys, after)
    for link in links:
        if failed := _failed_check(link, keys, expected, prev_hash):
            return Broken(expected, failed)
        if link.kid in signed_by and link.kid != next(reversed(signed_by)):
            return Broken(expected, "key")  # another had followed it
        signed_by[link.kid] = None
        if witnesses and not witnesses.agree(link):
            return Broken(expected, "checkpoint")
        prev_hash, expected = link.hash, expected + 1
    return Broken(expected, "checkpoint") if witnesses and witnesses.see_more() else None


class _Witnesses:
    """The checkpoints of a stream, held beside its links as these pass."""

    def __init__(
        self, given: Iterable[Checkpoint], keys: Mapping[str, Ed25519PublicKey], after: int
    ) -> None:
        self._given, self._keys, self._last = iter(given), keys, after
        self._next = next(self._given, None)

    def agree(self, link: Link) -> bool:
        """Whether the checkpoint of this link, if there is one, holds, and one is there in time."""
        while self._next and self._next.position == link.position:
            if not self._holds(self._next, link):
                return False
            self._last, self._next = link.position, next(self._given, None)
        return link.position - self._last < CHECKPOINT_EVERY

    def see_more(self) -> bool:
        """Whether a checkpoint tells of an entry that did not pass."""
        return self._next is not None

    def _holds(self, given: Checkpoint, link: Link) -> bool:
        if (given.epoch, given.hash) != (link.entry.get("epoch"), link.hash):
            return False
        key = self._keys.get(given.kid)
        return key is not None and is_signed(key, given.signature, canonical(given.document()))


def _failed_check(
    link: Link, keys: Mapping[str, Ed25519PublicKey], expected: int, prev_hash: bytes
) -> str | None:
    if link.position != expected or link.entry.get("position") != expected:
        return "position"
    if link.prev_hash != prev_hash:
        return "chain"
    if not _is_hashed(link, prev_hash):
        return "hash"
    if link.kid not in keys:
        return "key"
    return None if is_signed(keys[link.kid], link.signature, link.hash) else "signature"


def _is_hashed(link: Link, prev_hash: bytes) -> bool:
    try:
        return link.hash == digest(prev_hash, link.entry)
    except rfc8785.CanonicalizationError:  # a number, say, that no entry can have been made of
        return False


def is_signed(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether the signature is this key's, over this message."""
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True
