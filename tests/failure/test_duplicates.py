"""However often, from however many connections and however late an event comes again, nothing of
it is there twice, and nobody meets a row that is there already; on the whole system.
"""

import threading
from collections import Counter
from datetime import timedelta

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


@pytest.fixture(scope="module")
def lived(own_system):
    with recorded(own_system) as recording:
        yield recording


@pytest.fixture
def asked(own_system, lived):
    """What a reporter is answered who looks again and again meanwhile, by status; nobody was
    answered with a clash."""
    citizen, stopped = lived.reporters[0], threading.Event()
    statuses, before = Counter(), clashes(own_system)

    def look():
        body = {"number": citizen.number, "code": citizen.code}
        while not stopped.is_set():
            statuses[citizen.client.post("/reports/track", json=body).status_code] += 1
            stopped.wait(0.5)

    looking = threading.Thread(target=look)
    looking.start()
    yield statuses
    stopped.set()
    looking.join()
    assert statuses.keys() == {200}
    assert clashes(own_system) == before


def test_copies_that_race_with_the_first_have_one_effect(own_system, lived, asked):
    """Two workers of each service take the copies of what is still under way, each its part."""
    accepted = Accepted()

    with doubled_workers(own_system), echo(own_system.broker, 20) as sent:
        submit(own_system, 20, accepted)
        settle(own_system, accepted, seconds=90)
        eventually(lambda: sent["message.delivered.v1"] >= 20, "the last is sent again")
        quiet(own_system)
        assert unaccounted(own_system, accepted) == {}


@pytest.mark.parametrize("copies", [2, 50])
def test_copies_from_parallel_connections_change_nothing(own_system, lived, asked, copies):
    before = contents(own_system)
    errors = len(list(logged(own_system, "error")))

    storm(own_system.broker, lived.bodies, copies)
    quiet(own_system)

    assert changed(before, contents(own_system)) == []
    assert len(list(logged(own_system, "error"))) == errors


def test_copies_that_come_a_week_later_change_nothing(own_system, lived, asked):
    own_system.clock.move(timedelta(days=7))
    swept = own_system.clock.now() - timedelta(hours=1)
    eventually(lambda: own_system.psql("escalation", MEASURED)[0][0] > swept, "a week's sweep")
    quiet(own_system)
    numbers = [reporter.number for reporter in lived.reporters]
    before = [contents(own_system, number) for number in numbers]

    storm(own_system.broker, lived.bodies, 3)
    quiet(own_system)

    now = [contents(own_system, number) for number in numbers]
    assert [changed(*pair) for pair in zip(before, now, strict=True)] == [[]] * len(numbers)


def test_an_inbox_that_has_forgotten_is_seen(own_system, lived):
    """The negative control: without its row an event comes in again. The stream's position still
    keeps it from having its effect twice, and a person is asked; without that too, it has it, or
    clashes with what is there."""
    number, clashed = lived.reporters[0].number, clashes(own_system)
    before, mine = contents(own_system, number), Accepted({number})
    assert unaccounted(own_system, mine) == {}

    own_system.psql("intake", "DELETE FROM inbox WHERE subject = %s", [number])
    storm(own_system.broker, lived.bodies, 1)
    quiet(own_system, parked=True)
    assert changed(before, contents(own_system, number)) == ["intake.inbox"]
    taken = "SELECT DISTINCT state, reason FROM inbox WHERE subject = %s"
    assert own_system.psql("intake", taken, [number]) == [("parked", "number taken")]
    assert clashes(own_system) == clashed

    for table in ("inbox", "position"):
        own_system.psql("intake", f"DELETE FROM {table} WHERE subject = %s", [number])
    storm(own_system.broker, lived.bodies, 1)
    eventually(lambda: "intake.timeline_entry" in changed(before, contents(own_system, number)))
    doubled = {"lost": 0, "doubled": 1}
    eventually(lambda: unaccounted(own_system, mine).get("intake told") == doubled)
    eventually(lambda: clashes(own_system) > clashed)
