"""The demonstration can name whatever a timeline may hold."""

from deploy.local.words import WORDS
from services.intake.domain import LINES


def test_every_entry_of_a_timeline_has_both_names():
    assert set(WORDS) == set(LINES)
    assert all(len(names) == 2 and all(names) for names in WORDS.values())
