"""The same rules in the hands of hypothesis, which looks for the shortest history that fails."""

from typing import ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.simulation.broker import TROUBLES
from tests.simulation.invariants import EFFECTS, broken
from tests.simulation.parts import HEARS, Part
from tests.simulation.world import EDGES, SUBJECTS, World

ANY = st.integers(0, 60)
NAMES = st.sampled_from(list(HEARS))
EDGE = st.none() | st.integers(0, EDGES - 1)
STARS = st.lists(st.integers(1, 5), min_size=1, max_size=2)


class Histories(RuleBasedStateMachine):
    """Every step of the simulation, in any order."""

    parts: ClassVar[list[Part]]

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.parts)

    @rule(subject=st.sampled_from(SUBJECTS), stars=STARS)
    def say(self, subject, stars):
        self.world.say(subject, stars)

    @rule(which=ANY, commits=st.booleans())
    def settle(self, which, commits):
        self.world.settle(which, commits=commits)

    @rule(name=NAMES, trouble=st.just("") | st.sampled_from(TROUBLES))
    def relay(self, name, trouble):
        self.world.relay(name, trouble)

    @precondition(lambda self: any(self.world.broker.queues.values()))
    @rule(which=ANY, place=ANY, stays=st.booleans(), edge=EDGE, fails=st.booleans())
    def deliver(self, which, place, stays, edge, fails):
        self.world.deliver(which, place, stays=stays, edge=edge, fails=fails)

    @precondition(lambda self: any(self.world.broker.queues.values()))
    @rule(which=ANY, place=ANY)
    def bury(self, which, place):
        self.world.bury(which, place)

    @rule(name=NAMES, edge=EDGE, fails=st.booleans())
    def sweep(self, name, edge, fails):
        self.world.sweep(name, edge=edge, fails=fails)

    @rule(name=NAMES)
    def misunderstand(self, name):
        self.world.misunderstand(name)

    @rule(seconds=st.sampled_from((1, 10, 61, 4_000)))
    def pass_time(self, seconds):
        self.world.pass_time(seconds)

    @rule(which=ANY, forged=st.booleans())
    def poison(self, which, forged):
        self.world.poison(which, forged=forged)

    @rule()
    def wipe(self):
        self.world.wipe()

    @rule()
    def replay(self):
        self.world.replay()

    @invariant()
    def effects_are_a_beginning_of_what_was_said(self):
        for part in self.parts:
            had = {}
            for row in part.rows(EFFECTS):
                had.setdefault((row.source, row.subject), []).append(row.rating)
            for (_, subject), found in had.items():
                said = [number for number, _ in self.world.said[subject]]
                assert found == said[: len(found)]

    def teardown(self):
        try:
            self.world.heal()
            assert broken(self.world) == []
        finally:
            self.world.forget()


def test_no_rule_breaks_a_promise_after_any_other(parts: list[Part]) -> None:
    class OnTheseParts(Histories):
        pass

    OnTheseParts.parts = parts
    bounds = settings(max_examples=25, stateful_step_count=30, deadline=None)
    run_state_machine_as_test(OnTheseParts, settings=bounds)
