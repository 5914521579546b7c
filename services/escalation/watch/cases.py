"""The projection of a case: as much as its clocks need, as routing last said it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from chassis.together import keep
from services.escalation.domain import Desk
from services.escalation.models import CaseState
from services.escalation.watch.clockwork import ASIDE, OVER, Happening

UNVERIFIED, AWAITS_REPORTER = "unverified", "awaiting_reporter"
# What an event may say of it; what one does not say stays as it is known.
SAID = ("status", "cycle", "kind", "klass", "category", "agency", "decider", "passes_by")


def open(
    tx: Session, number: str, data: Mapping[str, Any], settle_by: date | None = None
) -> CaseState:
    """A case that begins; `settle_by`: the last day for S on its receipt, if that has one."""
    case = CaseState(
        number=number,
        status=data["status"],
        kind=data["kind"],
        cycle=1,
        follows=False,
        received_at=data["received_at"],
        settle_by=settle_by,
        decider=data["decider"],
        passes_by=data["passes_by"],
    )
    keep(tx, number, case)
    return case


def follow(case: CaseState, what: Happening, data: Mapping[str, Any]) -> bool:
    """Brings the projection up to date; whether kind or class changed, on which limits depend."""
    before, was = (case.kind, case.klass), case.status
    # Never less than before: routing may say it after a restore, without what it has lost.
    kept_from = {*case.passes_by, *data.get("passes_by", ())}
    for name in SAID:
        if name in data:
            setattr(case, name, data[name])
    case.passes_by = [desk.value for desk in Desk if desk in kept_from]
    if case.status != was:
        case.reopen_until = data.get("reopen_until") if case.status in ASIDE else None
    if was == AWAITS_REPORTER and (case.status != was or what is Happening.MERGED):
        case.unheard_cycle = None  # it was about a question that nobody waits for any more
    if case.status == UNVERIFIED:
        case.agency = None  # with the desk, whatever had led back there
    if what in (Happening.MERGED, Happening.MERGED_INTO_ENDED):
        case.follows, case.merged_into = True, data.get("into")
        case.settle_by = None  # its receipt did not promise the other case's S
    if what is Happening.REOPENED:
        # who was closed stands alone: each ends their own; who was not is reopened with the other
        case.follows = case.follows and was not in OVER
    ended = was in OVER and was not in ASIDE  # what was set aside goes on
    if ended and what in (Happening.REOPENED, Happening.MERGED):
        case.offered_at = None  # its H begins anew
    return (case.kind, case.klass) != before
