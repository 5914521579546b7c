"""That a limit has passed is told before that somebody heard of it, whichever stream is faster; and
nothing waits long for what does not come."""

from __future__ import annotations

from itertools import permutations

import pytest

from services.notify import service
from tests.service.notify.desk import RAISED, Desk, known
from tests.service.notify.test_moved_limits import ENDED, ESCALATED, PASSED, hear

TOLD = ["deadline_passed", "escalation_raised"]


@pytest.fixture
def told(desk: Desk) -> Desk:
    known(desk)
    return desk


def order(desk: Desk) -> list[str]:
    """What was sent to the reporter of a passed limit, in the order of the tries."""
    sent = (
        "SELECT about FROM attempt a JOIN message m ON m.id = a.message_id"
        " WHERE place IS NULL AND about IN ('deadline_passed', 'escalation_raised')"
        " ORDER BY started_at"
    )
    return [about for (about,) in desk.database.psql(sent)]


@pytest.mark.parametrize("news", list(permutations((PASSED, ESCALATED))), ids=["after", "before"])
def test_by_day_what_is_heard_first_too_soon_goes_after_it(told: Desk, news) -> None:
    for one in news:
        hear(told, one)
        told.send()
    told.send()

    assert order(told) == TOLD


@pytest.mark.parametrize("news", list(permutations((PASSED, ESCALATED))), ids=["after", "before"])
def test_so_it_is_in_the_morning_after(at_night: Desk, news) -> None:
    hear(at_night, *news)
    assert at_night.send() == 0

    at_night.later(hours=7)
    at_night.send()

    assert order(at_night) == TOLD


def test_what_does_not_come_is_not_waited_for(told: Desk) -> None:
    hear(told, ESCALATED)
    told.send()
    assert order(told) == []

    told.later(seconds=10)
    told.send()

    assert order(told) == TOLD[1:]


def test_who_hears_of_it_days_later_waits_for_nothing(told: Desk) -> None:
    hear(told, PASSED)
    told.send()
    higher = RAISED | ENDED | {"level": 3, "to": "bupati", "at": "2026-12-14T16:00:03Z"}

    hear(told, ("escalation.raised.v1", higher))
    told.send()

    assert order(told) == TOLD


def test_another_round_of_the_same_limit_is_waited_for_by_itself(told: Desk) -> None:
    hear(told, PASSED)
    other = ENDED | {"due_at": "2026-12-10T15:59:59Z", "ends_on": "2026-12-10"}
    at = {"at": "2026-12-10T16:00:03Z"}
    hear(told, ("escalation.raised.v1", RAISED | other | at))
    told.send()
    assert order(told) == TOLD[:1]

    hear(told, ("deadline.passed.v1", other | at))
    told.send()

    assert order(told) == [TOLD[0], *TOLD]


def test_broken_on_purpose_nothing_waits_and_the_order_is_that_of_the_streams(
    told: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service.ledger, "passing_is_told", lambda *_: True)

    hear(told, ESCALATED)
    told.send()
    hear(told, PASSED)
    told.send()

    assert order(told) == TOLD[::-1]
