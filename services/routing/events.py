"""What routing says of a case. One function a fact; each takes the case as it is afterwards. And
the one thing that it says of officers: which session is over.

Facts hold codes, counts and times. An officer's words travel in `reply_written` alone, which only
intake may hear.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Any
from uuid import UUID

from chassis.events import Fact, rfc3339
from services.routing.domain import OthersFollow, TooLate
from services.routing.evidence import Evidence
from services.routing.life import Action, Case, Role
from services.routing.rights import passed_by

Seats = Mapping[str, Role]  # which desk sits in which agency


def opened(case: Case, at: datetime, seats: Seats) -> Fact:
    """A report has become a case."""
    return _fact(
        "case.opened.v1",
        case,
        at,
        kind=case.kind,
        received_at=rfc3339(case.received_at),
        confidentiality=case.confidentiality,
        hidden_from_public=case.hidden_from_public,
        reachable=case.reachable,
        **_desks(case, seats),
    )


def verified(case: Case, at: datetime, seats: Seats) -> Fact:
    """The report is real, and this is its class."""
    told = _classification(case) | _desks(case, seats)
    return _fact("case.verified.v1", case, at, **told)


def disposed(case: Case, at: datetime) -> Fact:
    """An agency has it."""
    return _fact(
        "case.disposed.v1",
        case,
        at,
        **_classification(case),
        agency=case.agency,
        supporting=list(case.supporting),
        cycle=case.cycle,
    )


def reassigned(case: Case, at: datetime, instead_of: str | None) -> Fact:
    """An agency has it from now on, because `instead_of` gets no cases any more."""
    held = {"agency": case.agency, "supporting": list(case.supporting), "cycle": case.cycle}
    return _fact("case.reassigned.v1", case, at, **held, instead_of=instead_of)


def returned(case: Case, at: datetime, seats: Seats, *, agency: str, proposed: str | None) -> Fact:
    """`agency` gave it back; whoever decides then sits with the coordinator or above."""
    goes_to = "coordinator" if case.decider is Role.COORDINATOR else "arbiter"
    return _fact(
        "case.returned.v1",
        case,
        at,
        agency=agency,
        proposed_agency=proposed,
        returns=case.returns,
        goes_to=goes_to,
        **_desks(case, seats),
    )


def data_requested(case: Case, at: datetime, reply_id: UUID) -> Fact:
    """The reporter was asked."""
    return _fact(
        "case.data_requested.v1",
        case,
        at,
        awaited_from=case.awaited_from,
        reply_id=str(reply_id),
    )


def request_cancelled(case: Case, at: datetime, reply_id: UUID) -> Fact:
    """The reporter need not answer any more."""
    return _fact(
        "case.data_request_cancelled.v1", case, at, reply_id=str(reply_id), cycle=case.cycle
    )


def resumed(case: Case, at: datetime, how: str = "supplied") -> Fact:
    """The reporter supplied what was asked, or was `silent` while others' reports follow theirs."""
    return _fact("case.resumed.v1", case, at, how=how, cycle=case.cycle)


def followed_up(
    case: Case, at: datetime, reply_id: UUID, evidence: Iterable[Evidence], *, first: bool
) -> Fact:
    """The agency did something of substance."""
    return _fact(
        "case.followed_up.v1",
        case,
        at,
        agency=case.agency,
        first=first,
        reply_id=str(reply_id),
        evidence=[one.sha256 for one in evidence],
        cycle=case.cycle,
    )


def answered(case: Case, at: datetime, reply_id: UUID, evidence: Iterable[Evidence]) -> Fact:
    """The agency gave its final answer."""
    return _fact(
        "case.answered.v1",
        case,
        at,
        agency=case.agency,
        outcome=case.outcome,
        reply_id=str(reply_id),
        evidence=[one.sha256 for one in evidence],
        cycle=case.cycle,
    )


def disagreed(case: Case, at: datetime, action: Action, seats: Seats) -> Fact:
    """The reporter's no was taken: as an objection, or as a reopening."""
    if action is Action.REOPEN:
        return _fact("case.reopened.v1", case, at, cycle=case.cycle)
    told = {"objections": case.objections, "cycle": case.cycle} | _desks(case, seats)
    return _fact("case.objected.v1", case, at, **told)


def closed(case: Case, at: datetime) -> Fact:
    """It is over."""
    told = {"how": case.closed_how, "cycle": case.cycle} | _reopen_until(case)
    return _fact("case.closed.v1", case, at, **told)


def archived(case: Case, at: datetime, reply_id: UUID | None = None) -> Fact:
    """It will not be handled."""
    reply = str(reply_id) if reply_id else None
    told = {"reason": case.archive_reason, "reply_id": reply} | _reopen_until(case)
    return _fact("case.archived.v1", case, at, **told)


