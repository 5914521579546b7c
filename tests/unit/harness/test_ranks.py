"""The rank test tells apart what differs, and only that."""

import random

import pytest

from tests.harness.ranks import mann_whitney


def test_equal_samples_are_told_apart_as_often_as_p_says() -> None:
    chance = random.Random(7)
    found = [
        mann_whitney([chance.random() for _ in range(60)], [chance.random() for _ in range(60)])
        for _ in range(400)
    ]

    assert 5 <= sum(p < 0.05 for p in found) <= 40


@pytest.mark.parametrize(("shift", "least", "most"), [(0.0, 0.01, 1.0), (0.1, 0.0, 1e-6)])
def test_a_shift_by_a_tenth_of_the_spread_shows_in_two_thousand(shift, least, most) -> None:
    chance = random.Random(7)
    one = [chance.random() for _ in range(1_000)]
    other = [chance.random() + shift for _ in range(1_000)]

    assert least <= mann_whitney(one, other) <= most


def test_values_that_are_all_alike_say_nothing() -> None:
    assert mann_whitney([1.0] * 30, [1.0] * 40) == 1.0


def test_it_agrees_with_the_textbook() -> None:
    """U = 0 of 100, expected 50 with deviation 13.23: z = 49.5 / 13.23."""
    low, high = list(range(10)), list(range(10, 20))

    assert mann_whitney(low, high) == pytest.approx(0.00018267, rel=1e-4)
    assert mann_whitney(high, low) == pytest.approx(0.00018267, rel=1e-4)
