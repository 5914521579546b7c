#!/usr/bin/env python3
"""Verifies the proof of a receipt without any code of those who gave it.

    verify_receipt.py --keys KEYS FILE
    verify_receipt.py --feed ENTRIES FILE
    verify_receipt.py --url URL FILE

Needs Python 3.9 and the package `cryptography`. FILE is a receipt as it was answered, or its proof
alone, with its words or without; `-` reads standard input. KEYS is the JWK set of
/v1/receipts/keys, kept from then by somebody whom you trust; ENTRIES are those of the Ombudsman's
feed, one on each line, which show each key; with --url it is asked for now (URL is what stands
before /v1/receipts). README.md tells what is checked, and what a proof does not prove.

Exit 0: it holds, and what it proves is printed. 1: it does not, and why. 2: nothing could be said.
"""

import argparse
import base64
import contextlib
import hashlib
import http.client
import json
import re
import sys
import urllib.request
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

TYPE = "receipt+sd-jwt"
SHOWN = "feed.receipt_key.shown.v1"
REPORT = "report.submitted"  # the receipt of a report promises dates
CLAIMS = {"sub", "what", "received_at", "_sd", "_sd_alg"}
LONGEST = 1_000_000  # characters
PROOF = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+(~[\w-]*)*", re.ASCII)
AROUND = " \t\r\n>\"'`\u2018\u2019\u201c\u201d\u00ab\u00bb\u200b\ufeff"
UNREADABLE = (ValueError, TypeError, RecursionError)  # what reading somebody's text may end with


class Unreadable(Exception):
    """What was given cannot be read as what it should be."""


class Broken(Exception):
    """Which check does not hold."""


def unbase64(text):
    """Strictly: the one spelling that base64url without padding has."""
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _base64(data) != text:
        raise ValueError("not base64url")
    return data


def _base64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def read_json(text):
    """Strictly: no name twice."""

    def once(pairs):
        made = dict(pairs)
        if len(made) < len(pairs):
            raise ValueError("a name stands twice")
        return made

    return json.loads(text, object_pairs_hook=once)


def read_keys(text):
    """The public keys of a JWK set by their thumbprints; keys of other kinds are passed over."""
    try:
        return _by_thumbprint(map(_key, read_json(text)["keys"]))
    except (KeyError, *UNREADABLE):
        raise Unreadable("the keys are not a JWK set of public P-256 keys") from None


def read_feed(text):
    """The public keys that the entries of a feed show, by their thumbprints. An entry that shows
    none takes nothing back of those before."""
    found = []
    try:
        entries = [read_json(line) for line in text.split("\n") if line.strip()]
        shown = [entry["data"] for entry in entries if entry["type"] == SHOWN]
    except (KeyError, *UNREADABLE):
        raise Unreadable("these are not entries of a feed, one on each line") from None
    for jwk in shown:
        with contextlib.suppress(KeyError, *UNREADABLE):
            found.append(_key(jwk))
    return _by_thumbprint(found)


def _key(jwk):
    """None for a key of another kind."""
    if (jwk["kty"], jwk.get("crv")) != ("EC", "P-256"):
        return None
    x, y = unbase64(jwk["x"]), unbase64(jwk["y"])
    if (len(x), len(y)) != (32, 32):
        raise ValueError("not a P-256 key")
    numbers = (int.from_bytes(part, "big") for part in (x, y))
    return EllipticCurvePublicNumbers(*numbers, SECP256R1()).public_key()


def _by_thumbprint(keys):
    """What others call a key does not matter: no key takes another's place."""
    return {thumbprint(key): key for key in keys if key is not None}