def forwarded(case: Case, at: datetime, reply_id: UUID) -> Fact:
    """It is another authority's."""
    told = {"reply_id": str(reply_id)} | _reopen_until(case)
    return _fact("case.forwarded.v1", case, at, **told)


def handed_up(case: Case, at: datetime, seats: Seats) -> Fact:
    """The agency that had it has it no more: it is the desk's, and who decides there is said. Not
    why: that is told to nobody."""
    told = {"returns": case.returns or None, "cycle": case.cycle} | _desks(case, seats)
    return _fact("case.handed_up.v1", case, at, **told)


def recalled(case: Case, at: datetime, reply_id: UUID, seats: Seats) -> Fact:
    """It is the desk's again: who decides there, and who must hear nothing."""
    told = {"reply_id": str(reply_id), "cycle": case.cycle} | _desks(case, seats)
    return _fact("case.recalled.v1", case, at, **told)


def word_relayed(case: Case, at: datetime, reply_id: UUID, said_on: date) -> Fact:
    """The authority outside said something on that day."""
    told = {"said_on": said_on.isoformat(), "reply_id": str(reply_id), "cycle": case.cycle}
    return _fact("case.word_relayed.v1", case, at, **told)


def reclassified(case: Case, at: datetime, seats: Seats) -> Fact:
    """Its kind, class or category was corrected; a complaint may be about a desk."""
    told = _classification(case) | _desks(case, seats)
    return _fact("case.reclassified.v1", case, at, **told)


def protected(case: Case, at: datetime, reply_id: UUID) -> Fact:
    """Its reporter's confidentiality was raised to this."""
    return _fact(
        "case.protected.v1",
        case,
        at,
        confidentiality=case.confidentiality,
        hidden_from_public=case.hidden_from_public,
        reply_id=str(reply_id),
    )


def merged(case: Case, at: datetime, seats: Seats) -> Fact:
    """It follows another one, and has its class, agency and round from now on."""
    handling = _classification(case) | {"agency": case.agency, "cycle": case.cycle}
    told = handling | _desks(case, seats)
    return _fact("case.merged.v1", case, at, into=case.merged_into, **told)


def desks_changed(case: Case, at: datetime, seats: Seats) -> Fact:
    """It complains about a desk, as is known since it was verified, or since a case follows it that
    does; or it is a case of which this was not said before, or that was lost with a restore."""
    return _fact("case.desks_changed.v1", case, at, **_desks(case, seats))


def withdrawn(case: Case, at: datetime) -> Fact:
    """The reporter took it back."""
    return _fact("case.withdrawn.v1", case, at)


def refused(case: Case, at: datetime, action: Action, why: Exception) -> Fact:
    """The reporter asked for something that cannot be done."""
    return _fact("case.refused.v1", case, at, action=action, reason_code=reason_code(why))


def reply_written(
    number: str, at: datetime, reply_id: UUID, about: str, text: str, evidence: Iterable[Evidence]
) -> Fact:
    """An officer's words to the reporter, apart from the facts."""
    said = {"reply_id": str(reply_id), "about": about, "text": text}
    data = said | {"evidence": [asdict(one) for one in evidence], "at": rfc3339(at)}
    return Fact("case.reply_written.v1", number, data, at)


def grant_ended(grant: UUID, at: datetime) -> Fact:
    """A session is over, and with it what it granted elsewhere."""
    return Fact("grant.ended.v1", "grants", {"grant": str(grant), "at": rfc3339(at)}, at)


def trail_extended(position: int, hash: bytes, rows: int, at: datetime) -> Fact:
    """What was done, and by whom, has a proof that others keep."""
    data = {"position": position, "hash": hash.hex(), "rows": rows, "at": rfc3339(at)}
    return Fact("trail.extended.v1", "trail", data, at)


def reason_code(why: Exception) -> str:
    """The word for a refusal."""
    if isinstance(why, OthersFollow):
        return "others_follow"
    return "too_late" if isinstance(why, TooLate) else "wrong_status"


def _fact(type: str, case: Case, at: datetime, **data: Any) -> Fact:
    return Fact(type, case.number, {**data, "status": case.status, "at": rfc3339(at)}, at)


def _classification(case: Case) -> dict[str, Any]:
    return {"kind": case.kind, "class": case.class_, "category": case.category}


def _reopen_until(case: Case) -> dict[str, Any]:
    """Until when its reporter may have it taken up again: said once, here."""
    return {"reopen_until": case.reopen_until and rfc3339(case.reopen_until)}


def _desks(case: Case, seats: Seats) -> dict[str, Any]:
    """Who decides while no agency has it, and who must hear nothing. Desks only: which agency a
    case complains about is told to nobody."""
    return {"decider": case.decider, "passes_by": list(passed_by(case, seats))}
