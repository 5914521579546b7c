"""A limit may be said to run once more, as it did or from another moment, after a restore; it is
raised in another stream than the one that says that it runs."""

import pytest

from tests.service.routing.office import ago

F = {"clock": "F", "cycle": 1}


def starts(office, number, at):
    due = ago(office, days=-2)
    office.hear("deadline.started.v1", number, **F, started_at=at, due_at=due, ends_on=due[:10])


def is_raised(office, number):
    above = {"level": 2, "to": "sekda", "agency": None, "due_at": ago(office, days=1)}
    office.hear("deadline.approaching.v1", number, **F, due_at=above["due_at"])
    office.hear("escalation.raised.v1", number, **F, **above)


def shown(office, number):
    [limit] = [d for d in office.case(number)["deadlines"] if d["clock"] == "F"]
    return limit["level"], limit["brought_to"], limit["approached_at"] is not None


@pytest.mark.parametrize(
    ("again", "left"), [("as_it_did", (2, "sekda", True)), ("anew", (0, None, False))]
)
def test_only_one_that_begins_anew_was_brought_to_nobody(office, again, left):
    number, begun = office.bring("disposed"), ago(office, days=9)
    starts(office, number, begun)
    is_raised(office, number)
    assert shown(office, number) == (2, "sekda", True)

    starts(office, number, begun if again == "as_it_did" else ago(office, hours=1))

    assert shown(office, number) == left


def test_one_that_was_raised_before_it_was_heard_of_stays_so(office):
    number = office.bring("disposed")
    is_raised(office, number)

    starts(office, number, ago(office, days=9))

    assert shown(office, number) == (2, "sekda", True)
