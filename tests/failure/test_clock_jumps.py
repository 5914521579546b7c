"""Whatever time does to escalation's worker - stop, jump, go back - each deadline fires once, told
with the moment at which it was due; on the worker's own process.
"""

import time
from collections import Counter

import pytest

from chassis.clock import Clock
from services.escalation.watch import breaker
from tests.harness.waiting import eventually
from tests.service.escalation.office import ONCE, furnished, look_again
from tests.service.escalation.tower import end_of

pytestmark = [pytest.mark.fault, pytest.mark.patient]

FIRST, SECOND = "KTB-23456-00001", "KTB-23456-00002"
AFTER_A_DOWNTIME, IN_TIME = 120, 60  # seconds
DUE = "SELECT data->>'due_at' FROM outbox WHERE type = 'deadline.passed.v1' AND subject = %s"


@pytest.fixture
def office(database, secrets_folder, broker, state):
    with furnished(database("escalation"), secrets_folder, broker, state) as made:
        yield made


def opened(office, number, at):
    """A case of that local time, as if the worker had heard of it then."""
    office.tower.at(at).open(number)


def due(office, number):
    return [moment for (moment,) in office.tower.database.psql(DUE, [number])]


def twice(office):
    """What was told more than once, of whichever case: nothing, when all is well."""
    told = "SELECT subject, type, data->>'clock', data->>'cycle', data->>'level' FROM outbox"
    found = office.tower.database.psql(f"{told} WHERE type ~ '^(deadline|escalation)'")
    return [fact for fact, times in Counter(found).items() if times > 1]


def fires(office, number, within):
    """Waits until a case's V has passed; fails when that takes longer than promised."""
    started = time.monotonic()
    eventually(lambda: office.tower.fired(number)[-2:] == ONCE, seconds=within)
    assert time.monotonic() - started <= within


# What the worker slept through; when V ended in it; and a later case, whose V has not ended.
DOWNTIMES = {
    "four hours": ("2026-11-02", "2026-11-05 22:00", "2026-11-06 02:00", "2026-11-05"),
    "three days": ("2026-11-02", "2026-11-05 22:00", "2026-11-08 22:00", "2026-11-05"),
    "a weekend with Christmas and a joint leave": (
        "2026-12-18", "2026-12-23 20:00", "2026-12-28 08:00", "2026-12-23"
    ),
}  # fmt: skip


@pytest.mark.parametrize("downtime", DOWNTIMES)
def test_what_fell_due_in_a_downtime_fires_once_with_its_own_time(office, downtime):
    began, down, up, last_day = DOWNTIMES[downtime]
    opened(office, FIRST, f"{began} 10:00")
    opened(office, SECOND, f"{down[:10]} 10:00")
    office.at(down)
    office.start()
    eventually(lambda: office.tower.fired(FIRST) == ["approaching V"])
    office.stop()

    office.at(up)
    office.launch().process.start()
    fires(office, FIRST, AFTER_A_DOWNTIME)

    assert due(office, FIRST) == [end_of(last_day)]
    assert due(office, SECOND) == []  # the days that do not count gave it time
    assert twice(office) == []


def test_an_hour_forward_and_back_again_fires_once_and_stalls_nothing(office):
    opened(office, FIRST, "2026-11-02 10:00")
    office.at("2026-11-05 23:59:00")
    worker = office.start()
    eventually(lambda: office.tower.fired(FIRST) == ["approaching V"])

    office.at("2026-11-06 00:59:50")
    fires(office, FIRST, IN_TIME)

    office.at("2026-11-05 23:59:50")
    opened(office, SECOND, "2026-11-02 11:00")  # due in ten seconds, for the second time today
    assert due(office, SECOND) == []  # its reminder may be said: that was due a day ago
    fires(office, SECOND, 10 + IN_TIME)

    assert [due(office, number) for number in (FIRST, SECOND)] == [[end_of("2026-11-05")]] * 2
    assert twice(office) == []
    assert worker.process.running


def test_a_year_forward_fires_nothing_and_back_again_everything_in_time(office):
    crowd = [f"KTB-34567-{n:05}" for n in range(20)]
    for number in crowd:
        opened(office, number, "2026-11-02 10:00")
    office.at("2026-11-05 20:00")
    worker = office.start(BREAKER_FLOOR="50")
    eventually(lambda: all(office.tower.fired(number) == ["approaching V"] for number in crowd))

    office.at("2027-11-05 20:00")
    alarm = 'lapor_escalation_breaker{reason="mass_firing"} 1.0'
    eventually(lambda: alarm in worker.metrics())
    look_again(worker)
    assert {len(office.tower.fired(number)) for number in crowd} == {1}

    office.at("2026-11-05 23:59:50")
    for number in crowd:
        fires(office, number, 10 + IN_TIME)

    assert [due(office, number) for number in crowd] == [[end_of("2026-11-05")]] * len(crowd)
    assert twice(office) == []
    eventually(lambda: alarm not in worker.metrics())


def test_a_worker_that_starts_with_a_clock_weeks_ahead_waits_for_a_person(office):
    opened(office, FIRST, "2026-11-02 10:00")
    office.at("2026-11-06 08:00")
    office.tower.database.psql(
        "UPDATE breaker SET looked_at = clock_timestamp() - interval '15 days'"
    )

    worker = office.start()
    alarm = 'lapor_escalation_breaker{reason="clock_jump"} 1.0'
    eventually(lambda: alarm in worker.metrics())
    look_again(worker)
    assert office.tower.fired(FIRST) == []

    with office.tower.db.begin() as tx:
        breaker.release(tx, "kepala.diskominfo", Clock(office.clock._file))
    fires(office, FIRST, IN_TIME)
    eventually(lambda: alarm not in worker.metrics())


def test_a_breaker_that_lets_everything_through_would_be_seen(office):
    """The negative control of the year: a floor that nothing reaches."""
    opened(office, FIRST, "2026-11-02 10:00")
    office.at("2026-11-05 20:00")
    office.start(BREAKER_FLOOR="100000")
    eventually(lambda: office.tower.fired(FIRST) == ["approaching V"])

    office.at("2027-11-05 20:00")
    eventually(lambda: len(office.tower.fired(FIRST)) > 1, "what must not fire")


def test_a_deadline_that_was_told_twice_would_be_seen(office):
    """The negative control: the same fact again, in a row of its own."""
    opened(office, FIRST, "2026-11-02 10:00")
    office.at("2026-11-06 08:00")
    office.start()
    fires(office, FIRST, AFTER_A_DOWNTIME)
    assert twice(office) == []

    columns = "event_id, source, type, subject, sequence, correlationid, time, data"
    office.tower.database.psql(
        f"INSERT INTO outbox ({columns}) SELECT {columns} FROM outbox"
        " WHERE type = 'deadline.passed.v1'"
    )
    assert [fact[:3] for fact in twice(office)] == [(FIRST, "deadline.passed.v1", "V")]
