"""The limits and the ladder that the system begins with, until a decree says otherwise."""

from __future__ import annotations

from datetime import date

IN_FORCE = date(2019, 1, 1)
LOCAL = "local rule"
PRACTICE = "SP4N-LAPOR! practice"
REGULATION = "PermenPANRB 62/2018, replaced by 5/2025 (its numbers unconfirmed)"
# clock, kind, class, days, unit, decree
LIMITS: tuple[tuple[str, str | None, str | None, int, str, str], ...] = (
    ("V", None, None, 3, "working", PRACTICE),
    ("F", None, None, 5, "working", f"{PRACTICE}, national yardstick"),
    ("S", "information_request", None, 5, "working", REGULATION),
    ("S", "complaint", "ordinary", 14, "working", REGULATION),
    ("S", "complaint", "supervisory", 60, "working", REGULATION),
    ("S", "aspiration", None, 14, "working", f"{REGULATION}; for aspirations unconfirmed"),
    ("R", None, None, 10, "working", PRACTICE),
    ("A", None, None, 1, "working", LOCAL),
    ("D", None, None, 30, "calendar", "UU 25/2009 (number unconfirmed)"),
    ("H", None, None, 60, "calendar", "SP4N-Ombudsman practice"),
    ("C", None, None, 30, "calendar", "Ombudsman's practice for an LHP (number unconfirmed)"),
    ("O", None, None, 60, "calendar", "UU 37/2008 art. 38 (number unconfirmed)"),
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
