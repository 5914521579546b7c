"""What a reporter adds answers the question that they were shown, by its name and not by time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from chassis.errors import NotAllowed
from services.routing import domain
from services.routing.life import Status
from tests.unit.routing.acts import NOW, case

EARLIER, OPEN, LOST = (UUID(int=n) for n in (1, 2, 3))
WAITING = case(Status.AWAITING_REPORTER, asked_at=NOW)
BACK = replace(WAITING, status=Status.IN_PROGRESS, awaited_from=None)


@pytest.mark.parametrize(
    ("asked", "shown", "sure", "answered"),
    [
        ([OPEN], OPEN, True, True),
        ([EARLIER, OPEN], OPEN, True, True),
        ([EARLIER, OPEN], OPEN, False, True),
        ([EARLIER, OPEN], EARLIER, True, False),  # which was answered or cancelled
        ([EARLIER, OPEN], None, True, False),
        ([EARLIER, OPEN], EARLIER, False, None),  # intake may have shown the other and forgotten
        ([EARLIER, OPEN], None, False, None),
        ([EARLIER, OPEN], LOST, True, None),  # routing has forgotten it
        ([], LOST, True, None),
        ([], None, True, None),
    ],
)
def test_the_question_that_was_shown_is_answered_if_it_is_the_one_that_is_open(
    asked, shown, sure, answered
):
    assert domain.is_answered(asked, shown, sure=sure) is answered


@pytest.mark.parametrize("minutes", [-10, 10])
@pytest.mark.parametrize("answers", [True, False])
def test_the_clock_of_who_showed_a_question_decides_nothing_where_its_name_tells(minutes, answers):
    after = domain.supplement(WAITING, NOW + timedelta(minutes=minutes), answers=answers)
    assert after == (BACK if answers else WAITING)


@pytest.mark.parametrize(("seconds", "answers"), [(-61, False), (-60, True), (0, True), (1, True)])
def test_where_nothing_tells_what_was_written_before_a_question_does_not_answer_it(
    seconds, answers
):
    """By up to a minute the clocks of who wrote it down and of who asked may differ."""
    after = domain.supplement(WAITING, NOW + timedelta(seconds=seconds), answers=None)
    assert after == (BACK if answers else WAITING)


@pytest.mark.parametrize(
    ("minutes", "remembers"), [(-60, False), (0, False), (2, False), (3, True)]
)
def test_who_was_restored_after_a_question_may_have_forgotten_it(minutes, remembers):
    """The restore is known to the minute, and clocks differ."""
    assert domain.remembers(NOW, NOW + timedelta(minutes=minutes)) is remembers


@pytest.mark.parametrize("answers", [True, False, None])
@pytest.mark.parametrize("status", [Status.ARCHIVED, Status.CLOSED, Status.WITHDRAWN])
def test_what_is_over_takes_no_addition_whatever_it_answers(status, answers):
    with pytest.raises(NotAllowed):
        domain.supplement(case(status), NOW, answers=answers)


@pytest.mark.parametrize("answers", [True, False, None])
def test_a_case_that_waits_for_nothing_stays_where_it_is(answers):
    at_work = case(Status.IN_PROGRESS)
    assert domain.supplement(at_work, NOW, answers=answers) == at_work
