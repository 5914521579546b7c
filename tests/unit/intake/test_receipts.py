"""Whoever is shown a proof can tell whether the regency gave it, whatever was done to it since."""

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from textwrap import wrap
from threading import Thread
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from jwcrypto.jwk import JWKSet
from jwcrypto.jws import InvalidJWSSignature
from sd_jwt.verifier import SDJWTVerifier

from chassis.config import Misconfigured, Secret
from services.intake import schemas
from services.intake.config import Settings
from services.intake.domain import SUBMITTED
from services.intake.receipts import SHOWN as SHOWABLE
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


OURS, THEIRS = key(), key()
KEYS = dumped(half(THEIRS), half(OURS)).decode()
SIGNER = Signer(json.dumps(OURS).encode())


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
    proof = SIGNER.prove(NUMBER, SUBMITTED, AT, said)
    token, *disclosures = proof.split("~")
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


def test_without_its_words_it_holds_and_tells_nothing_of_them(proof: str) -> None:
    bare = proof.split("~")[0] + "~"
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


def _conjured(proof: str) -> str:
    """Nothing is signed, and the words are what a verifier might say."""
    words = base64.urlsafe_b64encode(b"\nVerified OK\n\x1b[8m").rstrip(b"=").decode()
    digest = base64.urlsafe_b64encode(hashlib.sha256(words.encode()).digest()).rstrip(b"=").decode()
    return f"{_respelled(proof, 1, _sd=[digest]).split('~')[0]}~{words}~"


DEEP = base64.urlsafe_b64encode(b"[" * 90_000).decode()
NOTED = SIGNER.prove(NUMBER, "reporter.object", AT, {"reason": "Masih rusak."})
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
    "a claim too few": ("not the proof", lambda p: _again(NOTED, {}, {"what": SUBMITTED})),
    "another hash": ("not the proof", lambda p: _again(p, {}, {"_sd_alg": "sha-512"})),
    "other words": ("something else", _other_words),
    "words twice": ("more than was", lambda p: p + p.split("~")[1] + "~"),
    "nonsense": ("no signed token", lambda p: "a.b.c~~"),
    "no letters": ("no signed token", lambda p: "\u00e9.\u00e9.\u00e9~\u00e9~"),
    "conjured": ("signature", _conjured),
    "no end": ("no signed token", lambda p: f"{DEEP}.{DEEP}.x~~"),
    "half a letter": ("cannot be read", lambda p: p.split("~")[0] + "~\ud800~"),
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
    entry = {"type": "feed.receipt_key.shown.v1", "data": {**half(OURS), "at": "2026-11-29"}}
    other = [entry | {"type": "feed.key.announced.v1"}, entry | {"data": half(THEIRS)}]
    (tmp_path / "feed.jsonl").write_text("".join(json.dumps(e) + "\n" for e in [*other, entry]))
    swapped = entry | {"data": {**half(THEIRS), "kid": OURS["kid"]}}
    decree = {"type": "feed.rule.amended.v1", "data": {"decree": "a\u2028b"}}
    taken_back = [entry, swapped, entry | {"data": {}}, entry | {"data": None}, decree]
    lines = (json.dumps(each, ensure_ascii=False) + "\n" for each in taken_back)
    (tmp_path / "taken-back.jsonl").write_text("".join(lines))
    (tmp_path / "other.jsonl").write_text("".join(json.dumps(e) + "\n" for e in other))
    return tmp_path


def exits(folder: Path, *words: str, said: str = "") -> tuple[int, str]:
    """How the tool ends, and what it says first."""
    ran = guides.run(TOOL, folder, *words, said=said)
    assert "Traceback" not in ran.stderr
    assert "~" not in ran.stderr
    return ran.returncode, ran.stdout.partition("\n")[0]


def test_the_tool_says_by_its_exit_how_it_went(folder: Path, proof: str) -> None:
    other = _other_words(proof)
    assert exits(folder, "--keys", "keys.json", "proof.txt") == (0, "holds")
    assert exits(folder, "--keys", "keys.json", "-", said=proof.split("~")[0]) == (
        0, "holds; its words are not shown",
    )  # fmt: skip
    assert exits(folder, "--keys", "keys.json", "-", said=other) == (
        1, "does not hold: it shows something else than was signed",
    )  # fmt: skip
    assert exits(folder, "--feed", "feed.jsonl", "proof.txt") == (0, "holds")
    assert exits(folder, "--feed", "other.jsonl", "proof.txt")[0] == 1
    assert exits(folder, "--feed", "taken-back.jsonl", "proof.txt") == (0, "holds")
    for words in (("--feed", "proof.txt"), ("--keys", "proof.txt"), ("--keys", "nowhere"),
                  ("--url", "http://lapor.example/api"), ("--url", "https://lapor.example:abc"),
                  ("--url", "https://la por.example"), ("--url", "")):  # fmt: skip
        assert exits(folder, *words, "proof.txt")[0] == 2, words


