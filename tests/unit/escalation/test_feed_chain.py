"""The feed's proof is checked by hand here, and every kind of tampering is found."""

import hashlib
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.escalation.ombudsman.chain import GENESIS, Broken, Link, digest, first_broken

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
KEYS = {"2026-11": KEY.public_key()}


def link(position: int, prev_hash: bytes, **entry: object) -> Link:
    said = {"position": position, **entry}
    hash = digest(prev_hash, said)
    return Link(position, said, prev_hash, hash, KEY.sign(hash), "2026-11")


def chain(length: int = 4) -> list[Link]:
    links: list[Link] = []
    for position in range(1, length + 1):
        links.append(link(position, links[-1].hash if links else GENESIS, clock="S"))
    return links


def test_a_hash_can_be_made_by_hand() -> None:
    by_hand = hashlib.sha256(bytes(32) + b'{"a":"\xc3\xa9","position":1}').digest()

    assert digest(GENESIS, {"position": 1, "a": "é"}) == by_hand


def test_a_whole_chain_holds_and_so_does_its_end_alone() -> None:
    links = chain()

    assert first_broken(links, KEYS) is None
    assert first_broken(links[2:], KEYS, after=2, prev_hash=links[1].hash) is None


TAMPERINGS = {
    "edited": (lambda x: [x[0], replace(x[1], entry={"position": 2, "clock": "V"}), *x[2:]], 2,
               "hash"),
    "edited and hashed again": (lambda x: [
        x[0],
        replace(x[1], entry={"position": 2}, hash=digest(x[0].hash, {"position": 2})),
        *x[2:]], 2, "signature"),
    "edited and signed by another": (lambda x: [
        x[0], replace(x[1], signature=OTHER.sign(x[1].hash)), *x[2:]], 2, "signature"),
    "signed by an unknown key": (lambda x: [replace(x[0], kid="x"), *x[1:]], 1, "key"),
    "dropped": (lambda x: [x[0], *x[2:]], 2, "position"),
    "dropped and renumbered": (lambda x: [
        x[0], *(replace(y, position=y.position - 1) for y in x[2:])], 2, "position"),
    "reordered": (lambda x: [x[1], x[0], *x[2:]], 1, "position"),
    "repeated": (lambda x: [x[0], x[0], *x[1:]], 2, "position"),
    "forked": (lambda x: [x[0], x[1], link(3, GENESIS, clock="S"), x[3]], 3, "chain"),
    "replaced by its signer": (lambda x: [x[0], link(2, x[0].hash, clock="F"), *x[2:]], 3,
                               "chain"),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampering_is_found_where_it_was_done(name: str) -> None:
    tamper, position, check = TAMPERINGS[name]

    assert first_broken(tamper(chain()), KEYS) == Broken(position, check)


def test_a_truncated_chain_holds_so_its_end_must_be_witnessed() -> None:
    assert first_broken(chain()[:2], KEYS) is None
