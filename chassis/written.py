"""What a person wrote down, however they parted it. Pure."""

from __future__ import annotations

import re

# What leaves no trace on a page: the Basic Multilingual Plane's Default_Ignorable_Code_Point, and
# blanks that are none by their category.
UNSEEN = (
    r"\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
)
# How people part what they write down, and what programs put there.
_BETWEEN = re.compile(rf"[\s{UNSEEN}\u2010-\u2015\u2212\ufe58\ufe63\uff0d-]+")
_NUMBERED = re.compile("([A-Z]{2,8})([0-9]{5})([0-9]{5})")


def joined(text: str) -> str:
    """What was written, in capitals and without any dash or blank."""
    return _BETWEEN.sub("", text).upper()


def numbered(text: str, prefix: str = "") -> str:
    """A prefix and ten digits as they are kept, `KTB-12345-67894`, however they were parted. With
    `prefix` if there was none; nothing of what is no such number."""
    written = joined(text)
    found = _NUMBERED.fullmatch(prefix * written[:1].isdigit() + written)
    return "-".join(found.groups()) if found else ""
