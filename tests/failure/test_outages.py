"""The broker is not there yet, is emptied, or hands something over twice: all happens once."""

import shutil
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from signal import SIGCONT, SIGSTOP

import httpx
import pytest

from deploy.rabbitmq.definitions import VHOST
from tests.failure.accounting import Accepted, settle, submit, unaccounted
from tests.harness.checker import numbers, settled
from tests.harness.faults import ask, client_of, command, waiting_for_locks
from tests.harness.publishing import event, publish
from tests.harness.stalls import Stalls
from tests.harness.waiting import eventually
from tests.service.chassis.stories import AT, DESKS

pytestmark = [pytest.mark.fault, pytest.mark.alone]

CONNECTED_WITHIN = 10  # seconds
IN_HAND = 50  # deliveries that a worker may have had before it went deaf
REFILLED_WITHIN = {1_000: 60, 10_000: 300}  # seconds, by how many events


def workers(system):
    return [p for p in system.processes() if p.name.endswith("-worker")]


def health(system, name):
    """What a process says of itself: (it lives, it is ready)."""
    port = system.scrape_targets()[name]

    def good(what):
        url = f"http://127.0.0.1:{port}/health/{what}"
        return httpx.get(url, timeout=5, trust_env=False).is_success

    try:
        return good("live"), good("ready")
    except httpx.TransportError:
        return False, False


def crashed(system, pids):
    """The workers that have ended, or are not the same processes as before."""
    return {w.name for w in workers(system) if not w.running or w.pid != pids[w.name]}


def test_services_that_start_before_the_broker_wait_for_it(system):
    first = Accepted()
    submit(system, 5, first)
    settle(system, first)  # a queue that is younger than a moment is not safe from a kill yet
    system.process("rabbitmq").kill()
    for worker in workers(system):
        worker.stop()
        worker.start()
    pids = {worker.name: worker.pid for worker in workers(system)}
    for name in pids:
        eventually(lambda n=name: health(system, n) == (True, False), name, seconds=60)
    accepted = Accepted()
    submit(system, 10, accepted)
    assert accepted.statuses.keys() == {201}

    with Stalls(system.folder) as stalls:
        system.wait_ready("rabbitmq", start=True)
        started = time.monotonic()
        for name in pids:
            eventually(lambda n=name: health(system, n) == (True, True), name, seconds=60)
        assert stalls.ran(started, time.monotonic()) < CONNECTED_WITHIN
    assert crashed(system, pids) == set()
    settle(system, accepted)

    system.process("notify-worker").kill()  # the negative control: a death is seen,
    assert crashed(system, pids) == {"notify-worker"}
    system.wait_ready("notify-worker", start=True)
    assert crashed(system, pids) == {"notify-worker"}  # and so is a new process in its place


@contextmanager
def deaf(system, *services):
    """Nothing that these are told is taken in; the broker keeps it."""
    names = [f"{service}-worker" for service in services]
    for name in names:
        system.process(name).signal(SIGSTOP)
    try:
        yield
    finally:
        for name in names:
            system.process(name).signal(SIGCONT)


def wipe(system):
    """The broker loses all it had, and starts anew."""
    system.process("rabbitmq").kill()
    shutil.rmtree(system.broker.folder / "data")
    system.wait_ready("rabbitmq", start=True)


def published(system, service):
    asked = "SELECT count(*) FROM outbox WHERE published_at IS NULL"
    return system.psql(service, asked)[0][0] == 0


@pytest.mark.parametrize(
    "events", [1_000, pytest.param(10_000, marks=pytest.mark.slow)], ids="{} events".format
)
def test_a_wiped_broker_is_filled_again(system, events):
    """Each report below is two events that the broker had confirmed and nobody had taken in."""
    before, since = numbers(system), datetime.now(UTC)
    accepted = Accepted()
    with deaf(system, "routing", "notify", "escalation"):
        submit(system, events // 2, accepted)
        eventually(lambda: published(system, "intake"), "all is with the broker", seconds=60)
        wipe(system)
    system.wait_ready("routing-worker")
    gone = unaccounted(system, accepted)["routing"]["lost"]
    assert gone >= events // 2 - IN_HAND  # the negative control: what nobody had taken is gone
    with pytest.raises(AssertionError, match="lost routing case"):  # and stays so, unless
        settled(system, accepted.history.file, before, seconds=2)

    started = time.monotonic()
    for service in system.services:
        said = command(system, service, "replay", "--since", since.isoformat())
        assert "events will be sent again" in said
    settled(system, accepted.history.file, before, seconds=2 * REFILLED_WITHIN[events])
    assert time.monotonic() - started < REFILLED_WITHIN[events]


WAIT = """
CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = 0 AS
$$ BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NEW; END $$;
CREATE TRIGGER wait BEFORE INSERT ON timeline_entry FOR EACH ROW
WHEN (NEW.what = 'case.verified') EXECUTE FUNCTION wait()
"""
# An inbox that remembers neither what it had nor how far it came.
FORGETFUL = """
CREATE FUNCTION forget_id() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.event_id := gen_random_uuid(); RETURN NEW; END $$;
CREATE FUNCTION forget_place() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.sequence := 1; RETURN NEW; END $$;
CREATE TRIGGER forget_id BEFORE INSERT ON inbox FOR EACH ROW EXECUTE FUNCTION forget_id();
CREATE TRIGGER forget_place BEFORE INSERT OR UPDATE ON position FOR EACH ROW
WHEN (NEW.source = '/routing/cases' AND NEW.sequence > 1) EXECUTE FUNCTION forget_place()
"""


def handed_over_twice(system, triggers):
    """An event whose handler waits while the broker, cut off from the worker, hands it over again.
    Returns how often it had its effect, and what had waited for the first handler's end."""
    number = ask(system).json()["number"]
    settle(system, Accepted({number}))
    system.psql("intake", triggers)
    said = {"at": AT, "status": "unverified", "kind": "complaint", "class": "ordinary"}
    verified = event("case.verified.v1", number, 2, said | {"category": "jalan-jembatan"} | DESKS)
    with client_of(system, "intake") as holder:
        holder.execute("SET idle_in_transaction_session_timeout = 0")
        holder.execute("SELECT pg_advisory_xact_lock(7)")
        publish(system.broker, "routing", [verified])
        eventually(lambda: waiting_for_locks(system, "intake"), "the first handler waits")
        system.broker.ctl("close_all_connections", "--vhost", VHOST, "a test cuts them")
        second = eventually(
            lambda: len(w := waiting_for_locks(system, "intake")) > 1 and w[1:], "the second", 60
        )
    stands = "SELECT count(*) FROM timeline_entry WHERE number = %s AND what = 'case.verified'"
    eventually(lambda: system.broker.queues()["intake.cases"] == 0, "all is taken in", seconds=60)
    open_ones = "SELECT 1 FROM inbox WHERE state = 'waiting'"
    eventually(lambda: not system.psql("intake", open_ones), "nothing waits", seconds=60)
    return system.psql("intake", stands, [number])[0][0], second


def test_an_event_that_comes_again_while_it_is_handled_has_one_effect(system):
    effects, second = handed_over_twice(system, WAIT)

    assert effects == 1
    assert any(statement.startswith("EXECUTE claim ") for statement in second)


def test_an_inbox_that_remembers_nothing_is_found_out(system):
    """The negative control of the test before, whose waiting handler is still there."""
    effects, _ = handed_over_twice(system, FORGETFUL)

    assert effects == 2
