"""Standard Webhooks with asymmetric signatures (`v1a`): who sent a body, and when.

Pure. Three headers go with a body:

    webhook-id         names the message; the same again means the same message
    webhook-timestamp  seconds since 1970, of this attempt to send it
    webhook-signature  `v1a,<base64>`, several of them apart by a space while keys change

Each signature is Ed25519 over the bytes `id.timestamp.body`, so a body that was read and written
again is another body. The PyPI package `standardwebhooks` (1.1) signs with shared secrets only.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from chassis.errors import Unauthorized

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
TOLERANCE = timedelta(seconds=300)
VERSION = "v1a"
MOST_SIGNATURES = 10
# No full stop: it ends the id in what is signed.
_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")
_SECONDS = re.compile(r"[0-9]{1,11}")


@dataclass(frozen=True, slots=True)
class Message:
    """What is known of a message that holds: its id, and when this attempt was signed."""

    id: str
    at: datetime


def sign(
    id: str, at: datetime, body: bytes, signers: Iterable[Callable[[bytes], bytes]]
) -> dict[str, str]:
    """The three headers. Each signer makes an Ed25519 signature over the bytes that it is given.
    Raises ValueError for an id that no reader would take."""
    if not _ID.fullmatch(id):
        raise ValueError("an id is 16 to 64 letters, digits, - and _")
    seconds = str(int(at.timestamp()))
    content = _signed(id, seconds, body)
    signatures = [f"{VERSION},{base64.b64encode(sign(content)).decode()}" for sign in signers]
    return {ID: id, TIMESTAMP: seconds, SIGNATURE: " ".join(signatures)}


def verify(
    headers: Mapping[str, str], body: bytes, keys: Iterable[Ed25519PublicKey], now: datetime
) -> Message:
    """The message, if one of the keys signed it within `TOLERANCE` of now. Raises Unauthorized
    naming the header and the rule: `required`, `format`, `too_old`, `too_new` or `signature`."""
    given = {name.lower(): value for name, value in headers.items()}
    for name in (ID, TIMESTAMP, SIGNATURE):
        if not given.get(name):
            raise _refusal(name, "required", "the message is not signed")
    id, seconds = given[ID], given[TIMESTAMP]
    if not _ID.fullmatch(id):
        raise _refusal(ID, "format", "16 to 64 letters, digits, - and _")
    at = _moment(seconds)
    if at < now - TOLERANCE:
        raise _refusal(TIMESTAMP, "too_old", "signed too long ago; sign again and send again")
    if at > now + TOLERANCE:
        raise _refusal(TIMESTAMP, "too_new", "signed in the future; compare the clocks")
    content, signatures = _signed(id, seconds, body), _signatures(given[SIGNATURE])
    if not any(_holds(key, signature, content) for key in keys for signature in signatures):
        raise _refusal(
            SIGNATURE, "signature", "no known key signed this body with this id and time"
        )
    return Message(id, at)


def _signed(id: str, seconds: str, body: bytes) -> bytes:
    return f"{id}.{seconds}.".encode("ascii") + body


def _moment(seconds: str) -> datetime:
    if not _SECONDS.fullmatch(seconds):
        raise _refusal(TIMESTAMP, "format", "whole seconds since 1970")
    return datetime.fromtimestamp(int(seconds), UTC)


def _signatures(header: str) -> list[bytes]:
    """Those of our version; others are somebody else's."""
    found = []
    for each in header.split(" ")[:MOST_SIGNATURES]:
        version, _, text = each.partition(",")
        if version != VERSION:
            continue
        try:
            found.append(base64.b64decode(text, validate=True))
        except ValueError:
            raise _refusal(SIGNATURE, "format", f"{VERSION}, a comma, and base64") from None
    return found


def _holds(key: Ed25519PublicKey, signature: bytes, content: bytes) -> bool:
    try:
        key.verify(signature, content)
    except InvalidSignature:
        return False
    return True


def _refusal(field: str, rule: str, message: str) -> Unauthorized:
    return Unauthorized(message, errors=[{"field": field, "rule": rule, "message": message}])
