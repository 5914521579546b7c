"""What codes are called on a dossier's paper."""

from __future__ import annotations

import contracts
from services.escalation.models import PARTS
from services.escalation.ombudsman import dossier, parts, wording
from services.escalation.ombudsman.wording import Words
from services.escalation.watch.explaining import NAMES


def test_whoever_was_reached_is_named_with_why_it_was_not_who_was_meant() -> None:
    assert wording.reached("sekda", None) == Words("Sekda", "Sekda")
    assert wording.reached("sekda", "complained_about") == Words(
        "Sekda: pejabat yang dituju termasuk yang diadukan",
        "Sekda: the case complains about the office that was meant",
    )


def test_whatever_a_history_tells_has_words_and_a_name() -> None:
    for what, names in dossier.KEPT.items():
        told = contracts.schema(f"{what}.v1")["properties"]
        for name in {*names, "status"} & told.keys():
            assert {*told[name].get("enum", [])} - {None} <= wording.CODES.keys() | NAMES.keys()
        for name in {*names} - {dossier.EVIDENCE, "clock", "to", "because"}:
            assert name in wording.NAMED or wording.beside(what, {name: "x"}) == Words("", "")


def test_what_no_event_tells_has_words_and_a_name_too() -> None:
    assert wording.HAPPENED.keys() >= dossier.OURS.keys()
    for what, names in dossier.OURS.items():
        for name in names:
            assert name in wording.NAMED or wording.beside(what, {name: "x"}) == Words("", "")
    assert {*PARTS, *parts.WHY} <= wording.CODES.keys()


def test_everybody_who_is_reached_and_every_reason_has_words() -> None:
    told = contracts.schema("escalation.raised.v1")["properties"]
    codes = {*told["to"]["enum"], *told["because"]["enum"]} - {None}

    assert codes <= set(wording.CODES)
