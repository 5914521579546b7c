"""The rank test tells apart what differs, and only that."""

import random

import pytest

from tests.harness.ranks import between, mann_whitney


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


@pytest.mark.parametrize("shift", [0.0, 0.1])
def test_the_median_lies_in_its_interval_which_is_narrower_the_more_is_known(shift) -> None:
    chance = random.Random(7)
    drawn = [[chance.gauss(shift, 1) ** 3 for _ in range(4_000)] for _ in range(100)]

    few, many = ([between(one[:count]) for one in drawn] for count in (400, 4_000))
    for low, high in (*few, *many):
        assert low <= shift**3 <= high
    assert max(high - low for low, high in many) < min(high - low for low, high in few)
