"""What comes after the hand-over is in no dossier: it is not kept, and what went along is said."""

import pytest
from structlog.testing import capture_logs

from tests.service.escalation.test_dossiers import CONSENT, WORDS, consent, held, sealed
from tests.service.escalation.tower import NUMBER, Tower, local, rfc3339

PASSED = "2027-01-02 10:00"
FACTS_ONLY = {"sealed": None, "key_id": None, "sha256": None}


def went_along(tower: Tower) -> dict[str, object]:
    """What the hand-over says of itself."""
    [told] = tower.said("escalation.handed_over")
    return {name: told[name] for name in ("consented_at", "with_form", "words")}


def test_a_hand_over_says_which_consent_it_rests_on_and_what_went_along(tower: Tower) -> None:
    tower.begin_work()
    tower.at("2026-12-01 10:00")
    consent(tower)  # with the report, an addition and an officer's reply

    tower.at(PASSED).sweep()
    tower.append()

    said = {"consented_at": rfc3339(local("2026-12-01 10:00")), "with_form": True, "words": 2}
    assert went_along(tower) == said


def test_a_hand_over_of_facts_says_that_nothing_else_went_along(tower: Tower) -> None:
    tower.begin_work()
    tower.at("2026-12-01 10:00").hear(CONSENT, **FACTS_ONLY)

    tower.at(PASSED).sweep()
    tower.append()

    said = {"consented_at": rfc3339(local("2026-12-01 10:00")), "with_form": False, "words": None}
    assert went_along(tower) == said


def test_what_comes_after_the_hand_over_is_not_kept_and_not_said_to_have_gone_along(
    tower: Tower,
) -> None:
    tower.begin_work()
    tower.at("2026-12-01 10:00").hear(CONSENT, **FACTS_ONLY)
    tower.at(PASSED).sweep()

    with capture_logs() as lines:
        consent(tower.at("2027-01-02 10:00:02"))  # before the hand-over is on the feed, and told
    tower.append()

    assert held(tower) == []
    assert tower.database.psql("SELECT at FROM consent") == [(local("2026-12-01 10:00"),)]
    assert went_along(tower)["with_form"] is False
    assert went_along(tower)["consented_at"] == rfc3339(local("2026-12-01 10:00"))
    came = [line["about"] for line in lines if line["event"] == "came_after_handover"]
    assert came == ["report", "addition", "reply", "consent"]
    assert NUMBER not in str(lines)


@pytest.mark.parametrize("type", [CONSENT, WORDS])
def test_nobody_is_told_of_what_comes_after_a_withdrawal(tower: Tower, type: str) -> None:
    tower.begin_work()
    tower.hear("case.withdrawn.v1")

    with capture_logs() as lines:
        tower.hear(type, **sealed("identity"))

    assert held(tower) == []
    assert "came_after_handover" not in str(lines)
