"""A broker that dies, hangs or cannot be reached: reports are taken as always, none is lost.

The services reach it through a network of the test's own, each by a way of its own.
"""

import json
import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from signal import SIGCONT, SIGSTOP

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.system import System
from deploy.postgres.databases import SERVICES
from tests.harness.checker import settled
from tests.harness.history import History
from tests.harness.proxy import DOWN, UP, Proxy
from tests.harness.waiting import eventually
from tests.harness.workload import SUBMIT, Workload

pytestmark = pytest.mark.fault

RATE = 50  # reports a second
BACKLOG = 1000  # events
NOTICED = 40  # seconds: two heartbeats and a little
FROZEN, PARTED = 90, 60  # seconds
LIMIT = 60  # seconds to have everything where it belongs


@pytest.fixture(scope="module")
def parts():
    """The port of each engine, once there is one: the networks are there before the system."""
    return {}


@pytest.fixture(scope="module")
def networks(parts):
    """Between each service and the broker, and between escalation and its database."""
    ways = [*((service, "rabbitmq") for service in SERVICES), ("escalation", "postgres")]
    with ExitStack() as stack:
        yield {way: stack.enter_context(Proxy(lambda e=way[1]: parts[e]())) for way in ways}


@pytest.fixture(scope="module")
def system(state, cache, parts, networks):
    via = {way: network.port for way, network in networks.items()}
    one = System(state / "system-broker-faults", env="test", cache=cache, via=via)
    parts |= {"rabbitmq": lambda: one.broker.port, "postgres": lambda: one.postgres.port}
    with one:
        yield one


@pytest.fixture(scope="module")
def work(system):
    return Workload(system, History(system.folder / "history.jsonl"), lives=False)


@pytest.mark.parametrize(("how", "wanted"), [("killed", BACKLOG), ("stopped in order", 100)])
def test_reports_come_in_while_the_broker_is_away_and_go_on_when_it_is_back(
    system, work, how, wanted
):
    with work.flow(RATE):
        eventually(lambda: unsaid(system) > 0)
        system.broker.process.kill() if how == "killed" else system.broker.process.stop()
        eventually(lambda: unsaid(system) >= wanted, "a backlog", 120)
        left = datetime.now(UTC)
        system.wait_ready("rabbitmq", start=True)
        opened, at = time.monotonic(), datetime.now(UTC)
        eventually(lambda: published(system, "published_at > %s", at), "the first event", 15)
        resumed, backlog = time.monotonic() - opened, unsaid(system)
    eventually(lambda: not unsaid(system, left), "the backlog published", LIMIT)
    said = time.monotonic() - opened
    work_left = sum(published(system, "emitted_at > %s", left, s) for s in system.services)
    found = settled(system, work.history.file, seconds=LIMIT * max(3, work_left / 1000))
    drained = time.monotonic() - opened

    told = sum(published(system, "emitted_at > %s", left, s) for s in system.services)
    print(f"\n{how}: {backlog} events waited, the first went after {resumed:.1f} s, the last after"
          f" {said:.1f} s; all {told} that came of it were settled after {drained:.1f} s;"
          f" receipts took {found.latency[SUBMIT]}")  # fmt: skip
    assert drained <= LIMIT * max(1, told / 1000)
    assert only_receipts(work)


def test_a_frozen_broker_is_given_up_each_time_and_confirms_nothing_falsely(system, work):
    before = tries(system, "intake-worker")
    with work.flow(5, clients=4), frozen(system.broker.process) as since:
        at = datetime.now(UTC)
        await_complaints(system, dict.fromkeys(system.services, "broker_away"), since, at)
        eventually(lambda: time.monotonic() - since >= FROZEN, seconds=FROZEN)
        after = tries(system, "intake-worker")
        assert published(system, "published_at > %s", at) == 0
        assert unsaid(system) >= FROZEN * 5  # two for each report
    settled(system, work.history.file, seconds=LIMIT)

    number = after["count"] - before["count"]
    print(f"\n{number} tries took {(after['sum'] - before['sum']) / number:.1f} s each")
    assert number >= FROZEN / 10
    assert (after["sum"] - before["sum"]) / number <= 5.5
    assert after["within 10 s"] - before["within 10 s"] == number
    assert only_receipts(work)


def test_a_network_that_swallows_bytes_is_noticed_and_costs_nothing(system, work, networks):
    """All at once, each of its own kind: none of them hears from the others meanwhile."""
    parted = {
        ("intake", "rabbitmq"): (UP, DOWN),
        ("routing", "rabbitmq"): (UP,),
        ("notify", "rabbitmq"): (DOWN,),
        ("escalation", "postgres"): (UP, DOWN),
    }
    complaints = {
        service: "broker_away" if engine == "rabbitmq" else "wakeup_failed"
        for service, engine in parted
    }
    with work.flow(5, clients=4):
        eventually(lambda: work.receipts() > 0)
        since, at = time.monotonic(), datetime.now(UTC)
        for way, directions in parted.items():
            networks[way].blackhole(*directions)
        await_complaints(system, complaints, since, at)
        eventually(lambda: time.monotonic() - since >= PARTED, seconds=PARTED)
        for way in parted:
            networks[way].heal()
    settled(system, work.history.file, seconds=LIMIT)
    assert only_receipts(work)


@contextmanager
def frozen(process):
    process.signal(SIGSTOP)
    try:
        yield time.monotonic()
    finally:
        process.signal(SIGCONT)


def unsaid(system, until=None):
    """How many events of intake's wait to be published; those emitted until a moment, if given."""
    waiting = "SELECT count(*) FROM outbox WHERE published_at IS NULL AND emitted_at <= %s"
    return system.psql("intake", waiting, [until or datetime.max.replace(tzinfo=UTC)])[0][0]


def published(system, condition, at, service="intake"):
    """How many events of a service meet a condition about a moment."""
    return system.psql(service, f"SELECT count(*) FROM outbox WHERE {condition}", [at])[0][0]


def only_receipts(work):
    """Whether every request was answered, and with a receipt."""
    lines = work.history.lines()
    return {line.kind for line in lines} == {"invoke", "ok"}


def await_complaints(system, expected, since, at):
    """Returns when each service's worker has logged what is expected of it, after `at`."""
    for service, event in expected.items():
        patience = NOTICED - (time.monotonic() - since)
        eventually(lambda s=service, e=event: complained(system, s, e, at), service, patience)
        print(f"\n{service}: {event} after {time.monotonic() - since:.1f} s at most")


def complained(system, service, event, since):
    """Whether a worker has logged an event since a moment."""
    lines = system.process(f"{service}-worker").log.read_text().splitlines()
    logged = [json.loads(line) for line in lines[-500:] if event in line]
    return any(datetime.fromisoformat(line["timestamp"]) > since for line in logged)


def tries(system, process):
    """How often publishing failed, and how long that took altogether."""
    port = system.scrape_targets()[process]
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=5, trust_env=False).text
    found = {"count": 0.0, "sum": 0.0, "within 10 s": 0.0}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = sample.labels
            if (labels.get("entrypoint"), labels.get("outcome")) != ("publish", "error"):
                continue
            what = sample.name.rpartition("_")[2]
            if what in found:
                found[what] = sample.value
            elif labels.get("le") == "10.0":
                found["within 10 s"] = sample.value
    return found
