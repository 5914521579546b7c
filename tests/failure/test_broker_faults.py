"""A broker that dies, hangs or cannot be reached: reports are taken as always, none is lost."""

import json
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from signal import SIGCONT, SIGSTOP

import psutil
import pytest

from tests.harness.checker import settled
from tests.harness.copies import mistaken
from tests.harness.faults import has_said, hear
from tests.harness.final import Final
from tests.harness.history import calls
from tests.harness.networks import swallowing
from tests.harness.proxy import DOWN, UP
from tests.harness.stalls import Stalls
from tests.harness.waiting import eventually
from tests.harness.workload import SUBMIT

pytestmark = [pytest.mark.fault, pytest.mark.patient]

ENGINE = "rabbitmq"  # what the networks lead to
RESUMED = 15  # seconds from the open port to the first event
DRAINED = 60  # seconds for a thousand events
AWAY = "broker_away"  # what a worker says then
NOTICED = 40  # seconds: three heartbeats and a little
GIVEN_UP = 5.5  # seconds for each try, and a little to get there
PAUSE = 1.0  # seconds from a try that failed to the next
RATE = 3  # reports a second, where their number does not matter
BUSY, BACKLOG = 50, 1_000  # reports a second, and events that wait, where it does
ANSWERED = 2.0  # seconds for the slowest receipt


@pytest.fixture(scope="module")
def system(parts):
    return parts[0]


@pytest.fixture(scope="module")
def stalls(system):
    with Stalls(system.folder) as stalls:
        yield stalls


@pytest.fixture(scope="module")
def work(stalls, work):
    """What stalls meanwhile is known from its first report on."""
    return work


@pytest.mark.parametrize("seconds", [45, pytest.param(90, marks=pytest.mark.slow)])
def test_a_frozen_broker_is_given_up_at_each_try_and_noticed(
    system, work, stalls, tmp_path, seconds
):
    """Routing's worker is the negative control: its first try is patient, and that must be seen."""
    patient = ("chassis/wire.py", "CONFIRM_TIMEOUT = 5.0", "CONFIRM_TIMEOUT = 10.0")
    with mistaken(system, "routing-worker", tmp_path, [patient]):
        with work.flow(RATE, clients=4), frozen(system.broker.process) as since:
            at = datetime.now(UTC)
            say_again(system, "routing")
            noticed = hear(system, system.services, AWAY, since, at, NOTICED)
            eventually(lambda: time.monotonic() - since >= seconds, "its time", seconds)
            tried, patiently = (tries(system, who, at, stalls) for who in ("intake", "routing"))
            assert confirmed(system, at) == 0
            assert unsaid(system) >= 2 * RATE * seconds * 0.8
        drain(system, time.monotonic() + DRAINED)
        settled(system, work.history.file)

    print(f"\nseconds: {tried}; noticed {noticed}; patiently: {patiently}")
    assert max(tried) <= GIVEN_UP + PAUSE
    assert max(patiently) > GIVEN_UP + PAUSE
    assert only_receipts(work)


@pytest.mark.parametrize("seconds", [45, pytest.param(60, marks=pytest.mark.slow)])
def test_a_network_that_swallows_bytes_is_noticed_and_costs_nothing(
    system, work, networks, tmp_path, seconds
):
    """Each of its own kind. Escalation's worker is the negative control: it looks at no heartbeat,
    and nobody can say that it noticed."""
    parted = {"intake": (UP, DOWN), "routing": (UP,), "notify": (DOWN,), "escalation": (UP, DOWN)}
    careless = ("chassis/service.py", "connection.heartbeat_tick()", "pass")
    with mistaken(system, "escalation-worker", tmp_path, [careless]):
        with work.flow(RATE, clients=4):
            before = work.receipts()
            eventually(lambda: work.receipts() > before)
            with swallowing({networks[s]: directions for s, directions in parted.items()}) as since:
                at = datetime.now(UTC)
                noticed = hear(system, ("intake", "routing", "notify"), AWAY, since, at, NOTICED)
                eventually(lambda: time.monotonic() - since >= NOTICED, "its time", NOTICED)
                assert not has_said(system, "escalation-worker", AWAY, at)
                eventually(lambda: time.monotonic() - since >= seconds, "its time", seconds)
        print(f"\nnoticed {noticed}")
        drain(system, time.monotonic() + DRAINED)
    settled(system, work.history.file)
    assert only_receipts(work)


