"""Whatever a broker and dying processes do, what was said has one effect everywhere, in order.

A failing seed is in the test's name: `SIMULATION_SEED=4711 ./lapor test tests/simulation` (or
`-k seed-4711-`) lives its history again and prints every step.
"""

import os

import pytest

from tests.simulation.dice import ALL, EVERYDAY, live
from tests.simulation.invariants import broken
from tests.simulation.parts import Part
from tests.simulation.world import World

ASKED = os.environ.get("SIMULATION_SEED")
SEEDS = [int(ASKED)] if ASKED else range(ALL)
SLOW = [] if ASKED else [pytest.mark.slow]
EACH = [pytest.param(n, id=f"seed-{n}-", marks=SLOW if n >= EVERYDAY else []) for n in SEEDS]
TROUBLES = (
    "commits", "gives up", "relays", "Crash", "InDoubt", ": done", ": known", ": waiting",
    ": parked", ": dies", "dies sweeping", "sweeps", "buried", "all settled", "poisoned",
    "does not understand", "wiped", "replays", "s pass",
)  # fmt: skip


@pytest.mark.parametrize("seed", EACH)
def test_no_history_loses_doubles_or_reorders_anything(parts: list[Part], seed: int) -> None:
    world = live(World(parts), seed)

    wrong = broken(world)
    assert not wrong, "\n".join([f"seed {seed}", *wrong, "", *world.trace])


@pytest.mark.parametrize("seed", [3, 17])
def test_a_seed_tells_the_same_history_every_time(parts: list[Part], seed: int) -> None:
    first, again, other = (live(World(parts), s).trace for s in (seed, seed, seed + 1))

    assert first == again
    assert first != other


def test_the_histories_hold_every_trouble_there_is(parts: list[Part]) -> None:
    lines = [line for seed in range(20) for line in live(World(parts), seed).trace]

    assert [trouble for trouble in TROUBLES if not any(trouble in line for line in lines)] == []
