"""What intake seals opens here, for its own report only; nothing that fails says what it saw."""

import base64
import json
import traceback

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey, import_key
from joserfc.registry import HeaderParameter

from chassis.errors import Poison
from services.notify import contacts
from services.notify.contacts import Contact
from services.notify.sealing import Opener

NUMBER, OTHER = "KTB-12345-67890", "KTB-98765-43210"
CONTACT = {"name": "Siti Canary", "email": "siti@canary.example", "phone": None, "language": "en"}
PAYLOAD = json.dumps(CONTACT).encode()


def okp(kid: str = "a", curve: str = "X25519") -> OKPKey:
    return OKPKey.generate_key(curve, parameters={"kid": kid})


def ec(kid: str = "a", curve: str = "P-256") -> ECKey:
    return ECKey.generate_key(curve, parameters={"kid": kid})


def private(*keys: object) -> bytes:
    documents = [key.as_dict(private=True) for key in keys]
    return json.dumps(documents[0] if len(keys) == 1 else {"keys": documents}).encode()


def seal(key: object, payload: bytes = PAYLOAD, **header: object) -> str:
    public = import_key(key.as_dict(private=False))
    header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": key.kid, "sub": NUMBER} | header
    names = {name: HeaderParameter("", "str") for name in ("sub", "note")}
    registry = jwe.JWERegistry(
        header_registry=names, algorithms=["ECDH-ES", "ECDH-ES+A256KW", "A256GCM", "A128GCM", "DEF"]
    )
    return jwe.encrypt_compact(header, payload, public, registry=registry)


KEY = ec()
SEALED = seal(KEY)


@pytest.mark.parametrize("key", [okp(), ec()], ids=["X25519", "P-256"])
def test_a_contact_sealed_for_a_report_opens_for_it(key: object) -> None:
    padded = PAYLOAD + b" " * (-len(PAYLOAD) % 4096)

    opened = Opener(private(key)).open(seal(key, padded), NUMBER)

    assert len(opened) == 4096
    assert contacts.read(opened) == Contact("Siti Canary", "siti@canary.example", language="en")


def test_during_a_rotation_both_keys_open() -> None:
    old, new = ec("old"), okp("new")
    opener = Opener(private(old, new))

    assert opener.open(seal(old), NUMBER) == opener.open(seal(new), NUMBER) == PAYLOAD


@pytest.mark.parametrize(
    "sealed",
    [
        pytest.param(seal(ec("b")), id="another key"),
        pytest.param(seal(ec("a")), id="another key of the same name"),
        pytest.param(seal(KEY, sub=OTHER), id="another report"),
        pytest.param(seal(KEY, alg="ECDH-ES+A256KW"), id="another algorithm"),
        pytest.param(seal(KEY, enc="A128GCM"), id="another cipher"),
        pytest.param(seal(KEY, zip="DEF"), id="compressed"),
        pytest.param(seal(KEY, note="x"), id="another header"),
        pytest.param(seal(KEY, b" " * 9000), id="too large"),
        pytest.param(SEALED[:-4], id="cut off"),
        pytest.param("", id="empty"),
        pytest.param("....", id="no parts"),
        pytest.param("é", id="not ASCII"),
    ],
)
def test_anything_else_is_poison_and_says_nothing(sealed: str) -> None:
    with pytest.raises(Poison) as caught:
        Opener(private(KEY)).open(sealed, NUMBER)

    assert caught.value.__context__ is None
    assert "sealed" in str(caught.value)
    assert NUMBER not in str(caught.value)


@given(place=st.integers(0, len(SEALED) - 1), letter=st.sampled_from("AZaz09-_."))
@settings(max_examples=60, deadline=None)
def test_no_altered_letter_goes_unnoticed(place: int, letter: str) -> None:
    altered = SEALED[:place] + letter + SEALED[place + 1 :]
    opener = Opener(private(KEY))

    try:
        opened = opener.open(altered, NUMBER)
    except Poison:
        return
    assert opened == PAYLOAD
    assert _bits(altered) == _bits(SEALED)


def _bits(sealed: str) -> list[bytes]:
    """The last letter of a part may have unused bits; those seal nothing."""
    return [base64.urlsafe_b64decode(part + "==") for part in sealed.split(".")]


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"not json",
        b"[]",
        b'{"keys": []}',
        json.dumps(KEY.as_dict(private=False)).encode(),
        json.dumps(ECKey.generate_key("P-256").as_dict(private=True)).encode(),
        private(ec(curve="P-384")),
        private(okp(curve="X448")),
        private(OKPKey.generate_key("Ed25519", parameters={"kid": "a"})),
        private(RSAKey.generate_key(2048, parameters={"kid": "a"})),
        private(OctKey.generate_key(256, parameters={"kid": "a"})),
    ],
    ids=[
        "empty",
        "not JSON",
        "no object",
        "no keys",
        "a public one",
        "a nameless one",
        "P-384",
        "X448",
        "Ed25519",
        "RSA",
        "octets",
    ],
)
def test_a_key_of_another_kind_stops_the_start_without_being_shown(document: bytes) -> None:
    with pytest.raises(ValueError, match="not a private X25519 or P-256 JWK") as caught:
        Opener(document)

    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "payload",
    [b"", b"Siti Canary", b"[]", b'{"name": ["Siti Canary"]}', b'{"email": 1}', b"[" * 9999],
)
def test_a_payload_of_another_shape_is_poison_and_is_not_quoted(payload: bytes) -> None:
    with pytest.raises(Poison) as caught:
        contacts.read(payload)

    assert caught.value.__context__ is None
    assert "Canary" not in "".join(traceback.format_exception(caught.value))


def test_an_unknown_language_is_indonesian() -> None:
    assert contacts.read(b'{"language": "fr"}') == contacts.read(b"{}") == Contact(language="id")


def test_a_contact_does_not_show_itself() -> None:
    assert repr(contacts.read(PAYLOAD)) == "Contact()"


def test_what_is_derived_follows_from_each_key_as_long_as_it_is_there() -> None:
    for old, new in ((okp("old"), ec("new")), (ec("old"), okp("new"))):
        before = Opener(private(old)).derive("a purpose")
        during = Opener(private(old, new)).derive("a purpose")

        assert list(during) == ["old", "new"]
        assert before == {"old": during["old"]}
        assert Opener(private(new)).derive("a purpose") == {"new": during["new"]}
        assert Opener(private(old)).derive("another") != before
        assert [len(key) for key in during.values()] == [32, 32]
        assert during["old"] != during["new"]