@pytest.mark.alone  # a rate is kept only where nothing else runs
@pytest.mark.parametrize("end", ["kill", "stop"])
def test_reports_come_in_while_the_broker_is_away_and_go_on_when_it_is_back(
    system, work, stalls, end
):
    with work.flow(BUSY):
        eventually(lambda: unsaid(system) > 0)
        getattr(system.broker.process, end)()
        before, gone = work.receipts(), datetime.now(UTC)
        eventually(lambda: unsaid(system) >= BACKLOG, "a backlog", 120)
        kept = (work.receipts() - before) / (datetime.now(UTC) - gone).total_seconds()
        system.wait_ready("rabbitmq", start=True)
        waited = unsaid(system)
        opened, at = time.monotonic(), datetime.now(UTC)
        eventually(lambda: published(system, at), "the first event", RESUMED)
    drain(system, opened + DRAINED, of="/intake/")
    drained = time.monotonic() - opened
    said = "SELECT count(*) FROM outbox WHERE emitted_at > %s"
    came = sum(system.psql(service, said, [gone])[0][0] for service in system.services)
    drain(system, opened + DRAINED * max(1, came / 1000))
    settled_after = time.monotonic() - opened
    settled(system, work.history.file)

    print(f"\n{end}: {kept:.0f} reports/s, {waited} events waited, {drained:.1f} s until they were"
          f" taken in, {settled_after:.1f} s with all {came} that came")  # fmt: skip
    assert kept > 0.8 * BUSY
    receipts = [call for call in calls(work.history.lines()) if call.operation == SUBMIT]
    assert max(stalls.ran(call.began, call.ended) for call in receipts) < ANSWERED
    assert only_receipts(work)


def test_an_intake_that_does_not_answer_and_limits_that_were_not_kept_are_noticed(system, work):
    """The negative control of the judges of all tests before."""
    with work.flow(20):
        system.process("intake-api").kill()
        eventually(lambda: not only_receipts(work), "a refusal")
        system.wait_ready("intake-api", start=True)
    drain(system, time.monotonic() + DRAINED)
    settled(system, work.history.file)

    some = "(SELECT min(number) FROM deadline)"
    system.psql("routing", f"DELETE FROM deadline WHERE number = {some}")
    with pytest.raises(AssertionError, match="lost routing deadline"):
        settled(system, work.history.file, seconds=0)


@contextmanager
def frozen(process):
    stopped = psutil.Process(process.pid)
    process.signal(SIGSTOP)
    try:
        eventually(lambda: stopped.status() == psutil.STATUS_STOPPED, "it stands still")
        yield time.monotonic()
    finally:
        process.signal(SIGCONT)


def drain(system, until, of=""):
    """Returns when all is said and taken in, if told so only what a service says itself; fails
    when it is not at a moment."""
    with Final(system) as now:

        def left():
            missing = {place for place in now.unheard() if of in place}
            return missing | (now.unsettled().keys() if not of else set())

        patience = until - time.monotonic()
        eventually(lambda: not left(), f"all of {of} is taken in", patience, every=0.5)


def unsaid(system):
    """How many events of intake's wait to be published."""
    return system.psql("intake", "SELECT count(*) FROM outbox WHERE published_at IS NULL")[0][0]


def published(system, since):
    """How many events of intake's the broker has confirmed since a moment."""
    asked = "SELECT count(*) FROM outbox WHERE published_at > %s"
    return system.psql("intake", asked, [since])[0][0]


def confirmed(system, since):
    """How many of the events that intake had to say since a moment the broker has confirmed. What
    it confirmed before that moment may be marked after it."""
    asked = "SELECT count(*) FROM outbox WHERE emitted_at > %s AND published_at IS NOT NULL"
    return system.psql("intake", asked, [since])[0][0]


def say_again(system, service):
    """Lets a service have something to say: what its receivers know already."""
    first = "(SELECT min(id) FROM outbox)"
    system.psql(service, f"UPDATE outbox SET published_at = NULL WHERE id = {first}")


def only_receipts(work):
    """Whether every request was answered, and with a receipt."""
    return {line.kind for line in work.history.lines()} == {"invoke", "ok"}


def tries(system, service, since, stalls):
    """For how many seconds each try to publish since a moment lasted, with the pause before it; and
    how long the last one has by now."""
    lines = map(json.loads, system.process(f"{service}-worker").log.read_text().splitlines())
    failed = [
        datetime.fromisoformat(line["timestamp"])
        for line in lines
        if line["event"] == "wakeup_failed" and line["name"] == "publish"
    ]
    steady = time.monotonic() - datetime.now(UTC).timestamp()
    ends = [since, *(end for end in failed if end > since), datetime.now(UTC)]
    moments = [steady + end.timestamp() for end in ends]
    return [stalls.ran(*both) for both in pairwise(moments)]
