"""A timeline as its reporter reads it: what brought something about stands above it, and of what
another reporter of the same handling did no more is told than the day (ADR 14).

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from services.intake.domain import COMES_BACK, OWN

# What may be another's, and the steps of which it presupposes one: that one came before it is
# implied, so it can be told. A report that follows one which its own reporter closed stands
# answered when that is reopened, and an objection of its own takes up the closed one. Who joins a
# case hears of the steps before with the merge, and of another's acts only after it.
PRESUPPOSES: Mapping[str, frozenset[str]] = {
    "case.resumed": frozenset({"case.data_requested", "case.merged"}),
    "case.objected": frozenset(
        {"case.answered", "case.closed", "case.archived", "case.forwarded", "case.merged"}
    ),
    "case.reopened": frozenset({"case.answered", "case.closed", "case.merged"}),
}
# What happens in one moment is noted as it is heard, and that is by more than one stream.
_FIRST = ("deadline.passed", "escalation.raised", "escalation.offered")
Happened = tuple[str, Mapping[str, Any], datetime]  # what, its detail, and when


def moments(happened: Iterable[Happened], received_at: datetime, zone: ZoneInfo) -> list[datetime]:
    """When each of these happened, in the order in which they were noted, as it is told. What none
    of the reporter's own acts brought about is another's: only the local day is told of it, as its
    first moment, or as that of what it presupposes if that is later: whoever files a duplicate
    would learn when somebody was at the keyboard."""
    lines = list(happened)
    own = {at for what, _, at in lines if what.startswith(OWN)}
    told: list[datetime] = []
    newest: dict[str, datetime] = {}
    for what, detail, at in lines:
        before = _presupposed(what, detail)
        if before and (what not in PRESUPPOSES or at not in own):
            day = datetime.combine(at.astimezone(zone).date(), time.min, zone).astimezone(UTC)
            at = max(day, received_at, *(newest[step] for step in before if step in newest))
        told.append(at)
        newest[what] = at
    return told


def _presupposed(what: str, detail: Mapping[str, Any]) -> frozenset[str]:
    """The steps after one of which it comes; of a message about what may be another's, that."""
    about = f"case.{detail.get('about')}"
    if what == "message.failed" and about in PRESUPPOSES:
        return frozenset({about})
    return PRESUPPOSES.get(what, frozenset())


def place(at: datetime, what: str) -> tuple[datetime, int]:
    """Sorts what was noted in one order. A limit passes before it is raised, and that before a
    hand-over is offered."""
    return at, _FIRST.index(what) if what in _FIRST else len(_FIRST)


def detail(
    what: str, known: Mapping[str, Any], at: datetime, merged_at: datetime | None
) -> Mapping[str, Any]:
    """What is told of a step to the reporter of a report that was merged into another one at
    `merged_at`. How often that one came back is not: together with where it went, it would say
    whether another reporter complains about a desk."""
    if what not in COMES_BACK or merged_at is None or at < merged_at:
        return known
    return {**known, "returns": None}
