"""What takes longer is told from what does not, and from a machine too busy to say."""

import random

import pytest

from tests.harness.ranks import BUSY, KEEPS, LEAKS, between, told


@pytest.mark.parametrize(("shift", "verdict"), [(0.0, KEEPS), (1.0, LEAKS), (-1.0, LEAKS)])
def test_a_difference_is_judged_by_a_bound_that_was_said_before(shift, verdict) -> None:
    chance = random.Random(7)

    def measure() -> list[float]:
        return [chance.gauss(shift, 1) for _ in range(150)]

    for _ in range(50):
        assert told(measure, leak=1, harmless=0.2)[0] == verdict


def test_who_has_no_time_to_find_out_says_so() -> None:
    chance = random.Random(7)

    verdict, _ = told(lambda: [chance.gauss(0, 100) for _ in range(150)], 1, 0.2, patience=0.01)
    assert verdict == BUSY


@pytest.mark.parametrize("shift", [0.0, 0.1])
def test_the_median_lies_in_its_interval_which_is_narrower_the_more_is_known(shift) -> None:
    chance = random.Random(7)
    drawn = [[chance.gauss(shift, 1) ** 3 for _ in range(4_000)] for _ in range(100)]

    few, many = ([between(one[:count]) for one in drawn] for count in (400, 4_000))
    for low, high in (*few, *many):
        assert low <= shift**3 <= high
    assert max(high - low for low, high in many) < min(high - low for low, high in few)
