"""How far a reporter is kept from others, raised after the report (decision 33).

Pure, as all that stands in `domain.py`.
"""

from __future__ import annotations

from dataclasses import replace

from chassis.errors import Invalid
from services.routing.life import Action, Actor, Case, Confidentiality
from services.routing.rights import permit


def protect(
    case: Case,
    actor: Actor,
    *,
    confidentiality: Confidentiality | None = None,
    hidden_from_public: bool | None = None,
) -> Case:
    """Raises the confidentiality of this case's reporter; what is not given stays. It is never
    lowered: what was said under it would be known then."""
    status = permit(actor, case, Action.PROTECT)
    level = confidentiality or case.confidentiality
    hidden = case.hidden_from_public if hidden_from_public is None else hidden_from_public
    if level is not case.confidentiality:
        if Confidentiality.ANONYMOUS in (level, case.confidentiality):
            message = "anonymous is who gave nothing of themselves: that cannot be made or undone"
            raise Invalid(message, "confidentiality", "anonymous")
        if level is Confidentiality.OPEN:
            raise Invalid("it is only ever raised", "confidentiality", "raise")
    if case.hidden_from_public and not hidden:
        raise Invalid("it is only ever raised", "hidden_from_public", "raise")
    protected = replace(case, status=status, confidentiality=level, hidden_from_public=hidden)
    if protected == case:
        raise Invalid("nothing would change", "confidentiality", "change")
    return protected