def thumbprint(key):
    """The name that a key has by itself (RFC 7638)."""
    numbers = key.public_numbers()
    x, y = (_base64(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
    jwk = f'{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}'
    return _base64(hashlib.sha256(jwk.encode()).digest())


def read_receipt(text):
    """The proof, and the receipt that it came with, if it did; as editors and mails leave them."""
    text = text.strip(AROUND)
    receipt = None
    if text.startswith("{"):
        try:
            receipt = read_json(text)
        except UNREADABLE:
            raise Unreadable("the file is neither a receipt nor a proof") from None
        text = receipt.get("proof")
        if not isinstance(text, str):
            raise Unreadable("this has no proof: receipts of old have none")
    lines = (line.lstrip("> ") for line in text.split("\n"))
    proof = "".join("".join(lines).split()).strip(AROUND)
    if len(proof) > LONGEST or not PROOF.fullmatch(proof):
        raise Unreadable("the file is neither a receipt nor a proof")
    return proof, receipt


def verify(proof, keys, receipt=None):
    """What the proof proves: of the report `number`, `what` was received, `received_at` when, and
    `said` (None if its words are not shown); of a report itself, which dates were `promised`; and
    by which `key` it is signed. Raises Broken."""
    token, *disclosures = proof.split("~")
    claims, key = _signed(token, keys)
    shown = [each for each in disclosures if each]
    if len(shown) > 1:
        raise Broken("it shows more than was sent at once")
    proved = {"number": claims["sub"]} | {n: claims[n] for n in ("what", "received_at")}
    if claims["what"] == REPORT:
        proved["promised"] = claims["promised"]
    for name in ("number", "received_at", "noted_at", "promised"):
        signed = "received_at" if name == "noted_at" else name
        told = receipt and name in receipt
        if told and _plain(receipt[name]) != _plain(proved.get(signed)):
            raise Broken(f"the receipt tells another {name} than was signed")
    said = _disclosed(shown[0], claims) if shown else None
    return {**proved, "said": said, "key": thumbprint(key)}


def _signed(token, keys):
    try:
        header_text, claims_text, signature_text = token.split(".")
        header, claims = read_json(unbase64(header_text)), read_json(unbase64(claims_text))
        signature = unbase64(signature_text)
    except UNREADABLE:
        raise Broken("it is no signed token") from None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise Broken("it is no signed token")
    if (header.get("typ"), header.get("alg")) != (TYPE, "ES256") or "crit" in header:
        raise Broken("it is not the proof of a receipt")
    key = keys.get(header.get("kid")) if isinstance(header.get("kid"), str) else None
    if key is None:
        raise Broken("it is signed by a key that is not among the keys")
    if len(signature) != 64:
        raise Broken("its signature does not hold")
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        message = f"{header_text}.{claims_text}".encode()
        key.verify(encode_dss_signature(r, s), message, ECDSA(SHA256()))
    except InvalidSignature:
        raise Broken("its signature does not hold") from None
    promises = {"promised"} if claims.get("what") == REPORT else set()
    if not claims.keys() >= CLAIMS | promises or claims["_sd_alg"] != "sha-256":
        raise Broken("it is not the proof of a receipt")
    return claims, key


def _disclosed(disclosure, claims):
    """What was sent, if it is that whose hash was signed."""
    try:
        hashed = _base64(hashlib.sha256(disclosure.encode()).digest())
        _, name, said = read_json(unbase64(disclosure))
    except UNREADABLE:
        raise Broken("what it shows cannot be read") from None
    if claims["_sd"] != [hashed] or name != "said":
        raise Broken("it shows something else than was signed")
    return said


def _plain(value):
    """A moment in whichever spelling, and everything else, as it is compared."""
    try:
        return datetime.fromisoformat(value.replace("Z", "+00:00"))
    except (ValueError, AttributeError):
        return value


def main():
    """Reads the command line, verifies, and says what holds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--keys", help="the JWK set, kept from then by somebody whom you trust")
    source.add_argument("--feed", help="entries of the Ombudsman's feed, which show the keys")
    source.add_argument("--url", help="what stands before /v1/receipts")
    parser.add_argument("file", help="the receipt, or its proof")
    told = parser.parse_args()
    try:
        proof, receipt = read_receipt(_text(told.file))
        proved = verify(proof, _known(told), receipt)
        holds = "holds" if proved["said"] is not None else "holds; its words are not shown"
        said = _printable(json.dumps(proved, indent=1, ensure_ascii=False))
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may not know all letters
        print(holds, said, sep="\n", flush=True)
    except Broken as why:
        print(f"does not hold: {why}")
        return 1
    except Unreadable as why:
        print(f"nothing can be said: {why}", file=sys.stderr)
        return 2
    except Exception as error:  # whatever it is, it says nothing about the receipt
        _mute()
        print(f"nothing can be said: {type(error).__name__}", file=sys.stderr)
        return 2
    return 0


def _mute():
    """What could not be printed is not tried again at the end."""
    with contextlib.suppress(Exception):
        sys.stdout.close()


def _known(told):
    if told.feed is not None:
        return read_feed(_text(told.feed))
    return read_keys(_text(told.keys) if told.keys is not None else _fetched(told.url))


def _text(file):
    try:
        if file == "-":
            return sys.stdin.buffer.read().decode("utf-8-sig")
        with open(file, encoding="utf-8-sig") as source:
            return source.read()
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(f"{file}: {type(error).__name__}") from None


class _Straight(urllib.request.HTTPRedirectHandler):
    """Goes nowhere else: keys from another address could be anybody's."""

    def redirect_request(self, *_):
        return None


def _fetched(url):
    if not url.startswith("https://") and not url.startswith("http://127.0.0.1:"):
        raise Unreadable("keys that are not asked for over https could be anybody's")
    opener = urllib.request.build_opener(_Straight)
    try:
        with opener.open(f"{url.rstrip('/')}/v1/receipts/keys", timeout=30) as answer:
            return answer.read(LONGEST).decode()
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise Unreadable(f"{url}: {type(error).__name__}") from None


def _printable(text):
    """What could move a terminal's cursor or turn its text around is spelled out."""
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


if __name__ == "__main__":
    sys.exit(main())
