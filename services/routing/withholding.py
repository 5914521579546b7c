"""What others still know of a case holds again here, after routing was restored to an earlier
state: from whom it must be kept (decision 14), how far its reporter is protected (decision 33).

It is done at the machine, by no officer, and stands in the case's file; nothing is ever taken back.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from chassis.errors import Invalid
from services.routing import case_file, domain, events, models, protecting
from services.routing.case_file import Say, Step
from services.routing.life import (
    LADDER,
    OPEN,
    Action,
    Actor,
    Case,
    Confidentiality,
    Role,
    Rules,
    Status,
)

LEVELS = frozenset({"confidential", "hidden_from_public"})
OPERATOR = Actor(Role.ADMINISTRATOR)  # and no officer: at the machine
WHY = "Restored: known before the database was brought back."


def withhold(
    tx: Session, number: str, words: Collection[str], at: datetime, zone: ZoneInfo
) -> list[str]:
    """Keeps a case from the desks among `words`, and raises its reporter's confidentiality to what
    the others say; those of them that were not so before. Raises NotFound, or Invalid if no desk
    would be left, or one of them is at work on it."""
    parent, row = case_file.family(tx, number)
    desks = [role for role in LADDER if role in words]
    return [*_keep_from(tx, parent, desks, at, zone), *_protect(tx, row, words, at)]


def _keep_from(
    tx: Session, row: models.Case, desks: Collection[Role], at: datetime, zone: ZoneInfo
) -> list[str]:
    """It complains about where these desks sit, and so do the cases that follow it."""
    rules, case = case_file.rules(tx, at.astimezone(zone).date(), zone), case_file.value(row)
    about = sorted(
        agency for agency, desk in rules.seats.items()
        if desk in desks and agency not in case.complains_about
    )  # fmt: skip
    if not about:
        return []
    if case.agency in about:
        case = _give_back(tx, row, rules, at)
    case = replace(case, supporting=tuple(one for one in case.supporting if one not in about))
    after = domain.complaining(case, about, rules)
    say: Say = lambda c, _: events.desks_changed(c, at, rules.seats)  # noqa: E731
    step = Step(Action.VERIFY, OPERATOR, at, why=WHY)
    case_file.change(tx, row, after, step, say if case.status in OPEN else None)
    if case.status not in OPEN:
        row.desks_known = False  # who hears of it is told with what takes it up again
    return [desk for desk in desks if desk in {rules.seats[agency] for agency in about}]


def _give_back(tx: Session, row: models.Case, rules: Rules, at: datetime) -> Case:
    """The unit that it complains about had returned it, for no unit has what complains about it."""
    case = case_file.value(row)
    if case.status is not Status.DISPOSED:
        message = "the unit that it would complain about is at work on it: complains-about first"
        raise Invalid(message, "agency", "party")
    lead, agency = Actor(Role.LIAISON, case.agency), case.agency or ""
    after = domain.return_case(case, lead, rules)
    told = {"agency": agency, "proposed": None}
    step = Step(Action.RETURN, OPERATOR, at, why=WHY)
    case_file.change(tx, row, after, step, lambda c, _: events.returned(c, at, rules.seats, **told))
    return after


def _protect(tx: Session, row: models.Case, words: Collection[str], at: datetime) -> list[str]:
    """Nobody is told again: the reporter was, when it was raised."""
    case = case_file.value(row)
    level = Confidentiality.CONFIDENTIAL if _is_named(case, words) else None
    hidden = True if "hidden_from_public" in words and not case.hidden_from_public else None
    if not (level or hidden):
        return []
    asker = Actor(case.decider)  # whose part it would be
    after = protecting.protect(case, asker, confidentiality=level, hidden_from_public=hidden)
    case_file.change(tx, row, after, Step(Action.PROTECT, OPERATOR, at, why=WHY))
    return [*(["confidential"] if level else []), *(["hidden_from_public"] if hidden else [])]


def _is_named(case: Case, words: Collection[str]) -> bool:
    return "confidential" in words and case.confidentiality is Confidentiality.OPEN
