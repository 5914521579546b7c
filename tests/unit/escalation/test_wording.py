"""What codes are called on a dossier's paper."""

from __future__ import annotations

import contracts
from services.escalation.ombudsman import wording
from services.escalation.ombudsman.wording import Words


def test_whoever_was_reached_is_named_with_why_it_was_not_who_was_meant() -> None:
    assert wording.reached("sekda", None) == Words("Sekda", "Sekda")
    assert wording.reached("sekda", "complained_about") == Words(
        "Sekda: pejabat yang dituju termasuk yang diadukan",
        "Sekda: the case complains about the office that was meant",
    )


def test_everybody_who_is_reached_and_every_reason_has_words() -> None:
    told = contracts.schema("escalation.raised.v1")["properties"]
    codes = {*told["to"]["enum"], *told["because"]["enum"]} - {None}

    assert codes <= set(wording.CODES)
