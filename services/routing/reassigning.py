"""What an agency left behind is handed on (decision 34).

Pure, as all that stands in `domain.py`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from chassis.errors import NotAllowed
from services.routing.life import Action, Actor, Case
from services.routing.rights import held, permit


def reassign(
    case: Case, actor: Actor, *, agency: str, supporting: Collection[str] = (), is_active: bool
) -> Case:
    """Hands the case on, whose agency gets no new cases any more: nobody might be left there. It is
    no return, and restarts nothing; what that agency said stands. One that `is_active` returns what
    is not its own, as it always could."""
    status = permit(actor, case, Action.REASSIGN)
    if is_active:
        message = "its agency still gets cases: only that one gives it back"
        raise NotAllowed(message, "number", "agency_active")
    return replace(held(case, agency, supporting), status=status)
