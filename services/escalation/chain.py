"""The feed's proof: nobody can change, drop, insert or reorder an entry unseen.

Pure. An entry is a JSON object. With `||` for joining bytes:

    hash      = SHA-256(hash of the entry before, 32 zero bytes for the first || RFC 8785 form)
    signature = Ed25519 over the 32 bytes of the hash

so each can be checked with any SHA-256 and Ed25519 tool. Personal data never enters an entry:
erasing it would break the chain.
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
class Broken:
    """The first entry that does not hold, and which check it fails."""

    position: int
    check: str  # position, chain, hash, key or signature


def digest(prev_hash: bytes, entry: Mapping[str, Any]) -> bytes:
    """The hash that binds an entry to all before it."""
    return hashlib.sha256(prev_hash + rfc8785.dumps(dict(entry))).digest()


def first_broken(
    links: Iterable[Link],
    keys: Mapping[str, Ed25519PublicKey],
    after: int = 0,
    prev_hash: bytes = GENESIS,
) -> Broken | None:
    """Checks links in order, from the one after position `after` whose hash is `prev_hash`."""
    expected = after + 1
    for link in links:
        if failed := _failed_check(link, keys, expected, prev_hash):
            return Broken(expected, failed)
        prev_hash, expected = link.hash, expected + 1
    return None


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
