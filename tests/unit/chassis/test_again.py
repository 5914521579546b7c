"""What the database undid for concurrency is tried again, and two who met part ways."""

import time

import pytest
from psycopg2 import errors
from sqlalchemy.exc import DBAPIError, OperationalError

from chassis.database import again


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


def test_no_two_wait_equally_long():
    pauses = set()
    for _ in range(8):
        work, tried = failing(Undone, 1)
        again(work)
        pauses.add(round(tried[1] - tried[0], 3))

    assert len(pauses) > 2
    assert max(pauses) - min(pauses) > 0.005
