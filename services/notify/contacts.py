"""A reporter's contact as a value that does not show itself, and the addresses we dare to write to.

Pure. The texts of the errors are constants.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from chassis.errors import Poison
from services.notify.wording import LANGUAGES

# Narrower than RFC 5321 on purpose: no quoted or source-routed local part, no `?` (an RFC 2047
# encoded word in an address makes header injection, CVE-2024-6923), no address literal, ASCII only.
_LOCAL = r"[A-Za-z0-9_~&'=+$#*-]+(?:\.[A-Za-z0-9_~&'=+$#*-]+)*"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?!-)(?=.{{1,64}}@){_LOCAL}@(?:{_LABEL}\.)+(?=.*[A-Za-z]){_LABEL}")
LONGEST = 254
# Bytes of what is stored: more than intake's limits allow to be, so that every record is alike.
SIZES = {"reach": 512, "identity": 2048}


@dataclass(frozen=True)
class Contact:
    """Who a reporter is. Absent values are None; its `repr` is empty, so no trace shows it."""

    name: str | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    address: str | None = field(default=None, repr=False)
    language: str = field(default="id", repr=False)


def is_mailable(email: str | None) -> bool:
    """Whether this is one plain address that can stand in a header and an envelope."""
    return email is not None and len(email) <= LONGEST and bool(_ADDRESS.fullmatch(email))


def mailbox(email: str) -> str:
    """The mailbox that an address names, for counting: without regard to case and to a `+tag`. What
    only some providers read as one (dots, other signs of a tag, aliases) counts as several."""
    local, _, domain = email.lower().rpartition("@")
    return f"{local.partition('+')[0] or local}@{domain}"


def read(payload: bytes) -> Contact:
    """The contact in an opened payload. Raises Poison when it is not one."""
    values = _values(payload)
    if values is None:
        raise Poison("the sealed contact is not a JSON object of strings")
    language = values.get("language")
    return Contact(
        name=values.get("name"),
        email=values.get("email"),
        phone=values.get("phone"),
        address=values.get("address"),
        language=language if language in LANGUAGES else "id",
    )


def fields(contact: Contact) -> dict[str, bytes]:
    """What is stored, parted by need: who sends a message opens `reach` and never `identity`.

    Followed by spaces up to a size that is the same for everybody. Raises Poison beyond it.
    """
    texts = {
        "reach": _text(email=contact.email, language=contact.language),
        "identity": _text(name=contact.name, phone=contact.phone, address=contact.address),
    }
    if any(len(text) > SIZES[name] for name, text in texts.items()):
        raise Poison("the contact is longer than any that intake accepts")
    return {name: text.ljust(SIZES[name]) for name, text in texts.items()}


def _text(**values: str | None) -> bytes:
    return json.dumps(values, ensure_ascii=False).encode()


def _values(payload: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    return found if all(isinstance(v, str | None) for v in found.values()) else None
