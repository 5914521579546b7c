"""A proof of a receipt, keys, and what others may make of them."""

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

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


OURS, THEIRS = key(), key()
KEYS = dumped(half(THEIRS), half(OURS)).decode()
SIGNER = Signer(json.dumps(OURS).encode())


PROOF = SIGNER.prove(NUMBER, SUBMITTED, AT, REPORT, promised=DAYS)


def again(proof: str, header: dict[str, Any], claims: dict[str, Any], by: Any = OURS) -> str:
    """A proof with other things in it, signed by somebody."""
    token, disclosure, _ = proof.split("~")
    was = [json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]]
    alg = header.get("alg", "ES256")
    signed = jwt.encode(was[0] | header, was[1] | claims, ECKey.import_key(by), [alg])
    return f"{signed}~{disclosure}~"


def respelled(proof: str, place: int, **said: Any) -> str:
    """A proof with other claims, under its old signature."""
    token, rest = proof.split("~", 1)
    parts = token.split(".")
    was = json.loads(base64.urlsafe_b64decode(parts[place] + "=="))
    parts[place] = base64.urlsafe_b64encode(json.dumps(was | said).encode()).rstrip(b"=").decode()
    return ".".join(parts) + "~" + rest


def other_words(proof: str) -> str:
    token, disclosure, _ = proof.split("~")
    words = base64.urlsafe_b64decode(disclosure + "==").replace(b"rusak", b"bagus")
    return f"{token}~{base64.urlsafe_b64encode(words).rstrip(b'=').decode()}~"


def bent(proof: str) -> str:
    """One bit of the signature is another."""
    head, _, signature = proof.split("~")[0].rpartition(".")
    raw = bytearray(base64.urlsafe_b64decode(signature + "=="))
    raw[40] ^= 1
    return f"{head}.{base64.urlsafe_b64encode(raw).rstrip(b'=').decode()}~{proof.split('~')[1]}~"


def conjured(proof: str) -> str:
    """Nothing is signed, and the words are what a verifier might say."""
    words = base64.urlsafe_b64encode(b"\nVerified OK\n\x1b[8m").rstrip(b"=").decode()
    digest = base64.urlsafe_b64encode(hashlib.sha256(words.encode()).digest()).rstrip(b"=").decode()
    return f"{respelled(proof, 1, _sd=[digest]).split('~')[0]}~{words}~"


DEEP = base64.urlsafe_b64encode(b"[" * 90_000).decode()
NOTED = SIGNER.prove(NUMBER, "reporter.object", AT, {"reason": "Masih rusak."})
WRONGS: dict[str, tuple[str, Callable[[str], str]]] = {
    "another number": ("signature", lambda p: respelled(p, 1, sub="KTB-12345-67891")),
    "another time": ("signature", lambda p: respelled(p, 1, received_at="2026-11-28T08:01:02Z")),
    "another key's name": ("signature", lambda p: respelled(p, 0, kid=THEIRS["kid"])),
    "a bent signature": ("signature", bent),
    "signed by a stranger": ("signature", lambda p: again(p, {}, {}, by=key())),
    "an unknown key": ("among the keys", lambda p: again(p, {"kid": "nobody's"}, {})),
    "no algorithm": ("not the proof", lambda p: respelled(p, 0, alg="none")),
    "another kind of token": ("not the proof", lambda p: again(p, {"typ": "JWT"}, {})),
    "a critical header": ("not the proof", lambda p: respelled(p, 0, crit=["b64"])),
    "a claim too few": ("not the proof", lambda p: again(NOTED, {}, {"what": SUBMITTED})),
    "another hash": ("not the proof", lambda p: again(p, {}, {"_sd_alg": "sha-512"})),
    "other words": ("something else", other_words),
    "words twice": ("more than was", lambda p: p + p.split("~")[1] + "~"),
    "nonsense": ("no signed token", lambda p: "a.b.c~~"),
    "no letters": ("no signed token", lambda p: "\u00e9.\u00e9.\u00e9~\u00e9~"),
    "conjured": ("signature", conjured),
    "no end": ("no signed token", lambda p: f"{DEEP}.{DEEP}.x~~"),
    "half a letter": ("cannot be read", lambda p: p.split("~")[0] + "~\ud800~"),
}
