"""What the Ombudsman is given of a case: facts in codes, why each limit passed, and which sealed
parts belong to it.

Pure. A dossier is a JSON object whose SHA-256, over its RFC 8785 form, stands in the feed: so it is
proven without standing there, and its sealed parts, which it names by their SHA-256, can be erased
without the proof of the rest. A part holds what this system cannot read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import rfc8785

from services.escalation.watch.workdays import Day

VERSION = 4

# What is kept of each event of a case: codes and numbers. Not whose case another was merged into.
KEPT: dict[str, tuple[str, ...]] = {
    "case.opened": ("kind", "confidentiality", "hidden_from_public"),
    "case.verified": ("kind", "class", "category"),
    "case.disposed": ("agency", "supporting", "kind", "class", "category", "cycle"),
    "case.reassigned": ("agency", "supporting", "instead_of", "cycle"),
    "case.handed_up": ("returns", "cycle"),
    "case.returned": ("agency", "proposed_agency", "returns", "goes_to"),
    "case.data_requested": ("awaited_from", "reply_id"),
    "case.data_request_cancelled": ("reply_id", "cycle"),
    "case.resumed": ("cycle",),
    "case.followed_up": ("agency", "first", "reply_id", "evidence", "cycle"),
    "case.answered": ("agency", "outcome", "reply_id", "evidence", "cycle"),
    "case.objected": ("objections", "cycle"),
    "case.closed": ("how", "cycle"),
    "case.reopened": ("cycle",),
    "case.archived": ("reason", "reply_id"),
    "case.forwarded": ("reply_id",),
    "case.recalled": ("reply_id", "cycle"),
    "case.word_relayed": ("said_on", "reply_id", "cycle"),
    "case.reclassified": ("kind", "class", "category"),
    "case.protected": ("confidentiality", "hidden_from_public", "reply_id"),
    "case.merged": (),
    "case.withdrawn": (),
    "case.refused": ("action", "reason_code"),
    "case.desks_changed": (),
    "escalation.raised": ("clock", "cycle", "level", "to", "because", "agency", "due_at"),
    "deadline.kept": ("clock", "cycle", "due_at"),
}
FIRST, RAISED, ERASED = "case.opened", "escalation.raised", "part.erased"
# And of what no event tells.
OURS: dict[str, tuple[str, ...]] = {ERASED: ("part", "sha256", "why")}
EVIDENCE = "evidence"
PROTECTION = ("confidentiality", "hidden_from_public")  # told at the opening and when it is raised


def kept(what: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Of an event's data, what the history keeps."""
    names = (*KEPT[what], "status") if what.startswith("case.") else (KEPT | OURS)[what]
    return {name: data.get(name) for name in names}


@dataclass(frozen=True, slots=True)
class Happened:
    """One line of the history; `at` as the dossier spells it."""

    at: str
    what: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Handling:
    """How the case was handled that this one follows, without what is another reporter's. Not
    `complete`: it is not known whole, or not at all."""

    history: Sequence[Happened]
    clocks: Sequence[Mapping[str, Any]]
    complete: bool


@dataclass(frozen=True, slots=True)
class Part:
    """A sealed part, by what proves it."""

    part: str
    written_at: str
    key_id: str
    sha256: str


def content(
    number: str,
    assembled_at: str,
    case: Mapping[str, Any],
    consent: Mapping[str, Any],
    history: Sequence[Happened],
    clocks: Sequence[Mapping[str, Any]],
    parts: Sequence[Part],
    handling: Handling | None = None,
) -> dict[str, Any]:
    """The dossier. `history_complete`: it begins with the case's opening. `evidence`: the files
    that agencies named with a reply and keep themselves, by the SHA-256 of what is in them. How far
    the reporter is protected now stands with the case; null where nothing that was heard told it.
    `handling`: of the case that this one follows; null if it follows none."""
    return {
        "version": VERSION,
        "number": number,
        "assembled_at": assembled_at,
        "case": {**case, **_protection(history)},
        "consent": {**consent, "with_identity": any(p.part == "identity" for p in parts)},
        "history": _lines(history),
        "history_complete": any(h.what == FIRST for h in history[:1]),
        "clocks": [dict(clock) for clock in clocks],
        "escalations": _escalations(history),
        "handling": handling
        and {
            "complete": handling.complete,
            "history": _lines(handling.history),
            "clocks": [dict(clock) for clock in handling.clocks],
            "escalations": _escalations(handling.history),
            "evidence": _evidence(handling.history),
        },
        "parts": [
            {
                "part": p.part,
                "written_at": p.written_at,
                "key_id": p.key_id,
                "sha256": p.sha256,
            }
            for p in parts
        ],
        "evidence": _evidence(history),
    }


def _protection(history: Sequence[Happened]) -> dict[str, Any]:
    """As far as it was ever told: it is raised after the opening, and never lowered. Routing may
    tell less again, after a restore."""
    told = [h.detail for h in history if PROTECTION[0] in h.detail]
    if not told:
        return dict.fromkeys(PROTECTION)
    confidentiality, hidden = PROTECTION
    raised = [detail for detail in told if detail[confidentiality] != "open"] or told
    return {
        confidentiality: raised[-1][confidentiality],
        hidden: any(detail[hidden] for detail in told),
    }


def _lines(history: Sequence[Happened]) -> list[dict[str, Any]]:
    return [
        {"at": h.at, "what": h.what, "detail": _without_evidence(h.detail)}
        for h in history
        if h.what != RAISED
    ]


def _escalations(history: Sequence[Happened]) -> list[dict[str, Any]]:
    return [{"at": h.at, **h.detail} for h in history if h.what == RAISED]


def _evidence(history: Sequence[Happened]) -> list[dict[str, Any]]:
    return [
        {"at": h.at, "agency": h.detail["agency"], "reply_id": h.detail["reply_id"]}
        | {"sha256": sha256}
        for h in history
        for sha256 in h.detail.get(EVIDENCE) or ()
    ]


def _without_evidence(detail: Mapping[str, Any]) -> dict[str, Any]:
    """It stands in a list of its own."""
    return {name: value for name, value in detail.items() if name != EVIDENCE}


def explained(days: Sequence[Day] | None) -> list[dict[str, str]] | None:
    """Each day on the way to a limit's end: counted, skipped or paused, and why; None where that
    can no longer be told."""
    if days is None:
        return None
    return [
        {"on": day.on.isoformat(), "verdict": str(day.verdict)}
        | ({"reason": day.reason} if day.reason else {})
        | ({"basis": day.basis} if day.basis else {})
        for day in days
    ]


def sha256(dossier: Mapping[str, Any]) -> str:
    """What the feed says of a dossier, in hexadecimal."""
    return hashlib.sha256(rfc8785.dumps(dict(dossier))).hexdigest()


def href(number: str) -> str:
    """Where the Ombudsman reads it, below the API's address."""
    return f"/v1/ombudsman/dossiers/{number}"
