"""What the reference client does with a page depends on the page, however much it has already."""

from __future__ import annotations

import base64
import importlib
import json
import sys
import tracemalloc
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.harness.outside import PROGRAM

MODULES = ("chain", "store")
HEAP, PAGE = 20_000, 2000


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The client's own code; it stands alone, and so do its modules' names."""
    monkeypatch.syspath_prepend(str(PROGRAM.parent))
    yield importlib.import_module("store")
    for name in MODULES:
        del sys.modules[name]


class Regency:
    """Chains and signs entries of its own."""

    def __init__(self) -> None:
        self._key, self._hash, self._position = Ed25519PrivateKey.generate(), "00" * 32, 0

    def keys(self) -> dict[str, Any]:
        x = _base64(self._key.public_key().public_bytes_raw())
        return {"keys": [{"kid": "k", "kty": "OKP", "crv": "Ed25519", "x": x}]}

    def page(self, count: int) -> dict[str, Any]:
        """So many entries more."""
        return {"events": [self._entry() for _ in range(count)], "cursor": str(self._position)}

    def _entry(self) -> dict[str, Any]:
        self._position += 1
        said = {"source": "/escalation/feed/monitoring", "type": "x", "subject": "y", "epoch": 1}
        said |= {"position": self._position, "data": {"n": self._position}}
        digest = sha256(bytes.fromhex(self._hash) + rfc8785.dumps(said)).digest()
        proof = {"prevhash": self._hash, "hash": digest.hex(), "kid": "k"}
        self._hash = digest.hex()
        return {**said, **proof, "signature": _base64(self._key.sign(digest))}


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def memory(followed: Any, page: dict[str, Any]) -> int:
    """The bytes that are needed at most while a page is kept."""
    tracemalloc.start()
    try:
        followed.keep(page)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_page_costs_as_much_after_twenty_thousand_entries_as_at_the_beginning(
    store: Any, tmp_path: Path
) -> None:
    """Bytes are counted, not seconds: a copy of all that was read would be some of a megabyte."""
    regency, kept = Regency(), store.Store(tmp_path)
    kept.trust(regency.keys()["keys"])
    followed = store.Followed(kept, "monitoring")
    first = memory(followed, regency.page(10))
    for _ in range(HEAP // PAGE):
        followed.keep(regency.page(PAGE))

    last = memory(followed, regency.page(10))

    assert followed.chain.position == HEAP + 20
    assert last < first + 150_000


def test_what_was_kept_is_known_again_and_a_page_that_breaks_leaves_nothing(
    store: Any, tmp_path: Path
) -> None:
    regency, kept = Regency(), store.Store(tmp_path)
    kept.trust(regency.keys()["keys"])
    first, second = regency.page(30), regency.page(30)
    store.Followed(kept, "monitoring").keep(first)
    followed = store.Followed(kept, "monitoring")
    broken = json.loads(json.dumps(second))
    broken["events"][20]["subject"] = "z"

    with pytest.raises(Exception, match=r"entry 51 does not hold \(hash\)"):
        followed.keep(broken)
    assert followed.chain.position == 30

    assert followed.keep(first) == []
    assert followed.keep(second) == second["events"]
    assert followed.chain.hash_at(1) == first["events"][0]["hash"]
    assert followed.chain.hash_at(60) == second["events"][-1]["hash"]
