"""Looks for a reporter's identity in a sink, however it may be spelled there."""

import base64
from urllib.parse import quote

from tests.service.notify.desk import CONTACT

CANARIES = [value for name, value in CONTACT.items() if name != "language"]


def found_in(sink: bytes) -> set[str]:
    """The canaries that a sink holds."""
    return {canary for canary in CANARIES if any(each in sink for each in _spellings(canary))}


def _spellings(canary: str) -> set[bytes]:
    """Plain, upper and lower, without spaces, hex, base64 at any offset, quoted for a URL."""
    plain = {canary, canary.upper(), canary.lower(), canary.replace(" ", ""), quote(canary)}
    raw = canary.encode()
    encoded = {raw.hex()} | {base64.b64encode(b"x" * n + raw)[4:-4].decode() for n in range(3)}
    return {each.encode() for each in plain | encoded}
