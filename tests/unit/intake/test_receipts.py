"""Whoever is shown a proof can tell whether the regency gave it, whatever was done to it since."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from jwcrypto.jwk import JWKSet
from jwcrypto.jws import InvalidJWSSignature
from sd_jwt.verifier import SDJWTVerifier

from chassis.config import Misconfigured, Secret
from services.intake.config import Settings
from services.intake.domain import SUBMITTED
from services.intake.receipts import Signer
from tests.harness import guides

TOOL = guides.TOOLS / "verify-receipt" / "verify_receipt.py"
verifier = guides.loaded(TOOL)

NUMBER, AT = "KTB-12345-67890", datetime(2026, 11, 29, 8, 1, 2, 345678, UTC)
DAYS = {"verify_by": date(2026, 12, 2), "settle_by": date(2026, 12, 14)}
PROMISED = {"verify_by": "2026-12-02", "settle_by": "2026-12-14"}
RECEIPT: dict[str, Any] = {
    "number": NUMBER, "received_at": "2026-11-29T16:01:02.345678+08:00", "promised": PROMISED,
}  # fmt: skip
REPORT = {
    "kind": "complaint",
    "title": "Jalan rusak \u2013 depan pasar \U0001f4a5",
    "event_date": date(2026, 11, 20),
    "place": {"district": "63.02.06", "detail": None},
    "contact": {"name": "Siti Rahmah", "email": "siti@warga.example"},
}
SHOWN = {name: value for name, value in REPORT.items() if name != "contact"} | {
    "event_date": "2026-11-20"
}


def key(curve: Any = "P-256") -> dict[str, Any]:
    made = ECKey.generate_key(curve)
    return {**made.as_dict(private=True), "kid": made.thumbprint()}


def half(private: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in private.items() if name != "d"}


def dumped(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


OURS, THEIRS, ODD = key(), key(), key("P-384")
KEYS = dumped(half(THEIRS), half(OURS)).decode()
SIGNER = Signer(json.dumps(OURS).encode(), KEYS.encode())


@pytest.fixture(scope="module")
def proof() -> str:
    return SIGNER.prove(NUMBER, SUBMITTED, AT, REPORT, promised=DAYS)


def by_the_library(proof: str, keys: str = KEYS) -> Any:
    """What a library that shares nothing with us makes of it."""
    known = JWKSet.from_json(keys)
    read = SDJWTVerifier(proof, lambda _, header: known.get_key(header["kid"]))
    return read.get_verified_payload()


def test_two_others_read_what_was_received(proof: str) -> None:
    there = verifier.verify(proof, verifier.read_keys(KEYS))
    library = by_the_library(proof)

    assert there == {
        "number": NUMBER,
        "what": SUBMITTED,
        "received_at": "2026-11-29T08:01:02.345678+00:00",
        "promised": PROMISED,
        "said": SHOWN,
    }
    assert library.pop("iat") == int(AT.timestamp())
    assert library.pop("iss") == "/intake"
    assert library == {"sub": there.pop("number"), **there}


def test_what_follows_is_proved_too_and_promises_nothing() -> None:
    proof = SIGNER.prove(NUMBER, "reporter.object", AT, {"reason": "Masih rusak."})

    there = verifier.verify(proof, verifier.read_keys(KEYS))
    assert there["said"] == by_the_library(proof)["said"] == {"reason": "Masih rusak."}
    assert (there["what"], "promised" in there) == ("reporter.object", False)
    noted = {"number": NUMBER, "noted_at": RECEIPT["received_at"]}
    assert verifier.verify(proof, verifier.read_keys(KEYS), noted) == there
    with pytest.raises(verifier.Broken, match="another promised"):
        verifier.verify(proof, verifier.read_keys(KEYS), noted | {"promised": PROMISED})


@pytest.mark.parametrize("name", ["contact", "dossier"])
def test_nothing_that_tells_who_sent_it_is_in_it(name: str) -> None:
    said = {"title": "Jalan rusak", name: {"name": "Siti Rahmah", "email": "siti@warga.example"}}
    proof = SIGNER.prove(NUMBER, SUBMITTED, AT, said)
    token, *disclosures = proof.split("~")
    parts = [*token.split(".")[:2], *disclosures]
    whole = " ".join(base64.urlsafe_b64decode(part + "==").decode() for part in parts).lower()

    assert "jalan rusak" in whole  # the control: it would be found
    for word in ("siti", "rahmah", "warga.example", name):
        assert word not in whole


def test_without_its_words_it_holds_and_tells_nothing_of_them(proof: str) -> None:
    bare = proof.split("~")[0] + "~~"
    for shown in (bare, bare[:-1]):
        proved = verifier.verify(shown, verifier.read_keys(KEYS))
        assert (proved["number"], proved["said"]) == (NUMBER, None)
    assert "said" not in by_the_library(bare[:-1])
    claims = base64.urlsafe_b64decode(bare.split(".")[1] + "==").decode()
    assert not any(str(said) in claims for said in SHOWN.values())


def test_the_same_report_looks_different_each_time() -> None:
    """Else whoever guesses the words could tell by the hash that they are right."""
    tokens = {SIGNER.prove(NUMBER, SUBMITTED, AT, REPORT).split(".")[1] for _ in range(3)}

    assert len(tokens) == 3


def _again(proof: str, header: dict[str, Any], claims: dict[str, Any], by: Any = OURS) -> str:
    """A proof with other things in it, signed by somebody."""
    token, disclosure, _ = proof.split("~")
    was = [json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]]
    alg = header.get("alg", "ES256")
    signed = jwt.encode(was[0] | header, was[1] | claims, ECKey.import_key(by), [alg])
    return f"{signed}~{disclosure}~"


def _respelled(proof: str, place: int, **said: Any) -> str:
    """A proof with other claims, under its old signature."""
    token, rest = proof.split("~", 1)
    parts = token.split(".")
    was = json.loads(base64.urlsafe_b64decode(parts[place] + "=="))
    parts[place] = base64.urlsafe_b64encode(json.dumps(was | said).encode()).rstrip(b"=").decode()
    return ".".join(parts) + "~" + rest


def _other_words(proof: str) -> str:
    token, disclosure, _ = proof.split("~")
    words = base64.urlsafe_b64decode(disclosure + "==").replace(b"rusak", b"bagus")
    return f"{token}~{base64.urlsafe_b64encode(words).rstrip(b'=').decode()}~"


def _bent(proof: str) -> str:
    """One bit of the signature is another."""
    head, _, signature = proof.split("~")[0].rpartition(".")
    raw = bytearray(base64.urlsafe_b64decode(signature + "=="))
    raw[40] ^= 1
    return f"{head}.{base64.urlsafe_b64encode(raw).rstrip(b'=').decode()}~{proof.split('~')[1]}~"


DEEP = base64.urlsafe_b64encode(b"[" * 90_000).decode()
WRONGS: dict[str, tuple[str, Callable[[str], str]]] = {
    "another number": ("signature", lambda p: _respelled(p, 1, sub="KTB-12345-67891")),
    "another time": ("signature", lambda p: _respelled(p, 1, received_at="2026-11-28T08:01:02Z")),
    "another key's name": ("signature", lambda p: _respelled(p, 0, kid=THEIRS["kid"])),
    "a bent signature": ("signature", _bent),
    "signed by a stranger": ("signature", lambda p: _again(p, {}, {}, by=key())),
    "an unknown key": ("among the keys", lambda p: _again(p, {"kid": "nobody's"}, {})),
    "no algorithm": ("not the proof", lambda p: _respelled(p, 0, alg="none")),
    "another kind of token": ("not the proof", lambda p: _again(p, {"typ": "JWT"}, {})),
    "a critical header": ("not the proof", lambda p: _respelled(p, 0, crit=["b64"])),
    "a claim too many": ("not the proof", lambda p: _again(p, {}, {"exp": 1})),
    "a claim too few": ("not the proof", lambda p: _again(p, {}, {"what": "reporter.object"})),
    "another hash": ("not the proof", lambda p: _again(p, {}, {"_sd_alg": "sha-512"})),
    "other words": ("something else", _other_words),
    "words twice": ("more than was", lambda p: p + p.split("~")[1] + "~"),
    "no token": ("no signed token", lambda p: "~" + p.split("~", 1)[1]),
    "nonsense": ("no signed token", lambda p: "a.b.c~~"),
    "no letters": ("no signed token", lambda p: "\u00e9.\u00e9.\u00e9~\u00e9~"),
    "no end": ("no signed token", lambda p: f"{DEEP}.{DEEP}.x~~"),
    "too long": ("longer", lambda p: p + "~" * 1_000_000),
}


@pytest.mark.parametrize("wrong", WRONGS)
def test_what_was_changed_does_not_hold(proof: str, wrong: str) -> None:
    why, change = WRONGS[wrong]
    with pytest.raises(verifier.Broken, match=why):
        verifier.verify(change(proof), verifier.read_keys(KEYS))


@pytest.mark.parametrize("wrong", ["another number", "a bent signature", "signed by a stranger"])
def test_a_library_refuses_it_too(proof: str, wrong: str) -> None:
    with pytest.raises(InvalidJWSSignature):
        by_the_library(WRONGS[wrong][1](proof))


@pytest.mark.parametrize("name", ["number", "received_at", "promised"])
def test_a_receipt_that_tells_something_else_does_not_hold(proof: str, name: str) -> None:
    keys = verifier.read_keys(KEYS)
    assert verifier.verify(proof, keys, RECEIPT)["number"] == NUMBER

    with pytest.raises(verifier.Broken, match=f"another {name}"):
        verifier.verify(proof, keys, RECEIPT | {name: None})


@pytest.fixture
def folder(tmp_path: Path, proof: str) -> Path:
    (tmp_path / "keys.json").write_text(KEYS)
    (tmp_path / "proof.txt").write_text(proof + "\n")
    return tmp_path


def test_the_tool_says_by_its_exit_how_it_went(folder: Path, proof: str) -> None:
    def told(*words: str, said: str = "") -> tuple[int, str]:
        ran = guides.run(TOOL, folder, *words, said=said)
        assert "Traceback" not in ran.stderr
        return ran.returncode, ran.stdout.partition("\n")[0]

    assert told("--keys", "keys.json", "proof.txt") == (0, "holds")
    assert told("--keys", "keys.json", "-", said=json.dumps({"proof": None}))[0] == 2
    assert told("--keys", "keys.json", "-", said=_other_words(proof)) == (
        1, "does not hold: it shows something else than was signed",
    )  # fmt: skip
    assert told("--keys", "keys.json", "nowhere")[0] == 2
    assert told("--keys", "proof.txt", "proof.txt")[0] == 2
    assert told("--url", "http://lapor.example/api", "proof.txt")[0] == 2


@pytest.mark.parametrize("wrong", [None, "other words", "another number"])
def test_it_is_verified_with_the_commands_of_the_guide(
    folder: Path, proof: str, wrong: str | None
) -> None:
    if wrong:
        (folder / "proof.txt").write_text(WRONGS[wrong][1](proof))

    ran = guides.by_hand(TOOL, "By other means", folder)

    assert (ran.returncode == 0) is (wrong is None), ran.stdout + ran.stderr
    assert ("Verified OK" in ran.stdout) is (wrong is None)


def test_the_tool_shares_no_code_with_us() -> None:
    assert guides.foreign(TOOL) == {"cryptography"}


@pytest.mark.parametrize(
    ("private", "public"),
    [
        (b"", KEYS.encode()),
        (json.dumps(OURS).encode(), b""),
        (json.dumps(half(OURS)).encode(), KEYS.encode()),
        (json.dumps({**OURS, "kid": ""}).encode(), KEYS.encode()),
        (json.dumps(OURS).encode(), dumped(half(THEIRS))),
        (json.dumps(OURS).encode(), dumped({**half(THEIRS), "kid": OURS["kid"]})),
        (json.dumps(OURS).encode(), dumped(OURS)),
        (json.dumps(OURS).encode(), dumped(half(OURS), THEIRS)),
        (json.dumps(ODD).encode(), dumped(half(ODD))),
    ],
    ids=["no key", "no keys", "half a key", "no name", "not shown", "another shown",
         "its secret shown", "a secret shown", "another curve"],
)  # fmt: skip
def test_keys_whose_proofs_nobody_could_check_are_refused(private: bytes, public: bytes) -> None:
    with pytest.raises(Misconfigured, match="RECEIPT_KEY_FILE") as refusal:
        Signer(private, public)

    assert OURS["d"] not in str(refusal.value)


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
