"""What a reporter adds answers the question that they were shown; by time only where none is
named, or may have been forgotten."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import uuid4

import pytest

from chassis.events import EPOCH
from chassis.inbox import ANYBODY
from tests.service.routing.office import ASK, CANCEL, ago, notes, pass_limit, question, told

WAITS, GOES_ON = "awaiting_reporter", "unverified"
MINUTE = 60
apart = pytest.mark.parametrize("minutes", [-10, 10])


def asked(office, number=None):
    """A case whose reporter was asked, perhaps again."""
    number = number or office.bring("unverified")
    assert office.act(number, *ASK[:2], **ASK[2]).status_code == 200
    return number


def add(office, number, shown, **more):
    """The reporter adds something while that question, or none, is shown; how the case stands."""
    told = {"text": "At kilometre 12.", "question_id": shown}
    assert office.hear("report.supplemented.v1", number, **told | more) == "done"
    return office.case(number)["status"]


def add_as(office, number, changed, **more):
    """The same of another intake: `changed` makes its event of ours."""
    event = json.loads(office.body("report.supplemented.v1", number, **more))
    changed(event)
    assert office.service.inbox.receive(json.dumps(event).encode(), ANYBODY) == "done"
    return office.case(number)["status"]


def by_a_clock(office, minutes):
    """What another service's clock says now."""
    return ago(office, minutes=-minutes)


@apart
def test_an_answer_is_one_by_whichever_clock_it_was_written(office, minutes):
    number = asked(office)
    put_at = told(office, number)[1]["at"]
    at = by_a_clock(office, minutes)

    assert add(office, number, question(office, number), at=at) == GOES_ON

    type, said = told(office, number)
    assert (type, said["how"]) == ("case.resumed.v1", "supplied")
    assert said["at"] == max(put_at, at)  # no clock went on before it stood


@apart
@pytest.mark.parametrize("shown", [None, "the one before"])
def test_what_was_written_before_a_question_is_kept_and_the_question_stays(office, shown, minutes):
    number = asked(office)
    before = question(office, number)
    add(office, number, before)
    at = by_a_clock(office, minutes)
    asked(office, number)
    said = office.said(number)

    assert add(office, number, before if shown else None, text="It got worse.", at=at) == WAITS

    assert office.said(number) == said
    assert ("supplement", "It got worse.") in notes(office, number)
    assert add(office, number, question(office, number)) == GOES_ON


def test_an_answer_to_a_question_that_was_taken_back_answers_no_other(office):
    number = asked(office)
    first = question(office, number)
    office.act(number, *CANCEL[:2], **CANCEL[2])
    assert add(office, number, first) == GOES_ON
    asked(office, number)

    assert add(office, number, first) == WAITS
    assert add(office, number, None) == WAITS
    assert add(office, number, question(office, number)) == GOES_ON


def test_a_question_is_told_from_the_one_before_also_if_the_clock_was_set_back(office):
    office.later(minutes=5)
    number = asked(office)
    first = question(office, number)
    office.act(number, *CANCEL[:2], **CANCEL[2])
    office.later(minutes=-5)
    asked(office, number)

    assert add(office, number, first) == WAITS
    assert add(office, number, question(office, number)) == GOES_ON


def test_what_is_added_when_the_time_for_that_is_over_is_refused_and_not_lost(office):
    number = asked(office)
    named, due = question(office, number), ago(office, days=-30)
    office.hear("deadline.passed.v1", number, clock="D", cycle=1, due_at=due)

    assert add(office, number, named) == "archived"

    type, said = told(office, number)
    assert (type, said["reason_code"]) == ("case.refused.v1", "wrong_status")
    assert notes(office, number) == [("supplement", "At kilometre 12.")]


def test_an_answer_that_is_taken_before_its_time_is_over_is_not_given_up(office):
    number = asked(office)
    add(office, number, question(office, number), at=by_a_clock(office, -10))

    assert pass_limit(office, number, "D") == "done"

    assert office.case(number)["status"] == GOES_ON


# --- those whose reports follow another one


@pytest.fixture
def merged(office):
    """A case that another one follows."""
    parent, child = office.bring("in_progress"), office.bring("unverified")
    office.act(child, "merge", "coordinator", into=parent, reason="the same hole")
    return parent, child


