"""The limits and the ladder that the system begins with, until a decree says otherwise.

What a decree is called is one text, and Indonesian, as decrees are. Where the system itself speaks
in it, because there is no decree or not all of it is known, English has words for that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

IN_FORCE = date(2019, 1, 1)
LOCAL = "Aturan daerah"
PRACTICE = "Praktik SP4N-LAPOR!"
UNCONFIRMED = "angkanya belum dipastikan"
REGULATION = f"PermenPANRB 62/2018, diganti dengan 5/2025 ({UNCONFIRMED})"
UNRECORDED = "(nomor tidak tercatat)"
UNDECREED = "belum ditetapkan"
IN_ENGLISH: Mapping[str, str] = {
    LOCAL: "local rule",
    PRACTICE: "SP4N-LAPOR! practice",
    "Praktik SP4N-Ombudsman": "SP4N-Ombudsman practice",
    "Praktik Ombudsman untuk LHP": "the Ombudsman's practice for an LHP",
    "tolok ukur nasional": "national yardstick",
    "diganti dengan": "replaced by",
    UNCONFIRMED: "its numbers unconfirmed",
    "untuk aspirasi belum dipastikan": "for aspirations unconfirmed",
    UNRECORDED: "(number not recorded)",
    UNDECREED: "not decreed yet",
}
# clock, kind, class, days, unit, decree
LIMITS: tuple[tuple[str, str | None, str | None, int, str, str], ...] = (
    ("V", None, None, 3, "working", PRACTICE),
    ("F", None, None, 5, "working", f"{PRACTICE}, tolok ukur nasional"),
    ("S", "information_request", None, 5, "working", REGULATION),
    ("S", "complaint", "ordinary", 14, "working", REGULATION),
    ("S", "complaint", "supervisory", 60, "working", REGULATION),
    ("S", "aspiration", None, 14, "working", f"{REGULATION}; untuk aspirasi belum dipastikan"),
    ("R", None, None, 10, "working", PRACTICE),
    ("A", None, None, 1, "working", LOCAL),
    ("D", None, None, 30, "calendar", f"UU 25/2009 ({UNCONFIRMED})"),
    ("H", None, None, 60, "calendar", "Praktik SP4N-Ombudsman"),
    ("C", None, None, 30, "calendar", f"Praktik Ombudsman untuk LHP ({UNCONFIRMED})"),
    ("O", None, None, 60, "calendar", f"UU 37/2008 Pasal 38 ({UNCONFIRMED})"),
)
# clock, class, level, working days after the end, to whom; by local rule
LADDER: tuple[tuple[str, str | None, int, int, str], ...] = (
    ("V", None, 0, -1, "holder"),
    ("F", None, 0, -1, "holder"),
    ("S", None, 0, -1, "holder"),
    ("C", None, 0, -1, "holder"),
    ("O", None, 0, -1, "holder"),
    ("R", None, 0, -3, "holder"),  # the reporter, who does not look here every day
    ("D", None, 0, -3, "holder"),
    ("V", None, 1, 0, "head_of_coordinator"),
    ("F", None, 1, 0, "head_of_agency"),
    ("S", None, 1, 0, "head_of_agency"),
    ("C", None, 1, 0, "head_of_agency"),
    ("O", None, 1, 0, "head_of_agency"),
    ("V", None, 2, 3, "sekda"),
    ("F", None, 2, 3, "sekda"),
    ("S", None, 2, 3, "sekda"),
    ("C", None, 2, 3, "sekda"),
    ("O", None, 2, 3, "sekda"),
    ("F", "supervisory", 2, 3, "inspectorate"),
    ("S", "supervisory", 2, 3, "inspectorate"),
    ("V", None, 3, 5, "bupati"),
    ("F", None, 3, 5, "bupati"),
    ("S", None, 3, 5, "bupati"),
    ("C", None, 3, 5, "bupati"),
    ("O", None, 3, 5, "bupati"),
    ("A", None, 3, 0, "bupati"),  # the arbiter is the Sekda: nobody else stands above
)

_OWN = frozenset({LOCAL, UNDECREED, *(limit[-1] for limit in LIMITS)})
_IMPORTED = re.compile(rf"SKB 3 Menteri \d{{4}} {re.escape(UNRECORDED)}")


def in_english(decree: str) -> str:
    """What a decree is called; where the system itself says that, for readers of English."""
    if decree not in _OWN and not _IMPORTED.fullmatch(decree):
        return decree
    for said, english in IN_ENGLISH.items():
        decree = decree.replace(said, english)
    return decree
