"""A reporter's confidentiality is raised, in every status, and never lowered."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from chassis.errors import Forbidden, Invalid
from services.routing import domain, protecting, rights
from services.routing.life import Action, Confidentiality, Role, Status
from tests.unit.routing.acts import (
    ADMINISTRATOR,
    ARBITER,
    COORDINATOR,
    LIAISON,
    PARENT,
    RULES,
    STRANGER,
    SUPERVISOR,
    case,
    refused,
)

OPEN, CONFIDENTIAL, ANONYMOUS = Confidentiality
LEVELS = [*product(Confidentiality, (False, True))]
RAISED = {  # what it may become, by what it is: each of the two as it was or higher, one of them so
    (OPEN, False): {(OPEN, True), (CONFIDENTIAL, False), (CONFIDENTIAL, True)},
    (OPEN, True): {(CONFIDENTIAL, True)},
    (CONFIDENTIAL, False): {(CONFIDENTIAL, True)},
    (CONFIDENTIAL, True): set(),
    (ANONYMOUS, False): {(ANONYMOUS, True)},
    (ANONYMOUS, True): set(),
}
SUPPORTER = replace(STRANGER, agency="dlh")


def of(level, hidden, **more):
    return case(confidentiality=level, hidden_from_public=hidden, **more)


@pytest.mark.parametrize(("now", "wanted"), [*product(LEVELS, LEVELS)], ids=str)
def test_it_is_only_ever_raised(now, wanted):
    level, hidden = wanted
    asked = {"confidentiality": level, "hidden_from_public": hidden}
    if wanted in RAISED[now]:
        assert protecting.protect(of(*now), COORDINATOR, **asked) == of(*wanted)
        return
    with pytest.raises(Invalid) as wrong:
        protecting.protect(of(*now), COORDINATOR, **asked)
    if now == wanted:
        refusal = "confidentiality", "change"
    elif level is not now[0] and ANONYMOUS in (level, now[0]):
        refusal = "confidentiality", "anonymous"
    elif level is not now[0] and level is OPEN:
        refusal = "confidentiality", "raise"
    else:
        refusal = "hidden_from_public", "raise"
    assert refused(wrong.value) == refusal


@pytest.mark.parametrize("now", LEVELS, ids=str)
def test_what_is_not_given_stays(now):
    if now[0] is OPEN:
        raised = protecting.protect(of(*now), COORDINATOR, confidentiality=CONFIDENTIAL)
        assert raised == of(CONFIDENTIAL, now[1])
    if not now[1]:
        hidden = protecting.protect(of(*now), COORDINATOR, hidden_from_public=True)
        assert hidden == of(now[0], True)
    with pytest.raises(Invalid) as idle:
        protecting.protect(of(*now), COORDINATOR)
    assert refused(idle.value) == ("confidentiality", "change")


@pytest.mark.parametrize("now", LEVELS, ids=str)
def test_it_is_offered_where_something_can_be_raised(now):
    assert (Action.PROTECT in rights.allowed(COORDINATOR, of(*now))) == bool(RAISED[now])


@pytest.mark.parametrize("status", Status)
def test_in_every_status_its_desk_or_lead_may_and_nobody_else(status):
    """Also of a case that follows another."""
    for before in (case(status), case(status, merged_into=PARENT.number)):
        before = replace(before, agency=LIAISON.agency, supporting=("dlh",))
        for actor in (COORDINATOR, LIAISON):
            after = protecting.protect(before, actor, hidden_from_public=True)
            assert after == replace(before, hidden_from_public=True)
            assert Action.PROTECT in rights.allowed(actor, before)
        for actor in (ARBITER, SUPERVISOR, SUPPORTER, STRANGER, ADMINISTRATOR):
            with pytest.raises(Forbidden):
                protecting.protect(before, actor, hidden_from_public=True)


def test_whom_it_complains_about_raises_nothing():
    against = case(complains_about=("diskominfo",), decider=Role.ARBITER)
    with pytest.raises(Forbidden):
        protecting.protect(against, COORDINATOR, hidden_from_public=True)
    assert protecting.protect(against, ARBITER, hidden_from_public=True).hidden_from_public


@pytest.mark.parametrize(
    "raised", [{"confidentiality": CONFIDENTIAL}, {"hidden_from_public": True}]
)
def test_the_agency_learns_no_moment_any_more(raised):
    before = case(Status.IN_PROGRESS)
    after = protecting.protect(before, LIAISON, **raised)

    assert rights.knows_the_moment(LIAISON, before)
    assert not rights.knows_the_moment(LIAISON, after)
    assert rights.knows_the_moment(COORDINATOR, after)


def test_each_reporter_of_one_handling_has_a_confidentiality_of_their_own():
    child, parent = domain.merge(case(number="KTB-22222-22222"), COORDINATOR, PARENT, RULES)
    raised = protecting.protect(parent, COORDINATOR, confidentiality=CONFIDENTIAL)

    assert domain.follow(child, raised).confidentiality is OPEN
    hidden = protecting.protect(child, COORDINATOR, hidden_from_public=True)
    assert domain.follow(hidden, raised).hidden_from_public
