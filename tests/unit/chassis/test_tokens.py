"""A token says who asks to one service, for a short time, and nobody else can make one."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey

from chassis.config import Misconfigured
from chassis.tokens import LIFETIME, Issuer, Reader

NOW = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
VARIABLE = "STAFF_TOKEN_KEY_FILE"


def private(key: OKPKey) -> bytes:
    return json.dumps({**key.as_dict(private=True), "kid": key.thumbprint()}).encode()


def public(*keys: OKPKey) -> bytes:
    listed = [{**key.as_dict(private=False), "kid": key.thumbprint()} for key in keys]
    return json.dumps({"keys": listed}).encode()


KEY, OLD = OKPKey.generate_key("Ed25519"), OKPKey.generate_key("Ed25519")
ISSUER = Issuer("routing", private(KEY), VARIABLE)
READER = Reader("routing", "escalation", public(OLD, KEY), VARIABLE)


def issued(**other: Any) -> str:
    told = {"audience": "escalation", "scope": "case", "subject": "KTB-1", "now": NOW} | other
    return str(ISSUER.issue(**told)["token"])


def signed(header: dict[str, Any], key: Any, algorithm: str, **other: Any) -> str:
    """A token that another hand made."""
    exp = int((NOW + LIFETIME).timestamp())
    claims = {"iss": "/routing", "aud": "/escalation", "sub": "KTB-1", "scope": "case", "exp": exp}
    return jwt.encode({"alg": algorithm} | header, claims | other, key, [algorithm])


def test_what_was_signed_is_read() -> None:
    claims = READER.read(issued(role="liaison"), "case", NOW)

    assert claims is not None
    assert (claims["sub"], claims["role"]) == ("KTB-1", "liaison")


def test_what_the_key_before_signed_is_read_until_it_ends() -> None:
    before = Issuer("routing", private(OLD), VARIABLE).issue("escalation", "case", "KTB-1", NOW)

    assert READER.read(before["token"], "case", NOW)


def test_it_ends() -> None:
    token, last = issued(), NOW + LIFETIME - timedelta(seconds=1)

    assert READER.read(token, "case", last)
    assert READER.read(token, "case", NOW + LIFETIME) is None


@pytest.mark.parametrize(
    "token",
    [
        issued(audience="notify"),
        issued(scope="officer"),
        issued(now=NOW - timedelta(hours=1)),
        issued(now=NOW + timedelta(hours=1)),  # would hold for longer than any may
        Issuer("intake", private(KEY), VARIABLE).issue("escalation", "case", "K", NOW)["token"],
        signed({"kid": KEY.thumbprint()}, OKPKey.generate_key("Ed25519"), "Ed25519"),
        signed({"kid": "unknown"}, KEY, "Ed25519"),
        signed({"kid": KEY.thumbprint()}, ECKey.generate_key("P-256"), "ES256"),
        signed({"kid": KEY.thumbprint()}, KEY, "Ed25519", exp="tomorrow"),
        signed({"kid": KEY.thumbprint()}, KEY, "Ed25519", exp=1e300),
        signed({"kid": KEY.thumbprint()}, KEY, "Ed25519", exp=None),
        # the public key, which everybody may know, taken for a shared secret
        signed({"kid": KEY.thumbprint()}, OctKey.import_key(str(KEY.as_dict()["x"])), "HS256"),
        "",
        "a.b.c",
        "a.b.c.d.e",
        "\ud800.\ud800.\ud800",
    ],
)
def test_any_other_token_is_none(token: str) -> None:
    assert READER.read(token, "case", NOW) is None


def test_an_unsigned_or_altered_token_is_none() -> None:
    header, claims, signature = issued().split(".")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    other = base64.urlsafe_b64encode(
        base64.urlsafe_b64decode(claims + "==").replace(b"KTB-1", b"KTB-2")
    )

    assert READER.read(f"{unsigned}.{claims}.", "case", NOW) is None
    assert READER.read(f"{header}.{other.decode().rstrip('=')}.{signature}", "case", NOW) is None
    assert READER.read(f"{header}.{claims}.{'A' * len(signature)}", "case", NOW) is None


@pytest.mark.parametrize("document", [b"", b"{}", b"[]", b"no json", public(KEY), b'{"keys": 1}'])
def test_an_issuer_does_not_start_without_its_key(document: bytes) -> None:
    with pytest.raises(Misconfigured, match=VARIABLE):
        Issuer("routing", document, VARIABLE)


@pytest.mark.parametrize("document", [b"", b"[]", b"no json", b'{"keys": [{"kty": "OKP"}]}'])
def test_a_reader_does_not_start_without_its_keys(document: bytes) -> None:
    with pytest.raises(Misconfigured, match=VARIABLE):
        Reader("routing", "escalation", document, VARIABLE)
