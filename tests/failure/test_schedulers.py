"""A thousand deadlines that are due at once fire once each, however many workers take them, whoever
hangs in the middle and whoever loses its database."""

import threading
from collections import Counter
from signal import SIGCONT, SIGSTOP

import pytest
from sqlalchemy import text

from services.escalation.watch import firing
from tests.failure.multiplying import multiply
from tests.harness.waiting import eventually
from tests.service.escalation.office import furnished
from tests.service.escalation.tower import Tower

pytestmark = pytest.mark.fault

MODEL = "KTB-10000-00000"
HOW_MANY = 1_000
TOLD = "SELECT subject, type, data->>'clock', data->>'level' FROM outbox"
FACTS = {
    "deadline.passed.v1": HOW_MANY,
    "escalation.raised.v1": HOW_MANY,
}


@pytest.fixture
def office(database, secrets_folder, broker, state):
    with furnished(database("escalation"), secrets_folder, broker, state) as made:
        yield made


def facts(tower):
    """How often each fact was told that firing tells: subject, type, clock, level."""
    firing = f"{TOLD} WHERE type <> 'deadline.started.v1' AND type ~ '^(deadline|escalation)'"
    return Counter(tower.database.psql(firing))


def twice(tower):
    return {fact for fact, times in facts(tower).items() if times > 1}


def fired(tower):
    return tower.count("SELECT count(*) FROM due WHERE what = 'passed' AND fired_at IS NOT NULL")


@pytest.mark.parametrize("workers", [2, 5])
def test_a_thousand_deadlines_fire_once_whoever_hangs_or_loses_its_database(office, workers):
    tower = office.tower
    tower.open(MODEL)
    multiply(tower, MODEL, HOW_MANY)
    office.at("2026-11-06 08:00")
    hanging, cut_off, *_ = running = [
        office.start(PGAPPNAME=f"worker-{n}", BREAKER_FLOOR="100000") for n in range(workers)
    ]
    eventually(lambda: fired(tower) >= HOW_MANY // 20, seconds=60)

    hanging.process.signal(SIGSTOP)
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
    assert tower.database.psql(cut, ["worker-1"])
    half = max(HOW_MANY // 2, fired(tower) + 100)
    eventually(lambda: fired(tower) >= min(half, HOW_MANY - 1), seconds=120)
    hanging.process.signal(SIGCONT)
    eventually(lambda: fired(tower) == HOW_MANY, seconds=120)

    assert Counter(type for _, type, _, _ in facts(tower).elements()) == FACTS
    assert twice(tower) == set()
    assert cut_off.process.running
    assert all(worker.process.running for worker in running)


def test_without_the_lock_of_a_case_something_would_be_told_twice(office, monkeypatch):
    """The negative control: threads that take cases without locking them."""
    tower: Tower = office.tower
    tower.open(MODEL)
    multiply(tower, MODEL, 60)
    tower.at("2026-11-06 08:00")
    unlocked = firing.OLDEST.text.replace("FOR UPDATE OF c, d SKIP LOCKED", "")
    assert unlocked != firing.OLDEST.text
    monkeypatch.setattr(firing, "OLDEST", text(unlocked))
    started = threading.Barrier(5)

    def sweep():
        started.wait()
        while tower.service.fire_due(tower.clock.at):
            pass

    threads = [threading.Thread(target=sweep) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert twice(tower) != set()
