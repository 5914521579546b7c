"""Which agencies there are, and which desk sits where: by the regency's list, from which routing
has its own; neither changes by a request.

What is decreed for a code that no agency has holds for nobody, and nobody would notice.
"""

from __future__ import annotations

import csv
from collections.abc import Container, Mapping
from functools import cache
from pathlib import Path

from chassis.errors import Invalid
from chassis.schemas import Whole
from services.escalation.domain import Desk

LIST = "agencies.csv"
CODE = Whole(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", error="Not a valid code.")


def read(folder: Path) -> frozenset[str]:
    """The codes of all agencies, as they are spelled."""
    with (folder / LIST).open(encoding="utf-8", newline="") as lines:
        return frozenset(row["code"] for row in csv.DictReader(lines))


@cache
def seats(folder: Path) -> Mapping[str, Desk]:
    """Which desk sits in which agency, by its code; as the list was when first asked."""
    with (folder / LIST).open(encoding="utf-8", newline="") as lines:
        roles = {row["code"]: row["role"] for row in csv.DictReader(lines)}
    return {code: Desk(role) for code, role in roles.items() if role in set(Desk)}


def check(code: str, known: Container[str]) -> None:
    """Raises Invalid for a code that no agency has, by however little it differs."""
    if code not in known:
        raise Invalid("there is no such agency", "agency", "known")
