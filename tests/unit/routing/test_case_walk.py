"""Random lives of a case: none leaves the table, and from every point of it there is an end."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from chassis.errors import Forbidden, Invalid, NotAllowed
from services.routing import rights
from services.routing.life import OPEN, TRANSITIONS, Action, Actor, Part, Role, Status, Then
from tests.unit.routing.acts import ACTORS, NOW, case, perform, somebody

MEANS_THE_SAME = {Action.REOPEN: Action.OBJECT, Action.OBJECT: Action.REOPEN}


class Life(RuleBasedStateMachine):
    """Anybody tries anything at any time."""

    def __init__(self):
        super().__init__()
        self.now = NOW
        self.case = case(verified_at=None)

    @rule(
        action=st.sampled_from(Action),
        actor=st.sampled_from(ACTORS),
        days=st.integers(min_value=0, max_value=40),
    )
    def anybody_tries(self, action, actor, days):
        before, self.now = self.case, self.now + timedelta(days=days)
        try:
            self.case = perform(before, action, actor, self.now)
        except (NotAllowed, Forbidden, Invalid):
            assert self.case == before
            return
        rows = [TRANSITIONS.get((before.status, a)) for a in (action, MEANS_THE_SAME.get(action))]
        reached = {before.awaited_from if row is Then.BACK else row for row in rows}
        if Then.AWAY in reached:
            reached |= {before.status, Status.UNVERIFIED}
        assert self.case.status in reached or Then.PARENT in reached

    @rule(data=st.data())
    def somebody_does_what_is_theirs(self, data):
        actor = data.draw(st.sampled_from(ACTORS))
        choices = rights.allowed(actor, self.case)
        if choices:
            self.anybody_tries(data.draw(st.sampled_from(choices)), actor, days=1)

    @invariant()
    def rounds_only_grow_with_the_reporters_no(self):
        assert self.case.cycle >= 1 + self.case.objections

    @invariant()
    def an_agency_has_it_exactly_while_it_is_at_work(self):
        if self.case.status in (Status.DISPOSED, Status.IN_PROGRESS, Status.ANSWERED):
            assert self.case.agency is not None
        if self.case.status is Status.UNVERIFIED:
            assert self.case.agency is None

    @invariant()
    def an_end_has_its_time_and_open_cases_have_none(self):
        if self.case.merged_into is None:
            assert (self.case.ended_at is None) == (self.case.status in OPEN)

    @invariant()
    def every_open_case_can_still_be_carried_through(self):
        if self.case.merged_into is None and self.case.status in OPEN:
            assert carried_through(self.case, self.now).status is Status.CLOSED


def carried_through(before, at):
    """The case after the shortest good life from then on, without the reporter's withdrawal."""
    way = {
        Status.AWAITING_REPORTER: (Action.SUPPLEMENT, Part.REPORTER),
        Status.DISPOSED: (Action.FOLLOW_UP, Part.LEAD),
        Status.IN_PROGRESS: (Action.ANSWER, Part.LEAD),
        Status.ANSWERED: (Action.AUTO_CLOSE, Part.CLOCK),
    }
    for _ in range(8):
        if before.status is Status.UNVERIFIED:
            action = Action.DISPOSE if before.verified_at else Action.VERIFY
            actor = somebody(Part.DECIDER, before)
        elif before.status in way:
            action, part = way[before.status]
            actor = (
                Actor(Role.LIAISON, before.agency) if part is Part.LEAD else somebody(part, before)
            )
        else:
            break
        before = perform(before, action, actor, at)
    return before


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
