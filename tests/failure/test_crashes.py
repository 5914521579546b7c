"""Whatever dies while reports are under way: what was accepted is accounted for, once.

`settle` allows 30 s from recovery to an empty system.
"""

import pytest

from tests.failure.accounting import mails_of, settle, unaccounted, under_way
from tests.harness.waiting import eventually

pytestmark = [pytest.mark.fault, pytest.mark.alone]

REPORTS = 200


def in_flight(system, accepted):
    """Makes sure that whoever was killed has left something behind, and that more is coming."""
    assert len(accepted.numbers) < REPORTS
    eventually(lambda: unaccounted(system, accepted), "what was on its way")


@pytest.mark.parametrize("service", ["intake", "routing", "notify", "escalation"])
def test_a_killed_worker_loses_and_doubles_nothing(own_system, service):
    name = f"{service}-worker"
    with under_way(own_system, REPORTS) as accepted:
        own_system.process(name).kill()
        in_flight(own_system, accepted)
        own_system.wait_ready(name, start=True)

    settle(own_system, accepted)
    sent = mails_of(own_system, accepted)
    assert set(sent) == accepted.numbers
    assert sum(times - 1 for times in sent.values()) <= (8 if service == "notify" else 0)
    assert accepted.statuses.keys() == {201}


def test_a_killed_api_loses_and_doubles_nothing(own_system):
    with under_way(own_system, REPORTS) as accepted:
        own_system.process("intake-api").kill()
        assert len(accepted.numbers) < REPORTS
        own_system.wait_ready("intake-api", start=True)

    settle(own_system, accepted)
    assert max(mails_of(own_system, accepted).values()) == 1


def test_reports_are_accepted_while_the_broker_is_down_and_then_go_their_way(own_system):
    with under_way(own_system, REPORTS) as accepted:
        own_system.broker.process.kill()
        before = len(accepted.numbers)
    assert len(accepted.numbers) > before  # receipts went on without a broker
    assert accepted.statuses.keys() == {201}
    assert unaccounted(own_system, accepted)["routing"]["lost"] > 0  # and nobody had heard of them

    own_system.wait_ready("rabbitmq", start=True)
    settle(own_system, accepted)


def test_a_killed_and_restarted_broker_loses_and_doubles_nothing(own_system):
    with under_way(own_system, REPORTS) as accepted:
        own_system.broker.process.kill()
        in_flight(own_system, accepted)
        own_system.wait_ready("rabbitmq", start=True)

    settle(own_system, accepted)


def test_a_killed_database_gives_no_receipt_that_is_worth_nothing(own_system):
    with under_way(own_system, REPORTS) as accepted:
        own_system.postgres.kill()
        assert len(accepted.numbers) < REPORTS
        own_system.postgres.restart()

    settle(own_system, accepted)
    assert accepted.statuses.keys() <= {201, 502, 503}
    workers = [p for p in own_system.processes() if p.name.endswith("-worker")]
    assert all(worker.running for worker in workers)  # they waited, and did not exit


def test_the_checker_sees_a_lost_a_doubled_and_a_stuck_report(own_system):
    """The negative control: a checker that finds nothing proves nothing."""
    with under_way(own_system, 5) as accepted:
        pass
    settle(own_system, accepted)
    number = next(iter(accepted.numbers))
    one = [number]

    accepted.numbers.add("KTB-00000-00000")
    assert unaccounted(own_system, accepted)["routing"] == {"lost": 1, "doubled": 0}
    accepted.numbers.remove("KTB-00000-00000")

    copied = (
        "INSERT INTO timeline_entry (number, at, what, detail)"
        " SELECT number, at, what, detail FROM timeline_entry WHERE number = %s"
    )
    own_system.psql("intake", copied, one)
    assert unaccounted(own_system, accepted) == {"intake told": {"lost": 0, "doubled": 1}}
    own_system.psql("intake", "DELETE FROM timeline_entry WHERE number = %s", one)

    own_system.psql("routing", "UPDATE inbox SET state = 'parked' WHERE subject = %s", one)
    assert unaccounted(own_system, accepted)["routing stuck"] >= 1
