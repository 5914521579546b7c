"""The demonstration can name whatever a timeline may hold."""

from deploy.local.words import WORDS
from services.intake.domain import SHOWN, Action
from services.intake.latecomers import LEFT_BEHIND


def test_every_entry_of_a_timeline_has_both_names():
    own = {"report.submitted", LEFT_BEHIND, *(f"reporter.{action}" for action in Action)}
    possible = own | set(SHOWN)

    assert set(WORDS) == possible
    assert all(len(names) == 2 and all(names) for names in WORDS.values())
