"""Whatever arrives in place of an event: it is parked for a person, and holds up nobody else."""

import json
import time
from datetime import timedelta
from signal import SIGCONT, SIGSTOP
from statistics import median

import amqp
import pytest

import contracts
from chassis.wire import sender_of, stream_name
from tests.failure.accounting import Accepted, settle, submit, unaccounted
from tests.failure.canaries import Canary, Sweep
from tests.harness.copies import mistaken
from tests.harness.faults import command, measured
from tests.harness.publishing import event, publish, publish_raw
from tests.harness.stalls import Stalls
from tests.harness.system import running
from tests.harness.waiting import eventually

pytestmark = [pytest.mark.fault, pytest.mark.alone]

CANARY = "Burhanudin Qanaryanto 6302-5518-7734"
TRIES = 10  # that an event gets
DELAYED = 1  # seconds: somebody has waited for another
UNDECODABLE = {
    "no JSON": b"{not json, and a secret: " + CANARY.encode(),
    "no envelope": json.dumps({"name": CANARY}).encode(),
    "no UTF-8": b"\xff\xfe" + CANARY.encode(),
    "300 kB": json.dumps({"a": CANARY * 8_500}).encode(),
}
# Where each service's first effect stands, and the events that have it.
EFFECT = {
    "routing": ("cases", "report.submitted.v1"),
    "notify": ("reporter", "report.contact_sealed.v1"),
    "escalation": ("case_state", "case.opened.v1"),
    "intake": ("timeline_entry", "case.opened.v1"),
}


@pytest.fixture(scope="module")
def system(state, cache):
    """A system that logs all it can."""
    with running(state / "poison", cache, extra={"LOG_LEVEL": "DEBUG"}) as one:
        yield one


def queues(system):
    """Every queue that brings events to a service, as (service, stream)."""
    named = {tuple(name.split(".")) for name in system.broker.queues()}
    return {(service, stream) for service, stream in named if service in system.services} - {
        (service, "dead") for service in system.services
    }


def open_rows(system, service):
    """What is filed and not done: state, reason, tries and body of each."""
    asked = "SELECT state, reason, attempts, body FROM inbox WHERE state <> 'done'"
    return [(s, r, n, bytes(b or b"")) for s, r, n, b in system.psql(service, asked)]


def forget(system):
    """Removes what was parked, so that the next test finds nothing."""
    for service in system.services:
        system.psql(service, "DELETE FROM inbox WHERE state <> 'done'")


@pytest.fixture(scope="module")
def stalls(system):
    with Stalls(system.folder) as stalls:
        yield stalls


def round_trip(system, stalls):
    """Seconds from a receipt until intake knows that there is a case, without this machine's own
    pauses."""
    accepted = Accepted()
    submit(system, 1, accepted, clients=1)
    [number], started = accepted.numbers, time.monotonic()
    asked = "SELECT 1 FROM timeline_entry WHERE number = %s"
    eventually(lambda: system.psql("intake", asked, [number]), "the case", seconds=60)
    return stalls.ran(started, time.monotonic())


def usual(system, stalls):
    return median(round_trip(system, stalls) for _ in range(8))


def delay(system, stalls, before):
    """How much longer than before the slowest of some reports takes."""
    return max(round_trip(system, stalls) for _ in range(8)) - before


def test_what_is_no_event_is_parked_in_every_queue_and_delays_nobody(system, stalls):
    before = usual(system, stalls)
    streams = {stream_name(source): source for source in contracts.sources()}
    for n, body in enumerate(UNDECODABLE.values()):
        for stream, source in streams.items():
            told = {n: (contracts.types_of(source)[0], "x", body + stream.encode())}
            publish_raw(system.broker, sender_of(source), told)
    assert delay(system, stalls, before) < DELAYED

    for service, stream in sorted(queues(system)):
        for body in UNDECODABLE.values():
            wanted = body + stream.encode()
            eventually(lambda s=service, w=wanted: is_parked(system, s, w, 1), stream)
    for service in system.services:
        eventually(lambda s=service: measured(system, s, "lapor_inbox_parked") > 0)
    assert said_in_logs(system) == {}
    forget(system)


