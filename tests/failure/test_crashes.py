"""Whatever dies while reports are under way: what was accepted is accounted for, once.

`settle` allows 30 s from recovery to an empty system.
"""

from signal import SIGTERM

import pytest

from deploy.local.supervisor import http_ready
from tests.failure.accounting import mails_of, settle, unaccounted, under_way
from tests.harness.waiting import eventually

pytestmark = [pytest.mark.fault, pytest.mark.patient]

REPORTS = 200


def in_flight(system, accepted):
    """Makes sure that whoever was killed has left something behind, and that more is coming."""
    assert len(accepted.numbers) < REPORTS
    eventually(lambda: unaccounted(system, accepted), "what was on its way")


@pytest.mark.parametrize("service", ["intake", "routing", "notify", "escalation"])
def test_a_killed_worker_loses_and_doubles_nothing(system, service):
    name = f"{service}-worker"
    with under_way(system, REPORTS) as accepted:
        system.process(name).kill()
        in_flight(system, accepted)
        system.wait_ready(name, start=True)

    settle(system, accepted)
    sent = mails_of(system, accepted)
    assert set(sent) == accepted.numbers
    assert sum(times - 1 for times in sent.values()) <= (8 if service == "notify" else 0)
    assert accepted.statuses.keys() == {201}


def test_a_killed_api_loses_and_doubles_nothing(system):
    with under_way(system, REPORTS) as accepted:
        system.process("intake-api").kill()
        assert len(accepted.numbers) < REPORTS
        system.wait_ready("intake-api", start=True)

    settle(system, accepted)
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

    system.wait_ready("rabbitmq", start=True)
    settle(system, accepted)


def test_a_killed_and_restarted_broker_loses_and_doubles_nothing(system):
    with under_way(system, REPORTS) as accepted:
        system.broker.process.kill()
        in_flight(system, accepted)
        system.wait_ready("rabbitmq", start=True)

    settle(system, accepted)


def test_a_killed_database_gives_no_receipt_that_is_worth_nothing(system):
    with under_way(system, REPORTS) as accepted:
        system.postgres.kill()
        assert len(accepted.numbers) < REPORTS
        system.postgres.restart()

    settle(system, accepted)
    assert accepted.statuses.keys() <= {201, 502, 503}
    workers = [p for p in system.processes() if p.name.endswith("-worker")]
    assert all(worker.running for worker in workers)  # they waited, and did not exit


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
