"""However often, from however many connections and however late an event comes again, nothing of
it is there twice, and nobody meets a row that is there already; on the whole system.
"""

import threading
from collections import Counter
from contextlib import suppress
from datetime import timedelta

import httpx
import pytest

from tests.failure.accounting import Accepted, settle, submit, unaccounted
from tests.failure.recording import (
    changed,
    clashes,
    contents,
    doubled_workers,
    echo,
    logged,
    quiet,
    recorded,
    storm,
)
from tests.harness.waiting import eventually

pytestmark = pytest.mark.fault

MEASURED = "SELECT measured_at FROM breaker"
UNCOVERED = """
SELECT count(*) FROM feed_entry e WHERE NOT EXISTS (
    SELECT FROM feed_checkpoint c
    WHERE c.stream = e.stream AND (c.epoch, c.position) >= (e.epoch, e.position))
"""


@pytest.fixture(scope="module")
def lived(system):
    with recorded(system) as recording:
        yield recording


@pytest.fixture
def asked(system, lived):
    """What a reporter is answered who looks again and again meanwhile, by status; nobody was
    answered with a clash."""
    citizen, stopped = lived.reporters[0], threading.Event()
    statuses, before = Counter(), clashes(system)

    def look():
        body = {"number": citizen.number, "code": citizen.code}
        while not stopped.is_set():
            with suppress(httpx.TransportError):  # in a storm of copies a service may be too busy
                statuses[citizen.client.post("/reports/track", json=body).status_code] += 1
            stopped.wait(0.5)

    looking = threading.Thread(target=look)
    looking.start()
    yield statuses
    stopped.set()
    looking.join()
    assert statuses[200] > 0
    assert statuses.keys() <= {200, 503}
    assert clashes(system) == before


def test_copies_that_race_with_the_first_have_one_effect(system, lived, asked):
    """Two workers of each service take the copies of what is still under way, each its part."""
    accepted = Accepted()

    with doubled_workers(system), echo(system.broker, 20) as sent:
        submit(system, 20, accepted)
        settle(system, accepted, seconds=90)
        eventually(lambda: sent["message.delivered.v1"] >= 20, "the last is sent again")
        quiet(system)
        assert unaccounted(system, accepted) == {}


def at_rest(system):
    """Nothing comes by itself for ten minutes: no link of the trail, no checkpoint of the feed."""
    system.clock.move(timedelta(minutes=11))
    system.psql("routing", "UPDATE trail_mark SET at = %s", [system.clock.now()])
    eventually(lambda: system.psql("escalation", UNCOVERED) == [(0,)], "all is covered")
    quiet(system)


@pytest.mark.parametrize("copies", [2, 50])
def test_copies_from_parallel_connections_change_nothing(system, lived, asked, copies):
    at_rest(system)
    before = contents(system)
    errors = len(list(logged(system, "error")))

    storm(system.broker, lived.bodies, copies)
    quiet(system)

    assert changed(before, contents(system)) == []
    assert len(list(logged(system, "error"))) == errors


def test_copies_that_come_a_week_later_change_nothing(system, lived, asked):
    system.clock.move(timedelta(days=7))
    swept = system.clock.now() - timedelta(hours=1)
    eventually(lambda: system.psql("escalation", MEASURED)[0][0] > swept, "a week's sweep")
    quiet(system)
    numbers = [reporter.number for reporter in lived.reporters]
    before = [contents(system, number) for number in numbers]

    storm(system.broker, lived.bodies, 3)
    quiet(system)

    now = [contents(system, number) for number in numbers]
    assert [changed(*pair) for pair in zip(before, now, strict=True)] == [[]] * len(numbers)


def test_an_inbox_that_has_forgotten_is_seen(system, lived):
    """The negative control: without its row an event comes in again. The stream's position still
    keeps it from having its effect twice, and a person is asked; without that too, it has it, or
    clashes with what is there."""
    number, clashed = lived.reporters[0].number, clashes(system)
    before, mine = contents(system, number), Accepted({number})
    assert unaccounted(system, mine) == {}

    system.psql("intake", "DELETE FROM inbox WHERE subject = %s", [number])
    storm(system.broker, lived.bodies, 1)
    quiet(system, parked=True)
    assert changed(before, contents(system, number)) == ["intake.inbox"]
    taken = "SELECT DISTINCT state, reason FROM inbox WHERE subject = %s"
    assert system.psql("intake", taken, [number]) == [("parked", "number taken")]
    assert clashes(system) == clashed

    for table in ("inbox", "position"):
        system.psql("intake", f"DELETE FROM {table} WHERE subject = %s", [number])
    storm(system.broker, lived.bodies, 1)
    eventually(lambda: "intake.timeline_entry" in changed(before, contents(system, number)))
    doubled = {"lost": 0, "doubled": 1}
    eventually(lambda: unaccounted(system, mine).get("intake told") == doubled)
    eventually(lambda: clashes(system) > clashed)
