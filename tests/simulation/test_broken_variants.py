"""The negative control: chassis that are broken on purpose, and invariants that see it."""

import pytest

from tests.simulation.dice import EVERYDAY, live
from tests.simulation.invariants import broken
from tests.simulation.parts import Part
from tests.simulation.variants import BROKEN
from tests.simulation.world import World


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_chassis_is_seen_within_the_histories_of_every_day(
    parts: list[Part], name: str
) -> None:
    variant, word = BROKEN[name]
    histories = (broken(live(World(parts, variant), seed)) for seed in range(EVERYDAY))

    assert any(word in line for wrong in histories for line in wrong)
