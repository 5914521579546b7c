"""Every record under its own key: destroying that key erases the record, and moving to a new
master key rewrites keys only.

A record has a random data key. Its fields are AES-256-GCM under the data key, bound to the report's
number and the field's name: a ciphertext that is moved to another row or column does not open. The
data key is AES-256-GCM under a versioned key-encryption key (KEK), bound to the number and the
KEK's version. Each ciphertext is a random 96-bit nonce, then the text, then the 128-bit tag. Fields
are padded with spaces, so that lengths do not tell records apart.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE = 12
BLOCK = 512  # bytes: the padding's unit


class Unreadable(Exception):
    """A record that this keyring cannot open: altered, moved, or its KEK is not here."""


@dataclass(frozen=True)
class Wrapped:
    """A record's data key as it is stored: under which KEK version, and the ciphertext."""

    kek: int
    key: bytes


class Keyring:
    """The KEKs by version; `current` wraps what is new, the others still open what is old."""

    def __init__(self, current: int, keys: Mapping[int, bytes]) -> None:
        if current not in keys or any(len(key) != 32 for key in keys.values()):
            raise ValueError("a keyring needs its current key, and keys of 32 bytes")
        self.current = current
        self._keys = dict(keys)

    def seal(self, number: str, fields: Mapping[str, bytes]) -> tuple[Wrapped, dict[str, bytes]]:
        """Encrypts a record's fields under a new data key."""
        data_key = AESGCM.generate_key(256)
        sealed = {
            name: _encrypt(data_key, text + b" " * (-len(text) % BLOCK), _bound(number, name))
            for name, text in fields.items()
        }
        return self._wrap(number, data_key), sealed

    def open(self, number: str, wrapped: Wrapped, name: str, sealed: bytes) -> bytes:
        """One field of a record, with its padding. Raises Unreadable."""
        return _decrypt(self._unwrap(number, wrapped), sealed, _bound(number, name))

    def rewrap(self, number: str, wrapped: Wrapped) -> Wrapped:
        """The same data key under the current KEK. Raises Unreadable."""
        return self._wrap(number, self._unwrap(number, wrapped))

    def _wrap(self, number: str, data_key: bytes) -> Wrapped:
        bound = _bound(number, "data key", self.current)
        return Wrapped(self.current, _encrypt(self._keys[self.current], data_key, bound))

    def _unwrap(self, number: str, wrapped: Wrapped) -> bytes:
        if wrapped.kek not in self._keys:
            raise Unreadable("the key-encryption key of this record is not here")
        bound = _bound(number, "data key", wrapped.kek)
        return _decrypt(self._keys[wrapped.kek], wrapped.key, bound)


def read(document: bytes) -> Keyring:
    """The keyring in `{"current": 1, "keys": {"1": "<base64 of 32 bytes>"}}`.

    Raises ValueError, without quoting the document.
    """
    try:
        found = json.loads(document)
        keys = {
            int(version): base64.b64decode(key, validate=True)
            for version, key in found["keys"].items()
        }
        current = int(found["current"])
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        keys, current = {}, 0
    return Keyring(current, keys)


def _bound(number: str, name: str, version: int | str = "1") -> bytes:
    return f"{number}|{name}|{version}".encode()


def _encrypt(key: bytes, text: bytes, bound: bytes) -> bytes:
    nonce = os.urandom(NONCE)
    return nonce + AESGCM(key).encrypt(nonce, text, bound)


def _decrypt(key: bytes, sealed: bytes, bound: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], bound)
    except (InvalidTag, ValueError):
        pass
    raise Unreadable("this record was altered, or belongs elsewhere")