def test_data_that_breaks_its_contract_is_parked_in_every_service(system):
    for service, (_, type) in EFFECT.items():
        source = contracts.source(type)
        wrong = event(type, "KTB-00000-00000", 1, example(type)) | {"data": {"status": CANARY}}
        told = {service: (type, wrong["id"], json.dumps(wrong).encode())}
        publish_raw(system.broker, sender_of(source), told)

        body = told[service][2]
        for hearer in sorted(s for s, stream in queues(system) if stream == stream_name(source)):
            eventually(lambda s=hearer, b=body: is_parked(system, s, b, 1), hearer)
    assert said_in_logs(system) == {}
    forget(system)


def test_a_type_that_nobody_knows_is_refused_or_parked_and_what_follows_it_waits(system, stalls):
    """By its own name the broker takes it from no service. By another's it is a later version's,
    whose effect cannot be known: it is parked within its tries, and nobody but its own case
    waits."""
    before = usual(system, stalls)
    number = submitted(system)
    later = event("case.opened.v1", number, 2, example("case.opened.v1"))
    later |= {"type": "case.praised.v1", "data": {"by": CANARY}}
    raw = json.dumps(later).encode()
    after = event("case.withdrawn.v1", number, 3, example("case.withdrawn.v1"))
    hearers = ("intake", "notify", "escalation")

    with pytest.raises(amqp.exceptions.AccessRefused):
        publish_raw(system.broker, "routing", {1: (later["type"], later["id"], raw)})

    publish_raw(system.broker, "routing", {1: ("case.opened.v1", later["id"], raw)})
    for service in hearers:
        eventually(lambda s=service: tries(system, s, number, later["type"]), service)
    publish(system.broker, "routing", [after])
    assert delay(system, stalls, before) < DELAYED
    exhaust(system, hearers, number, later["type"])
    for service in hearers:
        assert later["type"] in command(system, service, "parked", "list")
        state, reason, _, body = sorted(open_rows(system, service))[-1]
        assert (state, reason, json.loads(body)) == ("waiting", "gap", after)
    assert said_in_logs(system) == {}
    forget(system)


def test_a_handler_with_a_bug_parks_its_event_within_its_tries_and_is_mended(system, stalls):
    before = usual(system, stalls)
    accepted = submitted_and_not_bearable(system, EFFECT)
    [number] = accepted.numbers

    for waits in (("routing", "notify"), ("intake", "escalation")):
        for service in waits:
            eventually(lambda s=service: tries(system, s, number), service)
        assert delay(system, stalls, before) < DELAYED
        exhaust(system, waits, number)
        for service in waits:
            assert open_rows(system, service)[0][0] == "parked"
            assert EFFECT[service][1] in command(system, service, "parked", "list")
            mend_handler(system, service)
        for service in waits:
            assert "1 will be tried again" in command(system, service, "parked", "replay", "all")
    submit(system, 3, accepted)
    settle(system, accepted)
    assert said_in_logs(system) == {}


def test_a_worker_that_tries_once_more_than_promised_is_seen(system, tmp_path):
    """The negative control of the number of tries."""
    patient = ("chassis/inbox.py", f"TRIES = {TRIES}", f"TRIES = {TRIES + 1}")
    with mistaken(system, "intake-worker", tmp_path, [patient]):
        accepted = submitted_and_not_bearable(system, ["intake"])
        [number] = accepted.numbers
        eventually(lambda: tries(system, "intake", number), "the first try")
        with pytest.raises(AssertionError, match=f"'parked', {TRIES + 1}"):
            exhaust(system, ["intake"], number)
    mend_handler(system, "intake")
    assert "1 will be tried again" in command(system, "intake", "parked", "replay", "all")
    settle(system, accepted)


