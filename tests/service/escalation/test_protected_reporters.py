"""The Ombudsman reads in a dossier how far the reporter was protected at the hand-over. To raise it
moves no clock, and what was said before stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.escalation.ombudsman import dossier
from tests.service.escalation.test_dossier_pages import PDF, Reader, opened, text
from tests.service.escalation.test_dossiers import consent, stored
from tests.service.escalation.tower import Tower

RAISED = {"confidentiality": "confidential", "hidden_from_public": True}
TOLD = (*RAISED,)
CLOCKS = "SELECT clock, started_at, due_at, stopped_at FROM clock ORDER BY id"


def begin(tower: Tower, **opened_as: object) -> None:
    told = {"confidentiality": "open", "hidden_from_public": False} | opened_as
    tower.hear("case.opened.v1", **told)
    tower.dispose()
    consent(tower)


def handed_over(tower: Tower) -> dict:
    tower.at("2027-01-02 10:00").sweep()
    tower.append()
    return stored(tower)[0]


def protection(told: dict) -> list:
    return [told[name] for name in TOLD]


def test_a_dossier_tells_the_present_and_when_it_was_raised(tower: Tower) -> None:
    begin(tower)
    before = tower.database.psql(CLOCKS)
    tower.at("2026-11-04 10:00").hear("case.protected.v1", status="disposed", **RAISED)
    assert tower.database.psql(CLOCKS) == before

    content = handed_over(tower)

    assert protection(content["case"]) == ["confidential", True]
    lines = [h for h in content["history"] if set(TOLD) <= set(h["detail"])]
    assert [(h["what"], protection(h["detail"])) for h in lines] == [
        ("case.opened", ["open", False]), ("case.protected", ["confidential", True]),
    ]  # fmt: skip


@pytest.mark.parametrize("level", ["open", "anonymous"])
def test_who_was_not_protected_further_is_told_as_they_reported(tower: Tower, level: str) -> None:
    begin(tower, confidentiality=level)

    assert protection(handed_over(tower)["case"]) == [level, False]


def test_where_nothing_told_it_the_dossier_says_so() -> None:
    """Of a case that was opened before this was kept."""
    begun = [dossier.Happened("2026-11-02T02:00:00Z", "case.closed", {"how": "accepted"})]
    content = dossier.content("KTB-12345-67890", "2026-11-03T02:00:00Z", {}, {}, begun, [], [])

    assert protection(content["case"]) == [None, None]


def test_what_was_said_before_it_was_raised_stays(tower: Tower) -> None:
    begin(tower)
    content = handed_over(tower)
    before = stored(tower), tower.entries("handovers"), tower.entries("monitoring")
    tower.hear("case.protected.v1", status="disposed", **RAISED)
    tower.append()

    assert protection(content["case"]) == ["open", False]
    assert (stored(tower), tower.entries("handovers"), tower.entries("monitoring")) == before


def test_on_paper_it_stands_with_the_case_and_among_what_was_done(
    tower: Tower, secrets_folder: Path
) -> None:
    begin(tower)
    tower.at("2026-11-04 10:00").hear("case.protected.v1", status="disposed", **RAISED)
    handed_over(tower)

    key = (secrets_folder / "ombudsman-bearer-key").read_text().strip()
    told = text(opened(Reader(tower, key).get(**PDF)))

    for words in (
        "kerahasiaan identitas confidentiality anonim confidential",
        "rahasia bagi publik hidden from public ya yes",
        "Kerahasiaan laporan ditingkatkan The report's confidentiality was raised",
    ):
        assert words in told
