"""What a proof says, to a library that shares nothing with us too, and whom it does not name."""

import base64
import json
from typing import Any

import pytest
from jwcrypto.jwk import JWKSet
from jwcrypto.jws import InvalidJWSSignature
from sd_jwt.verifier import SDJWTVerifier

from chassis.config import Misconfigured, Secret
from services.intake import schemas
from services.intake.config import Settings
from services.intake.domain import SUBMITTED
from services.intake.receipts import SHOWN as SHOWABLE
from services.intake.receipts import Signer
from tests.unit.intake.proofs import (
    AT,
    KEYS,
    NOTED,
    NUMBER,
    OURS,
    PROMISED,
    PROOF,
    RECEIPT,
    REPORT,
    SHOWN,
    SIGNER,
    THEIRS,
    WRONGS,
    half,
    key,
    verifier,
)


def by_the_library(proof: str) -> Any:
    """What a library that shares nothing with us makes of it."""
    known = JWKSet.from_json(KEYS)
    read = SDJWTVerifier(proof, lambda _, header: known.get_key(header["kid"]))
    return read.get_verified_payload()


def test_two_others_read_what_was_received() -> None:
    there = verifier.verify(PROOF, verifier.read_keys(KEYS))
    library = by_the_library(PROOF)

    assert there == {
        "number": NUMBER,
        "what": SUBMITTED,
        "received_at": "2026-11-29T08:01:02.345678+00:00",
        "promised": PROMISED,
        "said": SHOWN,
        "key": OURS["kid"],
    }
    assert there.pop("key") == OURS["kid"]
    assert library.pop("iat") == int(AT.timestamp())
    assert library.pop("iss") == "/intake"
    assert library == {"sub": there.pop("number"), **there}


def test_what_follows_is_proved_too_and_promises_nothing() -> None:
    there = verifier.verify(NOTED, verifier.read_keys(KEYS))
    assert there["said"] == by_the_library(NOTED)["said"] == {"reason": "Masih rusak."}
    assert (there["what"], "promised" in there) == ("reporter.object", False)
    noted = {"number": NUMBER, "noted_at": RECEIPT["received_at"]}
    for name in ("noted_at", "received_at"):
        with pytest.raises(verifier.Broken, match=f"another {name}"):
            verifier.verify(NOTED, verifier.read_keys(KEYS), noted | {name: "2026-11-28T00:00:00Z"})
    assert verifier.verify(NOTED, verifier.read_keys(KEYS), noted) == there
    with pytest.raises(verifier.Broken, match="another promised"):
        verifier.verify(NOTED, verifier.read_keys(KEYS), noted | {"promised": PROMISED})


@pytest.mark.parametrize("name", ["contact", "dossier", "what_may_come"])
def test_nothing_that_tells_who_sent_it_is_in_it(name: str) -> None:
    said = {"title": "Jalan rusak", name: {"name": "Siti Rahmah", "email": "siti@warga.example"}}
    token, *disclosures = SIGNER.prove(NUMBER, SUBMITTED, AT, said).split("~")
    parts = [*token.split(".")[:2], *disclosures]
    whole = " ".join(base64.urlsafe_b64decode(part + "==").decode() for part in parts).lower()

    assert "jalan rusak" in whole  # the control: it would be found
    for word in ("siti", "rahmah", "warga.example", name):
        assert word not in whole


def test_every_field_of_what_reporters_send_is_shown_or_known_to_tell_who_they_are() -> None:
    bodies = (
        schemas.NewReport, schemas.Supplement, schemas.Reason, schemas.OptionalReason,
        schemas.Rating, schemas.Consent,
    )  # fmt: skip
    sent = {name for body in bodies for name in body().fields}

    assert sent - SHOWABLE == {"contact", "dossier"}


def test_without_its_words_it_holds_and_tells_nothing_of_them() -> None:
    bare = PROOF.split("~")[0] + "~"
    for shown in (bare, bare + "~"):
        proved = verifier.verify(shown, verifier.read_keys(KEYS))
        assert (proved["number"], proved["said"]) == (NUMBER, None)
    assert "said" not in by_the_library(bare)
    claims = base64.urlsafe_b64decode(bare.split(".")[1] + "==").decode()
    assert not any(str(said) in claims for said in SHOWN.values())


def test_the_same_report_looks_different_each_time() -> None:
    """Else whoever guesses the words could tell by the hash that they are right."""
    tokens = {SIGNER.prove(NUMBER, SUBMITTED, AT, REPORT).split(".")[1] for _ in range(3)}

    assert len(tokens) == 3


@pytest.mark.parametrize("wrong", ["another number", "a bent signature", "signed by a stranger"])
def test_a_library_refuses_it_too(wrong: str) -> None:
    with pytest.raises(InvalidJWSSignature):
        by_the_library(WRONGS[wrong][1](PROOF))


@pytest.mark.parametrize(
    "document",
    [b"", b"[]", json.dumps(half(OURS)).encode(), json.dumps({**OURS, "kid": ""}).encode(),
     json.dumps(key("P-384")).encode(), json.dumps({**OURS, "use": "enc"}).encode(),
     json.dumps({**OURS, "key_ops": ["verify"]}).encode(),
     json.dumps({**OURS, "kid": THEIRS["kid"]}).encode()],
    ids=["nothing", "no key", "half a key", "no name", "another curve", "seals", "checks only",
         "another's name"],
)  # fmt: skip
def test_a_key_that_cannot_sign_is_refused(document: bytes) -> None:
    with pytest.raises(Misconfigured, match="RECEIPT_KEY_FILE") as refusal:
        Signer(document)

    assert OURS["d"] not in str(refusal.value)


def test_only_the_public_half_is_shown() -> None:
    assert SIGNER.public == half(OURS)


def test_production_does_not_start_with_receipts_that_prove_nothing() -> None:
    blank = Secret(b"")
    told: dict[str, Any] = {
        "service": "intake", "database_url": "", "receipts_signed": False,
        "notify_public_key": blank, "ombudsman_public_keys": blank,
        "tracking_pepper": blank, "idempotency_pepper": blank,
    }  # fmt: skip
    Settings(lapor_env="demo", **told).check()

    with pytest.raises(Misconfigured, match="RECEIPTS_SIGNED"):
        Settings(lapor_env="production", **told).check()
