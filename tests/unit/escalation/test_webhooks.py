"""A signed message is taken as it was sent, when it was sent, from whom it says; nothing else is.

The vector was made by hand from the specification; the mutations are the ways to cheat.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.errors import Unauthorized
from services.escalation.ombudsman.webhooks import Message, sign, verify

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
NOW = datetime(2026, 11, 24, 8, 0, 0, tzinfo=UTC)
ID = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"
BODY = '{"number":"KTB-12345-67890", "words":"Diterima — é"}'.encode()
Headers = dict[str, str]


def signed(*, at: datetime = NOW, id: str = ID, body: bytes = BODY, key: object = KEY) -> Headers:
    return sign(id, at, body, [key.sign])  # type: ignore[attr-defined]


def refused(headers: Headers, body: bytes = BODY, now: datetime = NOW) -> tuple[str, str]:
    """Field and rule of the refusal."""
    with pytest.raises(Unauthorized) as refusal:
        verify(headers, body, [KEY.public_key()], now)
    [error] = refusal.value.errors
    return error["field"], error["rule"]


def test_a_signature_can_be_made_by_hand() -> None:
    by_hand = KEY.sign(b"msg_2KWPBgLlAfxdpx2AI54pPJ85f4W.1795507200." + BODY)

    assert signed() == {
        "webhook-id": ID,
        "webhook-timestamp": "1795507200",
        "webhook-signature": "v1a," + base64.b64encode(by_hand).decode(),
    }


def test_what_was_signed_is_taken() -> None:
    assert verify(signed(), BODY, [KEY.public_key()], NOW) == Message(ID, NOW)


def test_headers_are_found_however_they_are_spelled() -> None:
    shouted = {name.upper(): value for name, value in signed().items()}

    assert verify(shouted, BODY, [KEY.public_key()], NOW).id == ID


@pytest.mark.parametrize("seconds", [-300, -1, 0, 299, 300])
def test_clocks_may_differ_by_five_minutes(seconds: int) -> None:
    headers = signed(at=NOW + timedelta(seconds=seconds))

    assert verify(headers, BODY, [KEY.public_key()], NOW).id == ID


@pytest.mark.parametrize(("seconds", "rule"), [(-301, "too_old"), (301, "too_new")])
def test_and_by_no_more(seconds: int, rule: str) -> None:
    headers = signed(at=NOW + timedelta(seconds=seconds))

    assert refused(headers) == ("webhook-timestamp", rule)


def test_keys_change_without_a_refusal() -> None:
    """Both sign for a while; readers know the old one, then both, then the new one."""
    both = sign(ID, NOW, BODY, [OTHER.sign, KEY.sign])

    for keys in ([KEY], [OTHER, KEY], [OTHER]):
        assert verify(both, BODY, [key.public_key() for key in keys], NOW).id == ID


def test_signatures_of_other_versions_are_passed_over() -> None:
    headers = signed()
    headers["webhook-signature"] = "v1,c2VjcmV0 v2a,!! " + headers["webhook-signature"]

    assert verify(headers, BODY, [KEY.public_key()], NOW).id == ID


def without(name: str) -> Callable[[Headers], Headers]:
    return lambda headers: {key: value for key, value in headers.items() if key != name}


def having(name: str, value: str) -> Callable[[Headers], Headers]:
    return lambda headers: headers | {name: value}


ONE_MORE = base64.b64encode(bytes(64)).decode()
CHEATS: dict[str, tuple[Callable[[Headers], Headers], tuple[str, str]]] = {
    "no id": (without("webhook-id"), ("webhook-id", "required")),
    "no time": (without("webhook-timestamp"), ("webhook-timestamp", "required")),
    "no signature": (without("webhook-signature"), ("webhook-signature", "required")),
    "empty": (having("webhook-signature", ""), ("webhook-signature", "required")),
    "another id": (having("webhook-id", f"{ID}x"), ("webhook-signature", "signature")),
    "part of the id moved": (having("webhook-id", f"{ID}.17"), ("webhook-id", "format")),
    "a short id": (having("webhook-id", "a"), ("webhook-id", "format")),
    "an id in other letters": (having("webhook-id", f"{ID}é"), ("webhook-id", "format")),
    "made younger": (having("webhook-timestamp", "1795507201"),
                     ("webhook-signature", "signature")),
    "written otherwise": (having("webhook-timestamp", "01795507200"),
                          ("webhook-signature", "signature")),
    "with a point": (having("webhook-timestamp", "1795507200.0"), ("webhook-timestamp", "format")),
    "negative": (having("webhook-timestamp", "-1"), ("webhook-timestamp", "format")),
    "endless": (having("webhook-timestamp", "9" * 40), ("webhook-timestamp", "format")),
    "in other digits": (having("webhook-timestamp", "١٧٩٥٥٠٧٢٠٠"), ("webhook-timestamp", "format")),
    "no base64": (having("webhook-signature", "v1a,!!"), ("webhook-signature", "format")),
    "too short": (having("webhook-signature", "v1a,AAAA"), ("webhook-signature", "signature")),
    "of nobody": (having("webhook-signature", f"v1a,{ONE_MORE}"),
                  ("webhook-signature", "signature")),
    "of another version": (lambda headers: headers | {
        "webhook-signature": headers["webhook-signature"].replace("v1a", "v1")},
        ("webhook-signature", "signature")),
    "behind too many": (lambda headers: headers | {
        "webhook-signature": f"v1a,{ONE_MORE} " * 10 + headers["webhook-signature"]},
        ("webhook-signature", "signature")),
    "by another key": (lambda _: signed(key=OTHER), ("webhook-signature", "signature")),
}  # fmt: skip


@pytest.mark.parametrize("name", CHEATS)
def test_whoever_cheats_is_refused_by_name(name: str) -> None:
    cheat, why = CHEATS[name]

    assert refused(cheat(signed())) == why


@pytest.mark.parametrize(
    "body",
    [
        BODY[:-1],
        BODY + b" ",
        BODY.replace(b"67890", b"67891"),
        json.dumps(json.loads(BODY)).encode(),
        b"",
    ],
    ids=["cut", "longer", "altered", "read and written again", "empty"],
)
def test_the_body_is_its_bytes(body: bytes) -> None:
    assert refused(signed(), body) == ("webhook-signature", "signature")


@pytest.mark.parametrize("id", ["", "a.b-c-d-e-f-g-h-i-j", "a" * 65, "with a space in it"])
def test_nothing_is_signed_that_no_reader_would_take(id: str) -> None:
    with pytest.raises(ValueError, match="16 to 64"):
        signed(id=id)
