#!/usr/bin/env python3
"""Verifies the proof of a receipt without any code of those who gave it.

    verify_receipt.py --keys KEYS FILE
    verify_receipt.py --url URL FILE

Needs Python 3.9 and the package `cryptography`. FILE is a receipt as it was answered, or its proof
alone, with or without what comes between the `~`; `-` reads standard input. KEYS is the JWK set of
/v1/receipts/keys, kept from then; with --url it is asked for now (URL is what stands before
/v1/receipts). README.md tells what is checked, and what a proof does not prove.

Exit 0: it holds, and what it proves is printed. 1: it does not, and why. 2: nothing could be said.
"""

import argparse
import base64
import hashlib
import json
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
CLAIMS = {"iss", "iat", "sub", "what", "received_at", "_sd", "_sd_alg"}
REPORT = "report.submitted"  # the receipt of a report promises dates
LONGEST = 1_000_000  # characters
UNREADABLE = (ValueError, TypeError, RecursionError)  # what reading somebody's text may end with


class Unreadable(Exception):
    """What was given cannot be read as what it should be."""


class Broken(Exception):
    """Which check does not hold."""


def unbase64(text):
    """Strictly: the one spelling that base64url without padding has."""
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != text:
        raise ValueError("not base64url")
    return data


def read_json(text):
    """Strictly: no name twice."""

    def once(pairs):
        made = dict(pairs)
        if len(made) < len(pairs):
            raise ValueError("a name stands twice")
        return made

    return json.loads(text, object_pairs_hook=once)


def read_keys(text):
    """The public keys of a JWK set by their names."""
    try:
        found = {}
        for jwk in read_json(text)["keys"]:
            if (jwk["kty"], jwk["crv"]) != ("EC", "P-256"):
                raise ValueError("not a P-256 key")
            x, y = (int.from_bytes(unbase64(jwk[name]), "big") for name in ("x", "y"))
            found[jwk["kid"]] = EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()
    except (KeyError, *UNREADABLE):
        raise Unreadable("the keys are not a JWK set of public P-256 keys") from None
    return found


def read_receipt(text):
    """The proof, and the receipt that it came with, if it did."""
    text = text.strip()
    if not text.startswith("{"):
        return text, None
    try:
        receipt = read_json(text)
        proof = receipt["proof"]
    except (KeyError, *UNREADABLE):
        raise Unreadable("the file is neither a receipt nor a proof") from None
    if not isinstance(proof, str):
        raise Unreadable("this receipt has no proof")
    return proof, receipt


def verify(proof, keys, receipt=None):
    """What the proof proves: of the report `number`, `what` was received, `received_at` when, and
    `said` (None if its words are not shown); of a report itself, which dates were `promised`.
    Raises Broken."""
    if len(proof) > LONGEST:
        raise Broken("it is longer than any receipt")
    token, *disclosures = proof.split("~")
    claims = _signed(token, keys)
    shown = [each for each in disclosures if each]
    if len(shown) > 1:
        raise Broken("it shows more than was sent at once")
    proved = {"number": claims["sub"]} | {n: claims[n] for n in ("what", "received_at")}
    if "promised" in claims:
        proved["promised"] = claims["promised"]
    if receipt is not None:
        _compare(receipt, proved)
    return {**proved, "said": _disclosed(shown[0], claims) if shown else None}


def _compare(receipt, proved):
    """Whether the receipt that it came with tells the same; some call the moment `noted_at`."""
    told = {"received_at": receipt.get("noted_at"), **receipt}
    for name in ("number", "received_at", "promised"):
        if _plain(name, told.get(name)) != _plain(name, proved.get(name)):
            raise Broken(f"the receipt tells another {name} than was signed")


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
    if set(claims) != CLAIMS | promises or claims["_sd_alg"] != "sha-256":
        raise Broken("it is not the proof of a receipt")
    return claims


def _disclosed(disclosure, claims):
    """What was sent, if it is that whose hash was signed."""
    hashed = base64.urlsafe_b64encode(hashlib.sha256(disclosure.encode()).digest())
    if claims["_sd"] != [hashed.rstrip(b"=").decode()]:
        raise Broken("it shows something else than was signed")
    try:
        _, name, said = read_json(unbase64(disclosure))
    except UNREADABLE:
        raise Broken("what it shows cannot be read") from None
    if name != "said":
        raise Broken("what it shows cannot be read")
    return said


def _plain(name, value):
    """A moment in whichever spelling, and everything else, as it is compared."""
    if name != "received_at":
        return value
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
    source.add_argument("--keys", help="the JWK set, kept from then")
    source.add_argument("--url", help="what stands before /v1/receipts")
    parser.add_argument("file", help="the receipt, or its proof")
    told = parser.parse_args()
    sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may not know all letters
    try:
        keys = read_keys(_fetched(told.url) if told.url else _text(told.keys))
        proof, receipt = read_receipt(_text(told.file))
        proved = verify(proof, keys, receipt)
    except Unreadable as why:
        print(f"nothing can be said: {why}", file=sys.stderr)
        return 2
    except Broken as why:
        print(f"does not hold: {why}")
        return 1
    print("holds" if proved["said"] is not None else "holds; its words are not shown")
    json.dump(proved, sys.stdout, indent=1, ensure_ascii=False)
    print()
    return 0


def _text(file):
    try:
        if file == "-":
            return sys.stdin.read()
        with open(file, encoding="utf-8") as source:
            return source.read()
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(f"{file}: {type(error).__name__}") from None


def _fetched(url):
    if not url.startswith("https://") and not url.startswith("http://127.0.0.1:"):
        raise Unreadable("keys that are not asked for over https could be anybody's")
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/v1/receipts/keys", timeout=30) as answer:
            return answer.read(LONGEST).decode()
    except (OSError, ValueError) as error:
        raise Unreadable(f"{url}: {type(error).__name__}") from None


if __name__ == "__main__":
    sys.exit(main())
