"""A stored record opens only where it belongs, with its own keys, and not after erasure."""

import base64
import json
import os
from dataclasses import replace

import pytest

from services.notify import contacts, keyring
from services.notify.contacts import Contact
from services.notify.keyring import Keyring, Unreadable, Wrapped

NUMBER, OTHER = "KTB-12345-67890", "KTB-98765-43210"
FIELDS = {"reach": b"siti@canary.example", "identity": b"Siti Canary"}
ONE, TWO = os.urandom(32), os.urandom(32)
RING = Keyring(1, {1: ONE})


def test_a_record_opens_field_by_field() -> None:
    wrapped, sealed = RING.seal(NUMBER, FIELDS)

    for name, text in FIELDS.items():
        assert RING.open(NUMBER, wrapped, name, sealed[name]).rstrip() == text
        assert text not in sealed[name]


@pytest.mark.parametrize(
    "moved",
    [
        pytest.param(lambda w, s: (OTHER, w, "reach", s["reach"]), id="to another report"),
        pytest.param(lambda w, s: (NUMBER, w, "identity", s["reach"]), id="to another field"),
        pytest.param(lambda w, s: (NUMBER, w, "reach", s["reach"][:-1]), id="cut off"),
        pytest.param(lambda w, s: (NUMBER, w, "reach", b""), id="emptied"),
        pytest.param(lambda w, s: (NUMBER, w, "reach", _flip(s["reach"], 12)), id="text altered"),
        pytest.param(lambda w, s: (NUMBER, w, "reach", _flip(s["reach"], 0)), id="nonce altered"),
        pytest.param(
            lambda w, s: (NUMBER, replace(w, key=_flip(w.key, 20)), "reach", s["reach"]),
            id="key altered",
        ),
        pytest.param(
            lambda w, s: (NUMBER, RING.seal(NUMBER, FIELDS)[0], "reach", s["reach"]),
            id="another record's key",
        ),
        pytest.param(lambda w, s: (NUMBER, replace(w, kek=2), "reach", s["reach"]), id="version"),
    ],
)
def test_a_moved_or_altered_record_does_not_open(moved) -> None:
    ring = Keyring(1, {1: ONE, 2: ONE})

    with pytest.raises(Unreadable) as caught:
        ring.open(*moved(*RING.seal(NUMBER, FIELDS)))

    assert caught.value.__context__ is None


def test_a_record_does_not_open_under_another_master_key() -> None:
    wrapped, sealed = RING.seal(NUMBER, FIELDS)

    with pytest.raises(Unreadable):
        Keyring(1, {1: TWO}).open(NUMBER, wrapped, "reach", sealed["reach"])
    with pytest.raises(Unreadable, match="is not here"):
        Keyring(2, {2: TWO}).open(NUMBER, wrapped, "reach", sealed["reach"])


def test_after_a_rotation_the_old_master_key_may_go() -> None:
    wrapped, sealed = RING.seal(NUMBER, FIELDS)

    moved = Keyring(2, {1: ONE, 2: TWO}).rewrap(NUMBER, wrapped)

    assert moved.kek == 2
    only_new = Keyring(2, {2: TWO})
    assert only_new.open(NUMBER, moved, "reach", sealed["reach"]).rstrip() == FIELDS["reach"]
    with pytest.raises(Unreadable):
        Keyring(1, {1: ONE, 2: TWO}).rewrap(OTHER, wrapped)


def test_two_reports_of_one_person_share_nothing_and_look_alike() -> None:
    (one, first), (two, second) = RING.seal(NUMBER, FIELDS), RING.seal(OTHER, FIELDS)
    pieces = [_pieces([one.key, *first.values()]), _pieces([two.key, *second.values()])]

    assert not pieces[0] & pieces[1]
    _, longer = RING.seal(NUMBER, {"reach": b"x" * 300, "identity": b""})
    assert len(longer["reach"]) == len(first["reach"])


def test_who_sends_opens_no_identity() -> None:
    contact = Contact("Siti", "siti@canary.example", "0812", "Jl. Veteran", "en")

    stored = contacts.fields(contact)

    assert json.loads(stored["reach"]) == {"email": "siti@canary.example", "language": "en"}
    assert json.loads(stored["identity"]) == {
        "name": "Siti", "phone": "0812", "address": "Jl. Veteran",
    }  # fmt: skip


def test_a_keyring_is_read_from_its_file() -> None:
    document = {"current": 2, "keys": {"1": _b64(ONE), "2": _b64(TWO)}}
    ring = keyring.read(json.dumps(document).encode())
    wrapped, sealed = ring.seal(NUMBER, FIELDS)

    assert wrapped.kek == ring.current == 2
    assert Keyring(2, {2: TWO}).open(NUMBER, wrapped, "reach", sealed["reach"])


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        {"current": 1, "keys": {}},
        {"current": 2, "keys": {"1": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}},
        {"current": 1, "keys": {"1": "c2hvcnQ="}},
        {"current": 1, "keys": {"1": "%%%"}},
        {"current": 1, "keys": {"one": "c2hvcnQ="}},
    ],
)
def test_a_broken_keyring_stops_the_start_without_being_shown(document: object) -> None:
    with pytest.raises(ValueError, match="a keyring needs") as caught:
        keyring.read(json.dumps(document).encode())

    assert caught.value.__context__ is None


def _flip(text: bytes, place: int) -> bytes:
    return text[:place] + bytes([text[place] ^ 1]) + text[place + 1 :]


def _pieces(texts: list[bytes]) -> set[bytes]:
    return {text[i : i + 8] for text in texts for i in range(len(text) - 7)}


def _b64(key: bytes) -> str:
    return base64.b64encode(key).decode()


def test_a_wrapped_key_is_not_the_key() -> None:
    wrapped, sealed = RING.seal(NUMBER, FIELDS)
    destroyed = Wrapped(1, b"\0" * len(wrapped.key))

    with pytest.raises(Unreadable):
        RING.open(NUMBER, destroyed, "reach", sealed["reach"])
