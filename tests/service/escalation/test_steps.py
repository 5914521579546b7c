"""What an operator gives to routing after it was restored: first from whom which case must be kept,
then what happened in each."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from services.escalation import commands
from tests.service.escalation.test_passed_by import ARBITER_DECIDES, COORDINATOR, NOBODY
from tests.service.escalation.tower import NUMBER, Tower, local

OTHER, THIRD = "KTB-22222-67890", "KTB-33333-67890"
BACKUP = local("2026-11-03 00:00")
Steps = Callable[..., list[str]]


@pytest.fixture
def steps(tower: Tower, monkeypatch: Any, capsys: Any) -> Steps:
    """`escalation steps --since TIME`, line by line."""
    monkeypatch.setattr(commands, "transactions", lambda _: tower.db)

    def run(since: datetime = BACKUP) -> list[str]:
        commands.Steps()("escalation", Namespace(since=since))
        return str(capsys.readouterr().out).splitlines()

    return run


def verify(tower: Tower, number: str, desks: dict[str, Any]) -> None:
    tower.hear("case.verified.v1", number, **desks)


def protect(tower: Tower, number: str, level: str, *, hidden: bool) -> None:
    raised = {"confidentiality": level, "hidden_from_public": hidden}
    tower.hear("case.protected.v1", number, **raised, status="unverified")


def test_whoever_must_not_read_a_case_is_named_first_and_apart(tower: Tower, steps: Steps) -> None:
    for number in (NUMBER, OTHER):
        tower.hear("case.opened.v1", number, kind="complaint", **NOBODY)
    tower.at("2026-11-04 10:00")
    verify(tower, NUMBER, NOBODY)
    tower.at("2026-11-04 11:00")
    verify(tower, OTHER, COORDINATOR)

    withheld, accusing, usual = steps()

    assert withheld == f"withhold {OTHER} coordinator"
    assert usual.endswith(" unverified: verified")
    assert accusing.startswith(OTHER)
    assert accusing.endswith(" unverified, arbiter decides, not for coordinator: verified")


def test_so_is_whose_reporter_is_protected_and_how_far(tower: Tower, steps: Steps) -> None:
    for number, level, hidden in (
        (NUMBER, "confidential", False), (OTHER, "open", True), (THIRD, "anonymous", True),
    ):  # fmt: skip
        tower.at("2026-11-02 10:00").hear("case.opened.v1", number, kind="complaint", **NOBODY)
        tower.at("2026-11-04 10:00")
        protect(tower, number, level, hidden=hidden)

    assert steps()[:3] == [
        f"withhold {NUMBER} confidential",
        f"withhold {OTHER} hidden_from_public",
        f"withhold {THIRD} hidden_from_public",
    ]


def test_the_last_protection_counts_and_both_stand_in_one_line(tower: Tower, steps: Steps) -> None:
    tower.hear("case.opened.v1", kind="complaint", **COORDINATOR)
    protect(tower, NUMBER, "confidential", hidden=False)
    protect(tower, NUMBER, "confidential", hidden=True)
    tower.at("2026-11-04 10:00")
    verify(tower, NUMBER, COORDINATOR)

    assert steps()[0] == f"withhold {NUMBER} coordinator confidential hidden_from_public"


def test_a_case_of_which_nothing_is_kept_or_that_has_not_moved_is_not_named(
    tower: Tower, steps: Steps
) -> None:
    tower.hear("case.opened.v1", NUMBER, kind="complaint", **COORDINATOR)
    tower.at("2026-11-04 10:00")
    tower.hear("case.opened.v1", OTHER, kind="complaint", **ARBITER_DECIDES)

    [only] = steps()

    assert only.startswith(OTHER)
    assert only.endswith(" unverified, arbiter decides: opened")


def test_what_routing_says_after_it_has_lost_it_takes_no_desk_off(
    tower: Tower, steps: Steps
) -> None:
    tower.hear("case.opened.v1", kind="complaint", **NOBODY)
    tower.at("2026-11-04 10:00")
    verify(tower, NUMBER, COORDINATOR)

    verify(tower, NUMBER, NOBODY)

    assert steps()[0] == f"withhold {NUMBER} coordinator"
