"""Cases in every status, and every verb called with what it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from chassis.errors import Invalid
from services.routing import accepting, accusing, domain, outside, protecting, reassigning
from services.routing.life import (
    CLOCK,
    REPORTER,
    Action,
    Actor,
    ArchiveReason,
    Case,
    Class,
    Closing,
    Confidentiality,
    Kind,
    Outcome,
    Part,
    Role,
    Rules,
    Status,
)

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
TEXT = "The hole in the road was filled on Monday by our own crew."
SEATS = {
    "diskominfo": Role.COORDINATOR,
    "setda": Role.ARBITER,
    "inspektorat": Role.SUPERVISOR,
}
RULES = Rules(seats=SEATS, phrases=("terima kasih", "kami teruskan", "akan kami teruskan"))

COORDINATOR = Actor(Role.COORDINATOR, "diskominfo")
ARBITER = Actor(Role.ARBITER, "setda")
SUPERVISOR = Actor(Role.SUPERVISOR, "inspektorat")
LIAISON = Actor(Role.LIAISON, "dpupr")
STRANGER = Actor(Role.LIAISON, "dishub")
ADMINISTRATOR = Actor(Role.ADMINISTRATOR, "diskominfo")
ACTORS = (
    COORDINATOR,
    ARBITER,
    SUPERVISOR,
    LIAISON,
    STRANGER,
    ADMINISTRATOR,
    REPORTER,
    CLOCK,
)


def case(status: Status = Status.UNVERIFIED, **given: object) -> Case:
    """A verified complaint in that status, with the agency `dpupr` where an agency has it."""
    has_agency = status not in (Status.UNVERIFIED, Status.FORWARDED)
    made = Case(
        number="KTB-12345-67890",
        kind=Kind.COMPLAINT,
        confidentiality=Confidentiality.OPEN,
        hidden_from_public=False,
        reachable=True,
        received_at=NOW - timedelta(days=3),
        status=status,
        class_=Class.ORDINARY,
        category="jalan-jembatan",
        agency="dpupr" if has_agency else None,
        verified_at=NOW - timedelta(days=2),
        awaited_from=Status.IN_PROGRESS if status is Status.AWAITING_REPORTER else None,
        ended_at=NOW if status in (Status.CLOSED, Status.ARCHIVED, Status.FORWARDED) else None,
        closed_how=Closing.ACCEPTED if status is Status.CLOSED else None,
    )
    return replace(made, **given)  # type: ignore[arg-type]


PARENT = replace(case(), number="KTB-11111-11111")


def perform(before: Case, action: Action, actor: Actor, at: datetime = NOW) -> Case:
    """The case after the verb of that name, called with good input."""
    verbs: dict[Action, Callable[[], Case]] = {
        Action.VERIFY: lambda: domain.verify(
            before,
            actor,
            at,
            RULES,
            class_=Class.ORDINARY,
            category=None if before.verified_at else "sampah",
        ),
        Action.DISPOSE: lambda: domain.dispose(before, actor, at, agency="dpupr"),
        Action.REASSIGN: lambda: reassigning.reassign(
            before, actor, agency="dishub", is_active=False
        ),
        Action.ARCHIVE: lambda: domain.archive(
            before, actor, at, RULES, reason=ArchiveReason.TOO_GENERAL
        ),
        Action.FORWARD: lambda: outside.forward(before, actor, at, RULES),
        Action.RECALL: lambda: outside.recall(before, actor),
        Action.RELAY: lambda: outside.relay(before, actor, said_on=at.date(), today=at.date()),
        Action.REQUEST_DATA: lambda: domain.request_data(before, actor, at),
        Action.CANCEL_REQUEST: lambda: domain.cancel_request(before, actor),
        Action.RETURN: lambda: domain.return_case(before, actor, RULES, proposed="dishub"),
        Action.FOLLOW_UP: lambda: domain.follow_up(before, actor, RULES, text=TEXT),
        Action.ANSWER: lambda: domain.answer(
            before, actor, RULES, outcome=Outcome.EXPLAINED, text=TEXT
        ),
        Action.RECLASSIFY: lambda: domain.reclassify(
            before,
            actor,
            None,
            RULES,
            category="lainnya" if before.category == "sampah" else "sampah",
        ),
        Action.PROTECT: lambda: protecting.protect(
            before, actor, confidentiality=Confidentiality.CONFIDENTIAL
        ),
        Action.NAME_ACCUSED: lambda: accusing.name_accused(before, actor, RULES, units=["dishub"]),
        Action.MERGE: lambda: domain.merge(before, actor, PARENT, RULES)[0],
    }
    theirs: dict[Action, Callable[[], Case]] = {
        Action.SUPPLEMENT: lambda: domain.supplement(before, at, answers=True),
        Action.OBJECT: lambda: domain.disagree(before, at, RULES)[1],
        Action.REOPEN: lambda: domain.disagree(before, at, RULES)[1],
        Action.ACCEPT: lambda: accepting.accept(before, at, RULES),
        Action.RATE: lambda: accepting.rate(before, 4),
        Action.WITHDRAW: lambda: domain.withdraw(before, at, followers=0),
        Action.AUTO_CLOSE: lambda: domain.auto_close(before, at, RULES, cycle=before.cycle),
        Action.GIVE_UP: lambda: domain.give_up(before, at, RULES, due_at=at),
    }
    return (verbs | theirs)[action]()


def somebody(part: Part, before: Case) -> Actor:
    """An actor who is that to the case."""
    if part in (Part.DECIDER, Part.DISPOSER, Part.DESK, Part.JOINER):
        return next(a for a in (COORDINATOR, ARBITER, SUPERVISOR) if a.role is before.decider)
    if part is Part.ABOVE:
        return SUPERVISOR if before.decider is Role.ARBITER else ARBITER
    return {Part.LEAD: LIAISON, Part.REPORTER: REPORTER, Part.CLOCK: CLOCK}[part]


def refused(error: Invalid) -> tuple[str, str]:
    """Which field, by which rule."""
    return error.errors[0]["field"], error.errors[0]["rule"]
