"""A worker that is blocked for longer than the broker waits: it is heard of, and costs nothing."""

import time

import httpx
import pytest

from tests.harness.alerts import watched
from tests.harness.checker import check, settled
from tests.harness.faults import client_of, measured, waiting_for_locks
from tests.harness.waiting import eventually

pytestmark = [pytest.mark.fault, pytest.mark.patient]

ENGINE = "rabbitmq"  # what the networks lead to
BLOCKED = 70  # seconds that the failpoint lasts: more than five heartbeats
LOCKED = 12  # seconds: after the third try and before the fourth
ALERTED = 60  # seconds from a worker's first sign of life
SETTLED = 60  # seconds to have everything where it belongs
TURNS = 5  # seconds that nothing blocks a worker for, which only waits for a lock
# Of each worker: its deliveries' and its relay's; and of escalation's the one that sends the feed,
# which has an entry from the start: the key of receipts.
CONNECTIONS = {"intake": 2, "routing": 2, "notify": 2, "escalation": 3}


@pytest.fixture(scope="module")
def system(parts):
    return parts[0]


@pytest.fixture(scope="module")
def watch(system, cache):
    with watched(system, cache) as one:
        yield one


def block(system, service, point):
    """The first event from now on blocks all of a worker, once."""
    system.restart(f"{service}-worker", FAILPOINTS=f"{point}=sleep:1")


def connected(networks):
    return {name: network.connections for name, network in networks.items()} == CONNECTIONS


def storms(networks, before):
    """Whose workers have connected more often than anew for each of their connections."""
    more = {service: network.accepted - before[service] for service, network in networks.items()}
    return {service: count for service, count in more.items() if count > CONNECTIONS[service]}


def lag(system, service):
    """How long a worker's hub was blocked in the last minute; nobody knows while it is."""
    try:
        return measured(system, service, "lapor_hub_lag_seconds")
    except httpx.TransportError:
        return 0.0


def blocked(watch):
    """Of which services an operator hears that they are blocked."""
    return {labels["service"] for labels in watch.alerts("firing").get("HubBlocked", [])}


def test_blocked_workers_are_heard_of_come_back_once_and_have_one_effect(
    system, networks, watch, work
):
    """Routing is blocked with an event that it committed and did not acknowledge, notify in a
    transaction that the database ends meanwhile. Escalation only waits for a lock: it turns."""
    # the negative control of the alert; what the start itself has blocked is over some time
    eventually(lambda: blocked(watch) == set(), "nobody is blocked", 120)
    block(system, "routing", "inbox.after_commit")
    block(system, "notify", "inbox.before_commit")
    eventually(lambda: connected(networks), "all are connected")
    before = {service: network.accepted for service, network in networks.items()}
    began = time.monotonic()
    with client_of(system, "escalation") as holder:
        holder.execute("SET idle_in_transaction_session_timeout = 0")
        holder.execute("LOCK TABLE case_state IN EXCLUSIVE MODE")
        work.run(10)
        for service in ("routing", "notify"):
            eventually(lambda s=service: lag(system, s) > BLOCKED - 5, service, 2 * BLOCKED)
        turned = time.monotonic()
        eventually(lambda: waiting_for_locks(system, "escalation"), "a handler waits")
        eventually(lambda: {"routing", "notify"} <= blocked(watch), "the alert", ALERTED, every=0.5)
        alerted = time.monotonic()
        assert "escalation" not in blocked(watch)
        assert measured(system, "escalation", "lapor_hub_lag_seconds") < TURNS
        eventually(lambda: time.monotonic() - turned > LOCKED, "its time", LOCKED)
    settled(system, work.history.file, seconds=SETTLED)

    print(f"\nblocked for {turned - began:.0f} s, heard of {alerted - turned:.0f} s later")
    assert storms(networks, before) == {}


def test_a_storm_and_a_second_effect_are_noticed(system, networks, work):
    """The negative control of both judges."""
    before = {service: network.accepted for service, network in networks.items()}
    for _ in range(2):
        networks["routing"].reset()
        eventually(lambda: networks["routing"].connections == CONNECTIONS["routing"], "it is back")
    assert storms(networks, before).keys() == {"routing"}

    columns = "number, about, cause, facts, correlationid, state, written_at, not_before"
    again = columns.replace("about", "'merged'")
    system.psql(
        "notify",
        f"INSERT INTO message (id, {columns}) SELECT gen_random_uuid(), {again} FROM message"
        " LIMIT 1",
    )
    assert "notify message" in check(system, work.history.file).of("doubled")
