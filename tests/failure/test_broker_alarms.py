"""The broker has no space: reports are accepted as ever, an operator hears of it in a minute, and
all goes its way once there is space again."""

import shutil
import time
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from tests.failure.accounting import Accepted, settle, submit, unaccounted
from tests.harness.alerts import watched
from tests.harness.faults import Disk, command, measured
from tests.harness.waiting import eventually
from tests.harness.whole import needs_root

pytestmark = [pytest.mark.fault, pytest.mark.patient]

ALERTED_WITHIN = 60  # seconds
DRAINED_WITHIN = 60  # seconds
REPORTS = 40
WAY = 2.0  # seconds: in much less a report is routed when nothing is blocked


@contextmanager
def disk_alarm(system):
    system.broker.ctl("set_disk_free_limit", "900000GB")
    try:
        yield
    finally:
        system.broker.ctl("set_disk_free_limit", "256MB")


@contextmanager
def memory_alarm(system):
    system.broker.ctl("set_vm_memory_high_watermark", "0")
    try:
        yield
    finally:
        system.broker.ctl("set_vm_memory_high_watermark", "0.4")


@pytest.fixture(scope="module")
def watch(system, cache):
    """Prometheus, as an installation has it."""
    with watched(system, cache) as one:
        yield one


def blocked(system, accepted):
    """Sends reports while the broker takes nothing; all have receipts, and none has left."""
    submit(system, REPORTS, accepted)
    assert accepted.statuses.keys() == {201}
    time.sleep(WAY)
    assert unaccounted(system, accepted).get("routing") == {"lost": REPORTS, "doubled": 0}


def stuck(watch):
    """The services whose outbox alarms."""
    return {labels["service"] for labels in watch.alerts("firing").get("OutboxStuck", [])}


@pytest.mark.parametrize("alarm", [disk_alarm, memory_alarm])
def test_an_alarm_blocks_no_reporter_and_is_heard_of_in_a_minute(system, watch, alarm):
    assert stuck(watch) == set()  # the negative control: nothing fires while all is well
    accepted = Accepted()
    with alarm(system):
        started = time.monotonic()
        blocked(system, accepted)
        eventually(lambda: "intake" in stuck(watch), "the alert", seconds=120, every=0.5)
        alerted = time.monotonic() - started
        assert measured(system, "intake", "lapor_outbox_unpublished") >= REPORTS
    settle(system, accepted, seconds=DRAINED_WITHIN)

    assert alerted < ALERTED_WITHIN
    eventually(lambda: stuck(watch) == set(), "the alert is over", seconds=60)


@needs_root
def test_a_broker_whose_disk_was_really_full_is_emptied_and_filled_again(system):
    """What the alarm is there to prevent: the queues of RabbitMQ 3.10 do not outlive it. Then the
    broker starts from nothing, and the services send again, as the runbook has it."""
    since, broker, accepted = datetime.now(UTC), system.broker, Accepted()
    system.process("rabbitmq").stop()
    disk = Disk(broker.folder / "data", spare=16)
    disk.mount()
    try:
        system.wait_ready("rabbitmq", start=True)
        broker.ctl("set_disk_free_limit", "0")  # so that no alarm comes before the disk is full
        submit(system, 5, accepted)
        settle(system, accepted, seconds=60)
        disk.fill()
        submit(system, REPORTS, accepted)
        assert accepted.statuses.keys() == {201}
        eventually(lambda: age_over(system, 5), "the age of what waits", seconds=60)
    finally:
        system.process("rabbitmq").kill()
        disk.unmount()
    shutil.rmtree(broker.folder / "data")
    system.wait_ready("rabbitmq", start=True)
    for service in system.services:
        command(system, service, "replay", "--since", since.isoformat())
    settle(system, accepted, seconds=DRAINED_WITHIN)


def age_over(system, seconds):
    age = measured(system, "intake", "lapor_outbox_age_seconds")
    return age if age > seconds else None


def test_a_receipt_that_waits_for_the_broker_would_be_noticed(system):
    """The negative control: while nothing is blocked, receipts do not come before all else."""
    accepted = Accepted()
    with pytest.raises(AssertionError, match="lost"):
        blocked(system, accepted)
    settle(system, accepted)
