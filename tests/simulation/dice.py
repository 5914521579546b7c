"""One history from one seed: which of the steps that may happen, in which order, how often."""

import random
from collections.abc import Callable

from tests.simulation.broker import TROUBLES
from tests.simulation.parts import HEARS
from tests.simulation.world import EDGES, SUBJECTS, World

EVERYDAY, ALL = 200, 2_000  # histories
STEPS = 45


def live(world: World, seed: int, steps: int = STEPS) -> World:
    """Throws the dice until the history is told, lets it heal, and answers with it."""
    dice = random.Random(seed)
    random.seed(seed)  # the inbox's jitter
    weights = [weight for weight, _ in _STEPS.values()]
    try:
        for name in dice.choices(list(_STEPS), weights, k=steps):
            _STEPS[name][1](world, dice)
        world.heal()
    finally:
        world.forget()
    return world


def _say(world: World, dice: random.Random) -> None:
    world.say(dice.choice(SUBJECTS), [dice.randint(1, 5) for _ in range(dice.randint(1, 2))])
    if dice.random() < 0.5:
        world.settle(-1, commits=True)


def _settle(world: World, dice: random.Random) -> None:
    world.settle(dice.randrange(10), commits=dice.random() < 0.8)


def _relay(world: World, dice: random.Random) -> None:
    trouble = dice.choice(TROUBLES) if dice.random() < 0.25 else ""
    world.relay(dice.choice(list(HEARS)), trouble)


def _deliver(world: World, dice: random.Random) -> None:
    world.deliver(
        dice.randrange(60),
        dice.choice((0, 0, dice.randrange(60))),
        many=dice.choice((1, 1, 1, 4)),
        stays=dice.random() < 0.2,
        edge=_edge(dice),
        fails=dice.random() < 0.1,
    )


def _sweep(world: World, dice: random.Random) -> None:
    world.sweep(dice.choice(list(HEARS)), edge=_edge(dice), fails=dice.random() < 0.1)


def _half(dice: random.Random) -> bool:
    return dice.random() < 0.5


def _edge(dice: random.Random) -> int | None:
    return dice.randrange(EDGES) if dice.random() < 0.2 else None


_STEPS: dict[str, tuple[float, Callable[[World, random.Random], object]]] = {
    "say": (6, _say),
    "settle": (4, _settle),
    "relay": (9, _relay),
    "deliver": (18, _deliver),
    "sweep": (4, _sweep),
    "time": (3, lambda world, dice: world.pass_time(dice.choice((1, 10, 61, 4_000)))),
    "misunderstand": (0.7, lambda world, dice: world.misunderstand(dice.choice(list(HEARS)))),
    "bury": (2, lambda world, dice: world.bury(dice.randrange(60), dice.randrange(60))),
    "poison": (0.7, lambda world, dice: world.poison(dice.randrange(60), forged=_half(dice))),
    "wipe": (0.5, lambda world, dice: world.wipe()),
    "replay": (0.5, lambda world, dice: world.replay()),
}
