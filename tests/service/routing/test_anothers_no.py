"""One handling, two reporters, one answer: one is content or silent, and the other objects."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import REGISTRY

from chassis.inbox import ANYBODY
from tests.service.routing.office import ANSWER, ARCHIVE, Office, pass_limit, told

STANDS = ("status", "closed_how", "stars", "objections", "cycle", "outcome")
GOES_ON = ("in_progress", "accepted", 5, 1, 2, None)


@pytest.fixture
def answered(office: Office) -> tuple[str, str]:
    """A parent and a case that follows it, answered."""
    parent, child = office.bring("in_progress"), office.bring("unverified")
    merge = {"into": parent, "reason": "the same hole"}
    assert office.act(child, "merge", "coordinator", **merge).status_code == 200
    answer(office, parent)
    return parent, child


def answer(office: Office, number: str) -> None:
    verb, as_, body = ANSWER
    done = office.act(number, verb, as_, **body)
    assert done.status_code == 200, done.text


def accept(office: Office, number: str, stars: int = 5) -> None:
    """As intake says it: the mark first."""
    office.hear("report.rated.v1", number, stars=stars)
    office.hear("report.accepted.v1", number)


def stands(office: Office, number: str) -> tuple[object, ...]:
    case = office.case(number)
    return tuple(case[name] for name in STANDS)


def closings(office: Office, number: str) -> list[tuple[str, int]]:
    said = [data for type, data in office.said(number) if type == "case.closed.v1"]
    return [(data["how"], data["cycle"]) for data in said]


def test_a_followers_objection_is_none_the_less_one_because_its_parents_reporter_is_content(
    office, answered
):
    parent, child = answered
    accept(office, parent)

    office.hear("report.objected.v1", child, reason="Not on my side of the road.")

    for number in answered:
        type, said = told(office, number)
        assert (type, said["objections"], said["cycle"]) == ("case.objected.v1", 1, 2)
    assert stands(office, parent) == GOES_ON
    assert stands(office, child) == ("in_progress", None, None, 1, 2, None)
    assert office.case(parent)["ended_at"] is None


def test_who_was_content_is_not_asked_again_nor_closed_by_silence(office, answered):
    parent, child = answered
    accept(office, parent)
    office.hear("report.objected.v1", child)

    answer(office, parent)

    assert [office.case(n)["status"] for n in answered] == ["closed", "answered"]
    assert stands(office, parent)[1:3] == ("accepted", 5)
    assert closings(office, parent) == [("accepted", 1), ("accepted", 2)]
    pass_limit(office, parent, "R", cycle=2)
    pass_limit(office, child, "R", cycle=2)
    assert stands(office, parent)[:3] == ("closed", "accepted", 5)
    assert closings(office, child) == [("auto_closed", 2)]
    last = office.case(parent)["history"][-1]
    assert (last["action"], last["changes"]["said_before"]) == ("accept", True)


def test_another_no_to_another_answer_goes_on_as_the_first(office, answered):
    parent, child = answered
    accept(office, parent)
    for round in (2, 3):
        office.hear("report.objected.v1", child)
        assert told(office, parent)[1]["cycle"] == round
        answer(office, parent)

    assert stands(office, parent) == ("closed", "accepted", 5, 2, 3, "fulfilled")


def test_who_takes_back_that_they_were_content_reopens_with_all_that_follow(office, answered):
    parent, child = answered
    accept(office, parent)
    office.hear("report.objected.v1", child)
    answer(office, parent)

    office.hear("report.reopened.v1", parent, reason="Now it is worse.")

    assert [told(office, n)[0] for n in answered] == ["case.reopened.v1"] * 2
    assert stands(office, parent) == ("in_progress", None, None, 1, 3, None)


def test_who_was_silent_to_the_first_answer_is_asked_of_the_next(office, answered):
    """Their silence is no word: it stands for nothing that was said later."""
    parent, child = answered
    pass_limit(office, parent, "R")
    office.hear("report.objected.v1", child)
    assert told(office, parent)[0] == "case.objected.v1"
    assert stands(office, parent) == ("in_progress", None, None, 1, 2, None)

    answer(office, parent)

    assert [office.case(n)["status"] for n in answered] == ["answered"] * 2
    accept(office, parent, stars=4)
    assert stands(office, parent)[:3] == ("closed", "accepted", 4)


def test_whoever_is_heard_first_the_same_is_true_of_a_parent(office, answered):
    """The objection overtook the acceptance: its reporter had said it of the same answer."""
    parent, child = answered
    office.hear("report.objected.v1", child)

    accept(office, parent)

    assert stands(office, parent) == GOES_ON
    assert "case.refused.v1" not in [type for type, _ in office.said(parent)]
    answer(office, parent)
    assert [office.case(n)["status"] for n in answered] == ["closed", "answered"]
    assert stands(office, parent)[1:3] == ("accepted", 5)


def test_and_of_a_follower(office, answered):
    parent, child = answered
    office.hear("report.objected.v1", parent)

    accept(office, child)

    assert stands(office, child)[:3] == ("closed", "accepted", 5)
    assert office.case(child)["merged_into"] is None
    assert stands(office, parent)[:2] == ("in_progress", None)
    answer(office, parent)
    assert [office.case(n)["status"] for n in answered] == ["answered", "closed"]


def test_nor_does_an_objection_between_mark_and_acceptance_change_anything(office, answered):
    parent, child = answered
    office.hear("report.rated.v1", parent, stars=5)
    office.hear("report.objected.v1", child)
    office.hear("report.accepted.v1", parent)

    assert stands(office, parent) == GOES_ON


@pytest.mark.parametrize("_", range(3))
def test_nor_does_it_matter_when_both_are_heard_at_once(office, answered, _):
    """By two workers. Each locks the handled case first."""
    parent, child = answered
    office.hear("report.rated.v1", parent, stars=5)
    said = [("report.accepted.v1", parent), ("report.objected.v1", child)]
    bodies = [office.body(type, number) for type, number in said]

    with ThreadPoolExecutor(2) as workers:
        done = list(workers.map(lambda b: office.service.inbox.receive(b, ANYBODY), bodies))

    assert done == ["done", "done"]
    assert stands(office, parent) == GOES_ON


def test_each_word_is_counted_once(office, answered):
    parent, child = answered
    before = counted()
    accept(office, parent)
    office.hear("report.objected.v1", child)
    answer(office, parent)

    after = counted()
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 0, 1, 0]


def counted() -> list[float]:
    """How often it was accepted, closed by silence, objected to and reopened."""
    closed = [("lapor_closed_total", {"how": how}) for how in ("accepted", "auto_closed")]
    noes = [("lapor_disagreements_total", {"action": no}) for no in ("object", "reopen")]
    return [REGISTRY.get_sample_value(*sample) or 0 for sample in closed + noes]


def test_who_objected_themselves_has_not_accepted(office, answered):
    """However the two were heard: the negative control."""
    parent, child = answered
    for number in answered:
        office.hear("report.objected.v1", number)
    assert told(office, child)[0] == "case.refused.v1"

    accept(office, parent)

    type, said = told(office, parent)
    assert (type, said["action"], said["reason_code"]) == (
        "case.refused.v1", "accept", "wrong_status",
    )  # fmt: skip
    assert stands(office, parent)[:3] == ("in_progress", None, None)


def test_an_acceptance_that_comes_twice_changes_nothing(office, answered):
    parent, child = answered
    body = office.body("report.accepted.v1", parent)
    for _ in range(2):
        office.service.inbox.receive(body, ANYBODY)
    office.hear("report.objected.v1", child)
    office.service.inbox.receive(body, ANYBODY)

    assert stands(office, parent)[:2] == ("in_progress", "accepted")
    assert closings(office, parent) == [("accepted", 1)]


@pytest.mark.parametrize("seed", range(6))
def test_a_family_ends_the_same_in_whatever_order_its_reporters_are_heard(office, seed):
    """One of three is not content; both others are, and that stays."""
    parent = office.bring("in_progress")
    children = [office.bring("unverified") for _ in range(2)]
    for child in children:
        office.act(child, "merge", "coordinator", into=parent, reason="the same hole")
    answer(office, parent)
    says = [
        lambda: accept(office, parent, stars=5),
        lambda: accept(office, children[0], stars=4),
        lambda: office.hear("report.objected.v1", children[1]),
    ]
    random.Random(seed).shuffle(says)

    for say in says:
        say()

    assert stands(office, parent) == GOES_ON
    assert stands(office, children[0])[:3] == ("closed", "accepted", 4)
    assert stands(office, children[1])[:3] == ("in_progress", None, None)
    answer(office, parent)
    statuses = [office.case(n)["status"] for n in (parent, *children)]
    assert statuses == ["closed", "closed", "answered"]


def test_who_is_content_stays_so_when_their_case_follows_another_one(office, answered):
    parent, child = answered
    accept(office, parent)
    office.hear("report.objected.v1", child)
    other = office.bring("in_progress", received_at="2026-01-05T01:00:00Z")
    merge = {"into": other, "reason": "all the same hole"}
    assert office.act(parent, "merge", "coordinator", **merge).status_code == 200

    answer(office, other)

    assert stands(office, parent)[:3] == ("closed", "accepted", 5)
    assert [office.case(n)["status"] for n in (other, child)] == ["answered", "answered"]
    assert stands(office, other)[1:3] == (None, None)


@pytest.mark.parametrize("word", ["objected", "reopened"])
def test_their_own_no_counts_though_anothers_was_heard_first(office, answered, word):
    """They were content, and are not any more; that the case is handled already changes nothing."""
    parent, child = answered
    accept(office, parent)
    office.hear("report.objected.v1", child)

    office.hear(f"report.{word}.v1", parent, reason="Now it is worse.")

    assert stands(office, parent) == ("in_progress", None, None, 1, 2, None)
    assert "case.refused.v1" not in [type for type, _ in office.said(parent)]
    answer(office, parent)
    assert [office.case(n)["status"] for n in answered] == ["answered"] * 2


def test_who_was_content_and_objects_to_what_became_of_it_is_asked_again(office):
    """Their case was merged into another one afterwards, which was archived."""
    other, content = office.bring("unverified"), office.bring("answered")
    accept(office, content)
    merge = {"into": other, "reason": "the same hole"}
    assert office.act(content, "merge", "coordinator", **merge).status_code == 200
    verb, as_, body = ARCHIVE
    assert office.act(other, verb, as_, **body).status_code == 200

    office.hear("report.objected.v1", content, reason="It is still there.")

    assert stands(office, content)[:3] == ("unverified", None, None)


def test_what_goes_on_for_nobody_any_more_is_over(office, answered):
    parent, child = answered
    accept(office, parent)
    office.hear("report.objected.v1", child)
    assert stands(office, parent) == GOES_ON

    office.hear("report.withdrawn.v1", child, reason="I moved away.")

    assert [office.case(n)["status"] for n in answered] == ["closed", "withdrawn"]
    assert stands(office, parent)[1:3] == ("accepted", 5)
    assert closings(office, parent) == [("accepted", 1), ("accepted", 2)]


def test_while_one_of_the_others_is_left_it_goes_on(office, answered):
    parent, child = answered
    third = office.bring("unverified")
    merge = {"into": parent, "reason": "the same hole"}
    assert office.act(third, "merge", "coordinator", **merge).status_code == 200
    accept(office, parent)
    office.hear("report.objected.v1", child)

    office.hear("report.withdrawn.v1", child)
    assert stands(office, parent)[:2] == ("in_progress", "accepted")

    office.hear("report.withdrawn.v1", third)
    assert stands(office, parent)[:2] == ("closed", "accepted")
