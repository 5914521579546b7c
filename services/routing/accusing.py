"""A unit turns out to be the accused after the case was verified: it has no part in it from then
on, and who decides sits above it (decision 39).

Pure, as all that stands in `domain.py`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from chassis.errors import Invalid
from services.routing.domain import complaining
from services.routing.life import Action, Actor, Case, Closing, Rules, Status
from services.routing.rights import permit


def name_accused(case: Case, actor: Actor, rules: Rules, *, units: Collection[str]) -> Case:
    """The case complains about these units, too. The lead agency among them loses it to the desk,
    one that supports its part, and a desk that sits there the decision."""
    status = permit(actor, case, Action.NAME_ACCUSED)
    added = [unit for unit in units if unit not in case.complains_about]
    if not added:
        raise Invalid("it complains about them already", "complains_about", "change")
    left = tuple(unit for unit in case.supporting if unit not in added)
    case = replace(case, status=status, supporting=left)
    return complaining(_handed_up(case) if case.agency in added else case, added, rules)


def is_handed_up(before: Case, after: Case) -> bool:
    """Whether the lead agency lost the case."""
    return before.agency is not None and after.agency is None


def _handed_up(case: Case) -> Case:
    """Nobody has the case but the desk. It counts as no return: that is an agency's own word. What
    the accused had begun holds nobody: their question need not be answered, their answer is none,
    and whoever has it next begins a round of their own."""
    asked = case.status is Status.AWAITING_REPORTER
    return replace(
        case,
        status=Status.UNVERIFIED,
        agency=None,
        supporting=(),
        cycle=case.cycle + (case.status is not Status.DISPOSED),
        questions=case.questions - asked,
        awaited_from=None,
        outcome=None,
        stars=case.stars if case.closed_how is Closing.ACCEPTED else None,
    )