@apart
@pytest.mark.parametrize("who", [0, 1])
def test_each_of_several_reporters_answers_by_what_they_were_shown(office, merged, who, minutes):
    """The question, or that another reporter was asked: each reads a reply of their own."""
    office.act(merged[0], "data-request", "liaison", **ASK[2])
    number, other = merged[who], merged[1 - who]
    at = by_a_clock(office, minutes)
    assert question(office, number) != question(office, other)

    assert add(office, number, None, at=at) == WAITS
    assert add(office, number, question(office, number), at=at) == "in_progress"

    assert [told(office, n)[0] for n in merged] == ["case.resumed.v1"] * 2
    assert notes(office, other) == []


def test_who_joins_a_case_whose_reporter_was_asked_answers_by_what_they_read_then(office):
    parent, child = asked(office), asked(office)
    own = question(office, child)
    office.act(child, "merge", "coordinator", into=parent, reason="the same hole")

    assert add(office, child, own) == WAITS  # another question, which nobody waits for any more
    assert add(office, child, question(office, child)) == GOES_ON
    assert told(office, parent)[0] == "case.resumed.v1"


# --- where the name of a question does not tell


@pytest.mark.parametrize(("minutes", "status"), [(-10, WAITS), (10, GOES_ON)])
def test_an_older_intake_names_no_question_so_its_time_counts(office, minutes, status):
    """Also of an answer, which is a defect: why questions are named."""
    number, at = asked(office), by_a_clock(office, minutes)

    def of_an_older_version(event):
        del event["data"]["question_id"]

    assert add_as(office, number, of_an_older_version, at=at) == status


@pytest.mark.parametrize(("minutes", "status"), [(-10, WAITS), (10, GOES_ON)])
def test_of_a_question_that_a_restore_took_from_here_the_time_counts(office, minutes, status):
    number, lost = asked(office), "f0000000-0000-4000-8000-000000000001"
    assert add(office, number, lost, at=by_a_clock(office, minutes)) == status


@pytest.mark.parametrize("shown", [None, "the one before"])
@pytest.mark.parametrize(
    ("restored", "minutes", "status"),
    [(10, 10, GOES_ON), (10, -10, WAITS), (-10, 10, WAITS), (None, 10, WAITS)],
)
def test_what_a_restore_took_from_intake_may_have_been_shown_so_the_time_counts(
    office, shown, restored, minutes, status
):
    """It was read, and then forgotten where it was read; the event's number says when that was."""
    number = asked(office)
    before = question(office, number)
    add(office, number, before)
    asked(office, number)

    def from_another_epoch(event):
        if restored is not None:
            minute = int((office.clock.now() + timedelta(minutes=restored)).timestamp()) // MINUTE
            event["sequence"] = minute * EPOCH + 1

    told = {"question_id": before if shown else None, "at": by_a_clock(office, minutes)}
    assert add_as(office, number, from_another_epoch, **told) == status


def test_who_was_restored_knows_what_it_shows(office):
    number = asked(office)
    minute = int(office.clock.now().timestamp()) // MINUTE + 10

    def from_another_epoch(event):
        event["sequence"] = minute * EPOCH + 1

    told = {"question_id": question(office, number), "at": by_a_clock(office, -10)}
    assert add_as(office, number, from_another_epoch, **told) == GOES_ON


@pytest.mark.parametrize("status", ["unverified", "in_progress"])
def test_who_answers_a_question_that_a_restore_has_taken_hears_that_the_case_goes_on(
    office, status
):
    number = office.bring(status)

    assert add(office, number, str(uuid4())) == status

    type, said = told(office, number)
    assert (type, said["how"], said["status"]) == ("case.resumed.v1", "supplied", status)


def test_who_adds_to_what_is_over_or_asked_since_hears_nothing_of_a_lost_question(office):
    number = asked(office)
    before = told(office, number)
    assert add(office, number, str(uuid4())) == GOES_ON  # as by its time: rather ask again
    over = office.bring("archived")
    ended = told(office, over)

    office.hear("report.supplemented.v1", over, text="At kilometre 12.", question_id=str(uuid4()))

    assert told(office, number) != before
    assert told(office, over)[0] in (ended[0], "case.refused.v1")
