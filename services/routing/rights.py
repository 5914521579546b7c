"""Who may do what with a case, and who may see it.

Pure: the tables in `life.py` say what may happen and whose part it is; here stands what somebody is
to one case, and who decides while no agency has it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from chassis.errors import Forbidden, Invalid, NotAllowed
from services.routing.life import (
    LADDER,
    RETURNS_TO_ARBITER,
    TO_ONE,
    TRANSITIONS,
    WHO,
    Action,
    Actor,
    Case,
    Confidentiality,
    Part,
    Role,
    Rules,
    Status,
    Then,
)


def parts(actor: Actor, case: Case) -> frozenset[Part]:
    """What `actor` is to `case`. To the unit that it complains about it is nothing at all, and to
    whoever has the desk that sits there."""
    if actor.role in (Role.REPORTER, Role.CLOCK):
        return frozenset({Part(actor.role.value)})
    if actor.role is Role.ADMINISTRATOR or is_accused(actor, case):
        return frozenset()
    found = set()
    stands = case.awaited_from if case.status is Status.AWAITING_REPORTER else case.status
    is_with_a_desk = stands in (Status.UNVERIFIED, Status.FORWARDED)
    if actor.role in (Role.COORDINATOR, case.decider):
        found.add(Part.DESK)
    if actor.role is case.decider:
        found.add(Part.DECIDER if is_with_a_desk else Part.DISPOSER)
    if actor.role is case.decider or (actor.role is Role.COORDINATOR and not is_with_a_desk):
        found.add(Part.JOINER)
    if actor.role in LADDER[LADDER.index(case.decider) + 1 :]:
        found.add(Part.ABOVE)
    if actor.agency is not None and actor.agency == case.agency:
        found.add(Part.LEAD)
    return frozenset(found)


def sees(actor: Actor, case: Case) -> bool:
    """Whether this officer may know of the case at all."""
    if actor.role is Role.ADMINISTRATOR or is_accused(actor, case):
        return False
    if actor.role in LADDER:
        return True
    return actor.agency is not None and actor.agency in (case.agency, *case.supporting)


def is_accused(actor: Actor, case: Case) -> bool:
    """Whether the case complains about an office that this officer is of."""
    return not actor.offices.isdisjoint(case.complains_about)


def knows_the_moment(actor: Actor, case: Case) -> bool:
    """Whether this officer learns the moment of what the reporter did, not only its day: beside a
    log of visitors or a shift's roster it says who an unnamed reporter is."""
    unnamed = case.hidden_from_public or case.confidentiality is not Confidentiality.OPEN
    return actor.role in LADDER or not unnamed


def reads_why(actor: Actor, action: Action) -> bool:
    """Whether this officer reads the reason that another gave for an action: why a reporter needs
    protection, and why a unit is the accused, may tell who that is."""
    return action not in (Action.PROTECT, Action.NAME_ACCUSED) or actor.role in LADDER


def is_unprotected(case: Case) -> bool:
    """Whether anything of its reporter's confidentiality is left to raise."""
    return case.confidentiality is Confidentiality.OPEN or not case.hidden_from_public


def permit(actor: Actor, case: Case, action: Action) -> Status:
    """The status that follows. Raises NotAllowed (the case's state) or Forbidden (the actor)."""
    verb = action.replace("_", " ")
    is_own = actor.role is Role.REPORTER or action in TO_ONE
    if case.merged_into is not None and not is_own:
        raise NotAllowed("this case is merged into another one and follows it", "number", "merged")
    if (case.status, action) not in TRANSITIONS:
        message = f"a case that is {case.status.replace('_', ' ')} allows no '{verb}'"
        raise NotAllowed(message, "number", "wrong_status")
    if WHO[action].isdisjoint(parts(actor, case)):
        raise Forbidden(f"'{verb}' is not this officer's part in this case")
    status = TRANSITIONS[case.status, action]
    if status is Then.BACK:
        return case.awaited_from or Status.UNVERIFIED
    return case.status if isinstance(status, Then) else status


def allowed(actor: Actor, case: Case, *, is_active: bool = False) -> list[Action]:
    """What the tables let this actor do with the case as it is; nobody is protected further than
    that goes, nothing is disposed before it is verified, and nothing is taken from an agency that
    is active (`is_active`)."""
    found = []
    for action in Action:
        try:
            permit(actor, case, action)
        except (NotAllowed, Forbidden):
            continue
        refused = {
            Action.PROTECT: not is_unprotected(case),
            Action.DISPOSE: case.verified_at is None,
            Action.REASSIGN: is_active,
        }
        if not refused.get(action, False):
            found.append(action)
    return found


def held(case: Case, agency: str, supporting: Collection[str]) -> Case:
    """The case with these agencies; none that it complains about may be one of them."""
    if agency in supporting:
        raise Invalid("the lead agency cannot support itself", "supporting", "lead")
    for name, codes in (("agency", {agency}), ("supporting", set(supporting))):
        if not codes.isdisjoint(case.complains_about):
            raise Invalid("the unit that a case complains about has no part in it", name, "party")
    return replace(case, agency=agency, supporting=tuple(dict.fromkeys(supporting)))


def passed_by(case: Case, seats: Mapping[str, Role]) -> tuple[Role, ...]:
    """The desks that must hear nothing of a case: it complains about the agency they sit in."""
    complained = {seats.get(agency) for agency in case.complains_about}
    return tuple(role for role in LADDER if role in complained)


def decider(case: Case, rules: Rules) -> Role:
    """Who decides while no agency holds it: the arbiter from the second return on, and always one
    level up from a desk that the case complains about."""
    lowest = LADDER.index(Role.ARBITER if case.returns >= RETURNS_TO_ARBITER else Role.COORDINATOR)
    complained = passed_by(case, rules.seats)
    for role in LADDER[lowest:] + LADDER[:lowest]:
        if role not in complained:
            return role
    raise Invalid("no desk is left that could decide", "complains_about", "decider")
