"""A merged case follows its parent, keeps its own reporter, and leads no accused unit in."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from chassis.errors import Forbidden, Invalid, NotAllowed
from services.routing import accepting, domain, rights
from services.routing.life import (
    Actor,
    Class,
    Confidentiality,
    Kind,
    Promise,
    Role,
    Settling,
    Status,
)
from tests.unit.routing.acts import (
    ARBITER,
    COORDINATOR,
    NOW,
    RULES,
    TEXT,
    case,
    refused,
)


def pair(**parent):
    return case(number="KTB-22222-22222"), case(
        parent.pop("status", Status.DISPOSED), number="KTB-11111-11111", **parent
    )


def test_a_merged_case_follows_its_parent_and_keeps_its_reporter():
    child, parent = pair(agency="dlh")
    child = domain.replace(child, confidentiality=Confidentiality.CONFIDENTIAL)
    follower, _ = domain.merge(child, COORDINATOR, parent, RULES)

    assert (follower.status, follower.agency) == (parent.status, "dlh")
    assert (follower.number, follower.merged_into) == (child.number, parent.number)
    assert follower.confidentiality is Confidentiality.CONFIDENTIAL
    with pytest.raises(NotAllowed):
        domain.follow_up(follower, Actor(Role.LIAISON, "dlh"), RULES, text=TEXT)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"number": "KTB-22222-22222"}, "root"),
        ({"merged_into": "KTB-33333-33333"}, "root"),
        ({"status": Status.WITHDRAWN}, "open"),
        ({"status": Status.CLOSED}, "open"),
        ({"status": Status.ARCHIVED}, "open"),
        ({"status": Status.FORWARDED}, "open"),
        ({"complains_about": ("diskominfo",)}, "known"),
    ],
)
def test_what_cannot_be_followed(changes, rule):
    child, parent = pair()
    with pytest.raises(Invalid) as wrong:
        domain.merge(child, COORDINATOR, domain.replace(parent, **changes), RULES)
    assert refused(wrong.value) == ("into", rule)


def test_what_is_over_is_not_followed_by_what_is_over_either():
    """It would take over the end of the other, and with it the time to object."""
    child, parent = (domain.replace(case, status=Status.ARCHIVED) for case in pair())
    with pytest.raises(Invalid) as wrong:
        domain.merge(child, COORDINATOR, parent, RULES)
    assert refused(wrong.value) == ("into", "open")


@pytest.mark.parametrize(("later", "rule"), [(timedelta(seconds=1), "order"), (timedelta(), None)])
def test_an_earlier_case_does_not_win_days_under_a_later_one(later, rule):
    child, parent = pair()
    parent = domain.replace(parent, received_at=child.received_at + later)
    if rule is None:
        assert domain.merge(child, COORDINATOR, parent, RULES)
        return
    with pytest.raises(Invalid) as wrong:
        domain.merge(child, COORDINATOR, parent, RULES)
    assert refused(wrong.value) == ("into", rule)


EARLY, LATE = NOW - timedelta(days=5), NOW + timedelta(days=5)


@pytest.mark.parametrize(
    ("there", "rule"),
    [
        (None, "order"),
        (Settling(EARLY, LATE + timedelta(seconds=1)), "order"),
        (Settling(EARLY + timedelta(seconds=1), LATE), "order"),
        (Settling(EARLY, LATE), None),
        (Settling(EARLY - timedelta(days=1), LATE - timedelta(days=1)), None),
    ],
)
def test_a_case_whose_time_to_be_settled_runs_wins_no_days_by_following(there, rule):
    child, parent = pair(agency="dlh")
    child = domain.replace(child, status=Status.IN_PROGRESS, agency="dpupr")
    if rule is None:
        assert domain.merge(child, COORDINATOR, parent, RULES, Settling(EARLY, LATE), there)
        return
    with pytest.raises(Invalid) as wrong:
        domain.merge(child, COORDINATOR, parent, RULES, Settling(EARLY, LATE), there)
    assert refused(wrong.value) == ("into", rule)


def test_what_is_over_has_no_time_to_lose():
    child, parent = pair(status=Status.DISPOSED, agency="dlh")
    child = domain.replace(child, status=Status.CLOSED, agency="dpupr")
    assert domain.merge(child, COORDINATOR, parent, RULES, Settling(EARLY, LATE), None)


SOON = NOW + timedelta(days=1)


@pytest.mark.parametrize("stands", [Status.AWAITING_REPORTER, Status.ANSWERED])
@pytest.mark.parametrize(
    ("own", "there", "rule"),
    [
        # it stands, and the other runs: of what it had left, nothing is lost meanwhile
        (Settling(EARLY, LATE, NOW), Settling(EARLY, LATE), None),
        (Settling(EARLY, SOON, NOW), Settling(EARLY, LATE), "order"),
        (Settling(EARLY, None, NOW), Settling(EARLY, LATE), "order"),
        (Settling(EARLY, None), Settling(EARLY, LATE), "order"),
        # it runs, and the other stands: nobody can tell
        (Settling(EARLY, LATE), Settling(EARLY, LATE, NOW), "order"),
        (Settling(EARLY, LATE), Settling(EARLY, SOON, EARLY), "order"),
        # both stand
        (Settling(EARLY, LATE, NOW), Settling(EARLY, LATE, NOW), None),
        (Settling(EARLY, LATE, EARLY), Settling(EARLY, SOON, NOW), None),
        (Settling(EARLY, LATE, NOW), Settling(EARLY, LATE, EARLY), "order"),
        (Settling(EARLY, SOON, EARLY), Settling(EARLY, LATE, NOW), "order"),
        (Settling(EARLY, LATE, EARLY), Settling(EARLY, None, NOW), "order"),
        (Settling(EARLY, LATE, EARLY), Settling(SOON, LATE, NOW), "order"),
        # an answer came late: what has passed has passed with the other as well, or not at all
        (Settling(EARLY, NOW), Settling(EARLY, NOW), None),
        (Settling(EARLY, NOW), Settling(EARLY, LATE, NOW), "order"),
    ],
)
def test_nor_while_a_question_or_an_answer_makes_a_time_stand(stands, own, there, rule):
    is_own = own.since is not None or own.due_at is None
    child, parent = pair(agency="dlh", status=stands if there.since else Status.IN_PROGRESS)
    status = stands if is_own else Status.IN_PROGRESS
    back = Status.IN_PROGRESS
    child = domain.replace(child, status=status, awaited_from=back, agency="dpupr")
    parent = domain.replace(parent, awaited_from=back)
    if rule is None:
        assert domain.merge(child, COORDINATOR, parent, RULES, own, there)
        return
    with pytest.raises(Invalid) as wrong:
        domain.merge(child, COORDINATOR, parent, RULES, own, there)
    assert refused(wrong.value) == ("into", rule)


def test_a_complaint_without_a_class_follows_no_case_that_has_none():
    """It would never be given one, and so no time to be settled in once it stands alone again."""
    child, parent = pair(kind=Kind.ASPIRATION, class_=None)
    unclassified = domain.replace(child, class_=None)
    with pytest.raises(Invalid) as wrong:
        domain.merge(unclassified, COORDINATOR, parent, RULES)
    assert refused(wrong.value) == ("into", "class")
    follower, _ = domain.merge(child, COORDINATOR, parent, RULES)
    assert follower.class_ is child.class_


def test_the_silence_of_one_brings_a_case_that_others_follow_back_to_where_it_was_asked():
    asked = case(Status.AWAITING_REPORTER)
    assert domain.give_up(asked, NOW, RULES, due_at=NOW).status is Status.ARCHIVED
    back = domain.give_up(asked, NOW, RULES, due_at=NOW, followers=1)
    assert (back.status, back.archive_reason, back.ended_at) == (Status.IN_PROGRESS, None, None)


def test_a_merge_does_not_bring_a_case_before_the_unit_it_complains_about():
    child, parent = pair(agency="dlh")
    accused = domain.replace(child, complains_about=("dlh",))
    with pytest.raises(Invalid) as wrong:
        domain.merge(accused, COORDINATOR, parent, RULES)
    assert refused(wrong.value) == ("into", "party")

    _, parent = domain.merge(
        accused, COORDINATOR, domain.replace(parent, status=Status.UNVERIFIED, agency=None), RULES
    )
    with pytest.raises(Invalid):
        domain.dispose(parent, COORDINATOR, NOW, agency="dlh")


def test_whom_the_parent_complains_about_does_not_see_the_follower_either():
    child, parent = pair(complains_about=("diskominfo",))
    child = domain.replace(child, decider=Role.ARBITER)
    follower, parent = domain.merge(child, ARBITER, parent, RULES)
    assert not rights.sees(COORDINATOR, follower)

    against_more = domain.replace(parent, complains_about=("diskominfo", "setda"))
    assert not rights.sees(ARBITER, domain.follow(follower, against_more))


def test_a_followers_reporter_accepts_and_withdraws_for_itself():
    child, parent = pair(status=Status.ANSWERED)
    follower, _ = domain.merge(child, COORDINATOR, parent, RULES)
    for left in (
        accepting.accept(follower, NOW, RULES),
        domain.withdraw(follower, NOW, followers=0),
    ):
        assert left.merged_into is None


def test_a_follower_counts_its_own_rounds():
    child, parent = pair(status=Status.IN_PROGRESS, cycle=3)
    follower, _ = domain.merge(child, COORDINATOR, parent, RULES)
    assert follower.cycle == 1

    assert domain.follow(follower, domain.replace(parent, cycle=4), 1).cycle == 2


def test_a_followers_silence_closes_it_and_parts_it_from_its_parent():
    child, parent = pair(status=Status.ANSWERED)
    follower, _ = domain.merge(child, COORDINATOR, parent, RULES)
    closed = domain.auto_close(follower, NOW, RULES, cycle=follower.cycle)
    assert (closed.status, closed.merged_into) == (Status.CLOSED, None)
    with pytest.raises(NotAllowed):
        domain.give_up(
            domain.replace(follower, status=Status.AWAITING_REPORTER), NOW, RULES, due_at=NOW
        )


def test_a_case_that_others_follow_is_not_withdrawn_from_under_them():
    with pytest.raises(NotAllowed):
        domain.withdraw(case(), NOW, followers=1)


BY = date(2026, 3, 20)
INQUIRY = {"kind": Kind.INFORMATION_REQUEST, "class_": None}
GRAVE = {"class_": Class.SUPERVISORY}


@pytest.mark.parametrize(
    ("own", "other", "promise", "rule"),
    [
        ({}, {}, None, None),
        ({}, {}, Promise(BY, BY, begun=True), None),
        ({}, {}, Promise(BY, BY + timedelta(days=1), begun=True), "order"),
        ({}, {}, Promise(BY, None, begun=True), "order"),
        ({}, {"status": Status.ANSWERED}, Promise(BY, BY, begun=True), None),
        ({}, {"status": Status.ANSWERED}, Promise(BY, None, begun=True), "order"),
        ({"status": Status.ARCHIVED}, {}, Promise(BY, None, begun=True), None),
        # neither has begun
        ({}, {"status": Status.UNVERIFIED}, Promise(BY, None, begun=False), None),
        ({}, {"status": Status.UNVERIFIED, **GRAVE}, Promise(BY, BY, begun=False), "order"),
        (GRAVE, {"status": Status.UNVERIFIED, **GRAVE}, Promise(BY, BY, begun=False), None),
        (INQUIRY, {"status": Status.UNVERIFIED}, Promise(BY, BY, begun=False), None),
        (INQUIRY, {"status": Status.UNVERIFIED}, Promise(BY, None, begun=False), "order"),
        (
            INQUIRY,
            {"status": Status.UNVERIFIED},
            Promise(BY, BY + timedelta(days=1), begun=False),
            "order",
        ),
    ],
)
def test_what_a_receipt_promises_is_not_taken_back_by_a_merge(own, other, promise, rule):
    child, parent = pair(**({"agency": "dlh"} | other))
    child = domain.replace(child, **own)
    if rule is None:
        assert domain.merge(child, COORDINATOR, parent, RULES, None, None, promise)
        return
    with pytest.raises(Invalid) as wrong:
        domain.merge(child, COORDINATOR, parent, RULES, None, None, promise)
    assert refused(wrong.value) == ("into", rule)


def test_no_case_stands_for_what_another_reporter_was_asked():
    child, parent = pair(status=Status.AWAITING_REPORTER, awaited_from=Status.UNVERIFIED)
    with pytest.raises(Invalid) as wrong:
        domain.merge(child, COORDINATOR, parent, RULES)
    assert refused(wrong.value) == ("into", "order")
    asked = domain.request_data(child, COORDINATOR, NOW)
    assert domain.merge(asked, COORDINATOR, parent, RULES)


RETURNED = {"returns": 2, "disposed_at": NOW, "decider": Role.ARBITER}


@pytest.mark.parametrize("status", [Status.UNVERIFIED, Status.AWAITING_REPORTER, Status.FORWARDED])
def test_who_does_not_decide_about_a_case_takes_it_from_nobody_by_a_merge(status):
    child, parent = pair(agency="dlh", status=Status.IN_PROGRESS)
    child = domain.replace(child, status=status, awaited_from=Status.UNVERIFIED, **RETURNED)
    with pytest.raises(Forbidden):
        domain.merge(child, COORDINATOR, parent, RULES)
    assert "merge" not in rights.allowed(COORDINATOR, child)
    assert domain.merge(child, ARBITER, parent, RULES)


def test_the_coordinator_may_still_merge_what_an_agency_has_by_the_arbiters_word():
    child, parent = pair(agency="dlh", status=Status.IN_PROGRESS)
    disposed = domain.replace(child, status=Status.DISPOSED, agency="dpupr", **RETURNED)
    follower, after = domain.merge(disposed, COORDINATOR, parent, RULES)
    assert (follower.returns, follower.decider) == (after.returns, after.decider)
    assert (after.returns, after.decider) == (2, Role.ARBITER)


def test_what_came_back_twice_came_back_to_whatever_it_is_merged_into():
    child, parent = pair(agency="dlh", returns=1)
    follower, after = domain.merge(domain.replace(child, **RETURNED), ARBITER, parent, RULES)
    assert (after.returns, after.decider, follower.decider) == (2, Role.ARBITER, Role.ARBITER)
    back = domain.return_case(after, Actor(Role.LIAISON, "dlh"), RULES)
    assert (back.returns, back.decider) == (3, Role.ARBITER)


@pytest.mark.parametrize(
    ("there", "rule"),
    [
        ({"returns": 0}, "order"),
        ({"returns": 1, "disposed_at": NOW}, "order"),
        ({"returns": 2, "disposed_at": NOW}, None),
    ],
)
def test_what_the_arbiter_has_to_decide_waits_with_no_case_that_has_more_time(there, rule):
    child, parent = pair(status=Status.UNVERIFIED, **there)
    child = domain.replace(child, **RETURNED)
    if rule is None:
        assert domain.merge(child, ARBITER, parent, RULES)
        return
    with pytest.raises(Invalid) as wrong:
        domain.merge(child, ARBITER, parent, RULES)
    assert refused(wrong.value) == ("into", rule)
