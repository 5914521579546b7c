"""What is another authority's, outside the regency government: it is sent there, and is no dead end
here (decision 38).

Pure, as all that stands in `domain.py`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

from chassis.errors import Invalid
from services.routing.domain import over
from services.routing.life import Action, Actor, Case, Rules
from services.routing.rights import permit


def forward(case: Case, actor: Actor, at: datetime, rules: Rules) -> Case:
    """Ends the regency's part: the matter is another authority's; the reporter may object."""
    return over(replace(case, status=permit(actor, case, Action.FORWARD)), at, rules)


def recall(case: Case, actor: Actor) -> Case:
    """It was the wrong authority, or that one sent it back: the desk goes on with it, in the same
    round. Nobody gains time by it (decision 38)."""
    status = permit(actor, case, Action.RECALL)
    return replace(case, status=status, ended_at=None, reopen_until=None)


def relay(case: Case, actor: Actor, *, said_on: date, today: date) -> Case:
    """What the authority outside said on that local day is told to the reporter; it may say more on
    another. The case stays there, and it moves no clock."""
    status = permit(actor, case, Action.RELAY)
    if said_on > today:
        raise Invalid("this day lies in the future", "said_on", "not_future")
    return replace(case, status=status)
