"""Whatever dies while reports are under way: what was accepted is accounted for, once.

Half a minute after whatever died is started again, the system is empty: its way up is part of that.
"""

import time
from signal import SIGTERM

import pytest

from deploy.local.environment import ROOT
from deploy.local.supervisor import http_ready
from tests.failure.accounting import mails_of, settle, unaccounted, under_way
from tests.harness.copies import copied
from tests.harness.waiting import eventually

pytestmark = [pytest.mark.fault, pytest.mark.patient]

REPORTS = 200
DRAINED_WITHIN = 30  # seconds
SLOW = 5  # seconds that a start takes longer, in the negative control


def in_flight(system, accepted):
    """Makes sure that whoever was killed has left something behind, and that more is coming."""
    assert len(accepted.numbers) < REPORTS
    eventually(lambda: unaccounted(system, accepted), "what was on its way")


def drained(system, accepted, started, within=DRAINED_WITHIN):
    """Returns when all is done; fails when that takes longer since the start of what had died."""
    settle(system, accepted, within, since=started)
    print(f"\ndrained {time.monotonic() - started:.1f} s after the start")


@pytest.mark.parametrize("service", ["intake", "routing", "notify", "escalation"])
def test_a_killed_worker_loses_and_doubles_nothing(system, service):
    name = f"{service}-worker"
    with under_way(system, REPORTS) as accepted:
        system.process(name).kill()
        in_flight(system, accepted)
        started = time.monotonic()
        system.wait_ready(name, start=True)

    drained(system, accepted, started)
    sent = mails_of(system, accepted)
    assert set(sent) == accepted.numbers
    assert sum(times - 1 for times in sent.values()) <= (8 if service == "notify" else 0)
    assert accepted.statuses.keys() == {201}


def test_a_killed_api_loses_and_doubles_nothing(system):
    with under_way(system, REPORTS) as accepted:
        system.process("intake-api").kill()
        assert len(accepted.numbers) < REPORTS
        started = time.monotonic()
        system.wait_ready("intake-api", start=True)

    drained(system, accepted, started)
    assert max(mails_of(system, accepted).values()) == 1


def test_an_api_that_is_told_to_stop_while_it_loads_stops(system):
    api = system.process("notify-api")
    api.stop()
    loaded = api.log.read_text().count("api_started")
    try:
        api.start()
        eventually(http_ready(system.ports["notify"][1], "/health/live"), "its inner port")
        api.signal(SIGTERM)
        eventually(lambda: not api.running, "its end")
        assert api.exit_code == 0
        assert api.log.read_text().count("api_started") == loaded  # it was loading
    finally:
        api.kill()
        system.wait_ready(api.name, start=True)


def test_reports_are_accepted_while_the_broker_is_down_and_then_go_their_way(system):
    with under_way(system, REPORTS) as accepted:
        system.broker.process.kill()
        before = len(accepted.numbers)
    assert len(accepted.numbers) > before  # receipts went on without a broker
    assert accepted.statuses.keys() == {201}
    assert unaccounted(system, accepted)["routing"]["lost"] > 0  # and nobody had heard of them

    started = time.monotonic()
    system.wait_ready("rabbitmq", start=True)
    drained(system, accepted, started)


def test_a_killed_and_restarted_broker_loses_and_doubles_nothing(system):
    with under_way(system, REPORTS) as accepted:
        system.broker.process.kill()
        in_flight(system, accepted)
        started = time.monotonic()
        system.wait_ready("rabbitmq", start=True)

    drained(system, accepted, started)


def test_a_killed_database_gives_no_receipt_that_is_worth_nothing(system):
    with under_way(system, REPORTS) as accepted:
        system.postgres.kill()
        assert len(accepted.numbers) < REPORTS
        started = time.monotonic()
        system.postgres.restart()

    drained(system, accepted, started)
    assert accepted.statuses.keys() <= {201, 502, 503}
    workers = [p for p in system.processes() if p.name.endswith("-worker")]
    assert all(worker.running for worker in workers)  # they waited, and did not exit


def test_a_start_that_takes_longer_is_part_of_the_way_back(system, tmp_path):
    """The negative control: who counted from when a process is ready would not notice."""
    worker = system.process("routing-worker")
    line = "from chassis.cli import main"
    slow = ("services/routing/__main__.py", line, f"import time\ntime.sleep({SLOW})\n{line}")
    slower = copied(tmp_path, [slow])
    with under_way(system, REPORTS) as accepted:
        worker.kill()
        in_flight(system, accepted)
        worker.cwd, started = slower, time.monotonic()
        worker.start()
    try:
        with pytest.raises(AssertionError, match=f"not within {SLOW} s"):
            drained(system, accepted, started, within=SLOW)
    finally:
        worker.cwd = ROOT
        system.restart(worker.name)
    settle(system, accepted)


def test_the_checker_sees_a_lost_a_doubled_and_a_stuck_report(system):
    """The negative control: a checker that finds nothing proves nothing."""
    with under_way(system, 5) as accepted:
        pass
    settle(system, accepted)
    number = next(iter(accepted.numbers))
    one = [number]

    accepted.numbers.add("KTB-00000-00000")
    assert unaccounted(system, accepted)["routing"] == {"lost": 1, "doubled": 0}
    accepted.numbers.remove("KTB-00000-00000")

    copied = (
        "INSERT INTO timeline_entry (number, at, what, detail)"
        " SELECT number, at, what, detail FROM timeline_entry WHERE number = %s"
    )
    system.psql("intake", copied, one)
    assert unaccounted(system, accepted) == {"intake told": {"lost": 0, "doubled": 1}}
    system.psql("intake", "DELETE FROM timeline_entry WHERE number = %s", one)

    system.psql("routing", "UPDATE inbox SET state = 'parked' WHERE subject = %s", one)
    assert unaccounted(system, accepted)["routing stuck"] >= 1
