"""A unit that turns out to be the accused has no part in the case, and never decides about it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chassis.errors import Forbidden, Invalid, NotAllowed
from services.routing import accusing, domain, rights
from services.routing.life import OPEN, Action, Actor, Clock, Outcome, Role, Status
from tests.unit.routing.acts import (
    ARBITER,
    COORDINATOR,
    LIAISON,
    NOW,
    RULES,
    SUPERVISOR,
    case,
    refused,
)

S = Status
SUPPORTER = Actor(Role.LIAISON, "dlh")
HELD = (S.AWAITING_REPORTER, S.DISPOSED, S.IN_PROGRESS, S.ANSWERED)


def named(before, *units, actor=COORDINATOR):
    return accusing.name_accused(before, actor, RULES, units=units)


@pytest.mark.parametrize("status", HELD)
def test_the_agency_that_it_complains_about_loses_the_case_to_the_desk(status):
    before = case(status, supporting=("dlh",), returns=1, disposed_at=NOW, outcome=None)
    assert rights.sees(LIAISON, before)

    after = named(before, "dpupr")

    assert (after.status, after.agency, after.supporting) == (S.UNVERIFIED, None, ())
    assert (after.complains_about, after.decider) == (("dpupr",), Role.COORDINATOR)
    assert after.returns == 1
    assert not rights.sees(LIAISON, after)
    assert rights.parts(LIAISON, after) == frozenset()
    with pytest.raises(Invalid) as error:
        domain.dispose(after, COORDINATOR, NOW, agency="dlh", supporting=["dpupr"])
    assert refused(error.value) == ("supporting", "party")
    assert domain.dispose(after, COORDINATOR, NOW, agency="dlh").agency == "dlh"


@pytest.mark.parametrize("status", OPEN)
def test_the_desk_that_it_complains_about_decides_no_more_and_one_above_does(status):
    before = case(status)
    assert before.decider is Role.COORDINATOR

    after = named(before, "diskominfo")

    assert after.decider is Role.ARBITER
    assert replace(after, decider=before.decider, complains_about=()) == before
    assert not rights.sees(COORDINATOR, after)


def test_a_desk_that_has_the_case_as_an_agency_loses_both():
    before = case(S.IN_PROGRESS, agency="diskominfo")
    after = named(before, "diskominfo", actor=ARBITER)
    assert (after.status, after.agency, after.decider) == (S.UNVERIFIED, None, Role.ARBITER)


@pytest.mark.parametrize("status", HELD)
def test_one_that_supports_has_no_part_any_more_and_the_lead_agency_goes_on(status):
    before = case(status, supporting=("dlh", "dishub"))
    after = named(before, "dlh")
    assert after == replace(before, supporting=("dishub",), complains_about=("dlh",))
    assert not rights.sees(SUPPORTER, after)
    assert rights.sees(LIAISON, after)


@pytest.mark.parametrize("status", OPEN)
def test_of_a_unit_without_a_part_it_is_only_recorded_and_nothing_is_ever_taken_off(status):
    before = case(status, complains_about=("dishub",))
    after = named(before, "dlh", "dishub")
    assert after == replace(before, complains_about=("dishub", "dlh"))
    with pytest.raises(Invalid) as error:
        named(after, "dlh")
    assert refused(error.value) == ("complains_about", "change")


def test_where_no_desk_would_be_left_it_is_refused():
    with pytest.raises(Invalid) as error:
        named(case(S.DISPOSED), "diskominfo", "setda", "inspektorat")
    assert refused(error.value) == ("complains_about", "decider")


@pytest.mark.parametrize(
    ("status", "rounds"),
    [(S.DISPOSED, 0), (S.AWAITING_REPORTER, 1), (S.IN_PROGRESS, 1), (S.ANSWERED, 1)],
)
def test_what_the_accused_had_begun_is_a_round_of_its_own(status, rounds):
    after = named(case(status, cycle=3), "dpupr")
    assert after.cycle == 3 + rounds


def test_what_the_accused_asked_or_answered_holds_nobody():
    asked = named(case(S.AWAITING_REPORTER, questions=2), "dpupr")
    assert (asked.awaited_from, asked.questions) == (None, 1)
    answered = named(case(S.ANSWERED, outcome=Outcome.NOT_FULFILLED), "dpupr")
    assert answered.outcome is None


def test_a_question_of_the_desk_stays_open_for_whoever_decides_then():
    asked = case(S.AWAITING_REPORTER, agency=None, awaited_from=S.UNVERIFIED, questions=1)
    after = named(asked, "diskominfo")
    assert (after.status, after.questions) == (S.AWAITING_REPORTER, 1)
    assert Action.CANCEL_REQUEST in rights.allowed(ARBITER, after)


@pytest.mark.parametrize(
    ("returns", "clock"), [(0, Clock.FOLLOW_UP), (1, Clock.FOLLOW_UP), (2, Clock.ARBITER)]
)
def test_its_next_limit_is_that_of_a_case_that_came_back(returns, clock):
    before = case(S.IN_PROGRESS, returns=returns, disposed_at=NOW)
    decides = ARBITER if returns == 2 else COORDINATOR
    before = replace(before, decider=decides.role)
    assert domain.clock(named(before, "dpupr", actor=decides)) is clock


@pytest.mark.parametrize(
    ("decider", "may"),
    [
        (Role.COORDINATOR, {COORDINATOR, ARBITER, SUPERVISOR}),
        (Role.ARBITER, {ARBITER, SUPERVISOR}),
        (Role.SUPERVISOR, {SUPERVISOR}),
    ],
)
@pytest.mark.parametrize("status", OPEN)
def test_the_desk_that_decides_and_each_above_it_may_and_nobody_else(status, decider, may):
    before = case(status, decider=decider)
    for actor in (COORDINATOR, ARBITER, SUPERVISOR, LIAISON):
        assert (Action.NAME_ACCUSED in rights.allowed(actor, before)) == (actor in may)
        if actor not in may:
            with pytest.raises(Forbidden):
                named(before, "dishub", actor=actor)


def test_an_accused_desk_may_not_even_where_it_is_above_the_one_that_decides():
    before = case(S.DISPOSED, complains_about=("setda",))
    with pytest.raises(Forbidden):
        named(before, "dishub", actor=ARBITER)


def test_it_is_the_handled_case_that_learns_it_and_a_follower_knows_it_with_that():
    child = case(S.IN_PROGRESS, number="KTB-22222-22222", merged_into="KTB-12345-67890")
    with pytest.raises(NotAllowed):
        named(child, "dpupr")
    parent = named(case(S.IN_PROGRESS), "dpupr")
    followed = domain.follow(child, parent, parent.cycle - 1)
    assert (followed.agency, followed.complains_about) == (None, ("dpupr",))
    assert followed.cycle == 2
