"""What the database undid for concurrency is tried again, and two who met part ways."""

import itertools
import random
import time
from collections import Counter

import pytest
from psycopg2 import errors
from sqlalchemy.exc import DBAPIError, OperationalError

from chassis.database import again
from chassis.inbox import pause


class Undone(errors.SerializationFailure):
    """As the server says it; the driver's own class takes no code from outside."""

    pgcode = "40001"


class Locked(errors.LockNotAvailable):
    pgcode = "55P03"


def failing(error, times):
    """Work that fails so often, and notes when it was tried."""
    tried = []

    def work():
        tried.append(time.monotonic())
        if len(tried) <= times:
            raise OperationalError("", {}, error())
        return "done"

    return work, tried


def test_it_is_tried_three_times_in_all():
    work, tried = failing(Undone, 2)
    assert again(work) == "done"
    assert len(tried) == 3

    work, tried = failing(Undone, 3)
    with pytest.raises(DBAPIError):
        again(work)
    assert len(tried) == 3


def test_what_has_waited_for_a_lock_is_not_tried_again():
    work, tried = failing(Locked, 1)
    with pytest.raises(DBAPIError):
        again(work)

    assert len(tried) == 1


def is_spread(pauses, shortest, longest):
    """Whether they lie between these, and in each tenth of that at least half of its share."""
    tenths = Counter(int(10 * (pause - shortest) / (longest - shortest)) for pause in pauses)
    return set(tenths) == set(range(10)) and min(tenths.values()) >= len(pauses) / 20


def test_no_two_wait_equally_long(monkeypatch):
    pauses = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    for _ in range(2_000):
        again(failing(Undone, 2)[0])

    assert is_spread(pauses[0::2], 0.01, 0.05)
    assert is_spread(pauses[1::2], 0.02, 0.10)


@pytest.mark.parametrize(
    "policy",
    [
        lambda: 0.03,
        itertools.cycle([0.01, 0.02, 0.03, 0.04]).__next__,
        lambda: random.uniform(0.02, 0.04),
        lambda: random.uniform(0.01, 0.08),
        lambda: random.gauss(0.03, 0.005),
    ],
    ids=["fixed", "in turns", "narrow", "wide", "around the middle"],
)
def test_pauses_that_are_not_spread_are_noticed(policy):
    """The negative control."""
    assert not is_spread([policy() for _ in range(2_000)], 0.01, 0.05)


def test_an_event_waits_for_its_next_try_unlike_any_other():
    for attempt, seconds in [(1, 1), (2, 3), (3, 9), (20, 3_600)]:
        pauses = [pause(attempt).total_seconds() for _ in range(2_000)]
        assert is_spread(pauses, 0.8 * seconds, 1.2 * seconds)