def test_the_checker_sees_what_was_dropped_what_was_delayed_and_what_was_logged(system, stalls):
    """The negative control: each of the three checks above fails where it should."""
    body = UNDECODABLE["no JSON"]
    publish_raw(system.broker, "routing", {1: ("case.opened.v1", "x", body)})
    eventually(lambda: is_parked(system, "intake", body, 1))
    system.psql("intake", "DELETE FROM inbox WHERE state = 'parked'")
    assert not is_parked(system, "intake", body, 1)
    accepted = Accepted()
    eventually(lambda: "notify stuck" in unaccounted(system, accepted))

    forget(system)
    log = system.logs / "planted.log"
    log.write_text(json.dumps({"event": "x", "reason": CANARY}))
    assert list(said_in_logs(system)) == [str(log)]
    log.unlink()

    before = usual(system, stalls)
    publish_raw(system.broker, "routing", {1: ("case.opened.v1", "x", body)})
    system.psql("intake", SLOW)  # as if every event waited behind the one that fails
    assert delay(system, stalls, before) > DELAYED
    system.psql("intake", "DROP TRIGGER slow ON inbox; DROP FUNCTION slow()")
    forget(system)


def submitted(system):
    accepted = Accepted()
    submit(system, 1, accepted, clients=1)
    settle(system, accepted)
    return accepted.numbers.pop()


def submitted_and_not_bearable(system, services):
    """A report that breaks the first effect which it has in each of these services."""
    for name in ("routing-worker", "notify-worker"):
        system.process(name).signal(SIGSTOP)
    accepted = Accepted()
    submit(system, 1, accepted, clients=1)
    [number] = accepted.numbers
    for service in services:
        break_handler(system, service, number)
    for name in ("routing-worker", "notify-worker"):
        system.process(name).signal(SIGCONT)
    return accepted


def example(type):
    return next(iter(contracts.examples(type).values()))["data"]


def is_parked(system, service, body, tries):
    return any(
        (state, n, held) == ("parked", tries, body)
        for state, _, n, held in open_rows(system, service)
    )


def tries(system, service, number, type=None):
    asked = "SELECT state, attempts FROM inbox WHERE state <> 'done' AND subject = %s AND type = %s"
    rows = system.psql(service, asked, [number, type or EFFECT[service][1]])
    return rows[0] if rows else None


def exhaust(system, services, number, type=None):
    """Moves the clock from try to try until they are parked: after as many as were promised."""
    asked = "SELECT next_try_at FROM inbox WHERE state = 'waiting' AND subject = %s"

    def parked(service):
        for (due,) in system.psql(service, asked, [number]):
            system.clock.move(max(timedelta(), due - system.clock.now()))
        return (tries(system, service, number, type) or ("",))[0] == "parked"

    for service in services:
        eventually(lambda s=service: parked(s), service, seconds=60)
        assert tries(system, service, number, type) == ("parked", TRIES)


def said_in_logs(system):
    """The logs in which a body stands."""
    logs = [*system.logs.glob("*.log"), system.postgres.folder / "postgres.log"]
    logs.append(system.broker.folder / "rabbitmq.log")
    places = [(str(log), log) for log in logs]
    return Sweep([Canary("poison", CANARY)]).leaks(places, system.folder / "sinks")


def break_handler(system, service, number):
    """Lets every try to have the effect on this one report fail, in the database itself."""
    system.psql(
        service,
        "CREATE FUNCTION bug() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'a bug'; END $$;"
        f"CREATE TRIGGER bug BEFORE INSERT ON {EFFECT[service][0]} FOR EACH ROW"
        f" WHEN (NEW.number = '{number}') EXECUTE FUNCTION bug()",
    )


def mend_handler(system, service):
    system.psql(service, f"DROP TRIGGER bug ON {EFFECT[service][0]}; DROP FUNCTION bug()")


SLOW = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep(1.2); RETURN NEW; END $$;
CREATE TRIGGER slow BEFORE INSERT ON inbox FOR EACH ROW EXECUTE FUNCTION slow()
"""