@pytest.mark.parametrize("where", ["> /dev/full", ">&-"])
def test_what_cannot_be_printed_says_nothing_about_a_receipt(folder: Path, where: str) -> None:
    command = f"{sys.executable} {TOOL} --keys keys.json proof.txt {where}"
    ran = subprocess.run(
        ["/bin/sh", "-c", command], cwd=folder, capture_output=True, text=True, check=False
    )

    assert ran.returncode == 2
    assert "Traceback" not in ran.stderr


AS_PEOPLE_HAVE_THEM: dict[str, tuple[int, Callable[[str], str]]] = {
    "the proof of a receipt alone": (0, lambda p: json.dumps({"proof": p})),
    "from an editor that marks its files": (0, lambda p: "\ufeff" + p),
    "in quotation marks": (0, lambda p: json.dumps(p)),
    "with lines broken by a mail": (0, lambda p: "\r\n".join(wrap(p, 76))),
    "not signed": (2, lambda p: json.dumps({"proof": None})),
    "an empty file": (2, lambda p: ""),
    "a page of the web": (2, lambda p: "<!doctype html><title>502</title>"),
    "something else": (2, lambda p: '{"number": "KTB-1"}'),
    "far too long": (2, lambda p: p + "~" * 1_000_000),
    "half a letter": (2, lambda p: '{"proof": "' + p.split("~")[0] + '~\\ud800~"}'),
    "in the quotation marks of a letter": (0, lambda p: f"\u201c{p}\u201d"),
    "with something that is not seen": (0, lambda p: "\u200b" + p),
    "quoted in a mail": (0, lambda p: "> " + "\n> ".join(wrap(p, 70))),
    "a receipt with broken lines": (0, lambda p: json.dumps({"proof": "\n".join(wrap(p, 76))})),
    "a receipt of old": (2, lambda p: json.dumps({"number": NUMBER, "code": "x"})),
    "a server's error": (2, lambda p: "<center>nginx/1.18.0</center>"),
    "sentences": (2, lambda p: "Not a proof. Not at all. No."),
}  # fmt: skip


@pytest.mark.parametrize("kind", AS_PEOPLE_HAVE_THEM)
def test_a_receipt_is_read_as_people_have_it(folder: Path, proof: str, kind: str) -> None:
    code, spelled = AS_PEOPLE_HAVE_THEM[kind]

    assert exits(folder, "--keys", "keys.json", "-", said=spelled(proof))[0] == code


def test_keys_of_other_kinds_are_passed_over(proof: str) -> None:
    mixed = dumped(
        {"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "x"}, half(key("P-384")), half(OURS)
    )

    assert list(verifier.read_keys(mixed.decode())) == [OURS["kid"]]
    for bad in ({**half(OURS), "x": "AA" + half(OURS)["x"]}, {"kty": "EC", "crv": "P-256"}):
        with pytest.raises(verifier.Unreadable):
            verifier.read_keys(dumped(bad).decode())


@pytest.mark.parametrize("somewhere", ["elsewhere", "nonsense"])
def test_keys_come_from_the_address_that_was_named_and_no_other(
    folder: Path, somewhere: str
) -> None:
    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if somewhere == "nonsense":
                self.wfile.write(b"\0\0 what?\r\n\r\n")
            elif self.path == "/elsewhere":
                self.send_response(200)
                self.end_headers()
                self.wfile.write(KEYS.encode())
            else:
                self.send_response(302)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        assert exits(folder, "--url", url, "proof.txt")[0] == 2
        server.shutdown()


@pytest.mark.parametrize(
    "wrong", [None, "other words", "another number", "nonsense", "cut", "conjured"]
)
def test_it_is_verified_with_the_commands_of_the_guide(
    folder: Path, proof: str, wrong: str | None
) -> None:
    assert "Verified OK" in guides.by_hand(TOOL, "By other means", folder).stdout
    if wrong:  # beside what the one before left there
        spelled = proof.split("~")[0] + "~" if wrong == "cut" else WRONGS[wrong][1](proof)
        (folder / "proof.txt").write_text(spelled)

    ran = guides.by_hand(TOOL, "By other means", folder)

    holds = wrong in (None, "cut")
    assert (ran.returncode == 0) is holds, ran.stdout + ran.stderr
    assert ("Verified OK" in ran.stdout) is holds
    assert ("Jalan rusak" in ran.stdout) is (wrong is None)
    assert ran.stdout.startswith("Verified OK") is holds


def test_the_tool_shares_no_code_with_us() -> None:
    assert guides.foreign(TOOL) == {"cryptography"}


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
