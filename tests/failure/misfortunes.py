"""What breaks while people's reports are under way, and what comes in place of events."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from signal import SIGCONT, SIGSTOP
from uuid import uuid4

import httpx
import kombu
from joserfc.jwk import ECKey

import contracts
from chassis.wire import sender_of
from deploy.local.system import System
from deploy.rabbitmq.definitions import HEARS, UNROUTED
from services.intake.sealing import Sealer
from tests.failure.canaries import Canary
from tests.failure.forms import consented
from tests.failure.lives import Citizen, Life, new_key, report
from tests.failure.people import FORM, NIK, OTHER, PERSON
from tests.harness.faults import arm
from tests.harness.publishing import event, publish, publish_raw
from tests.harness.waiting import eventually

POISONED = (
    "report.submitted.v1", "report.contact_sealed.v1", "report.escalation_consented.v1",
    "case.opened.v1", "case.reply_written.v1", "message.delivered.v1", "deadline.passed.v1",
    "escalation.raised.v1", "calendar.published.v1",
)  # fmt: skip
THIRD = {
    "name": "Mangkurat Racunkenari Terlarang",
    "email": "mangkurat.racun@kenari-lain.example",
    "phone": "+62 853-2096-4471",
    "address": "Lorong Racunkenari 313 Pagatan",
    "language": "en",
}


def venom(type: str) -> str:
    """What a poisonous event of this type says of somebody."""
    return f"Racun{type.title().replace('.', '').replace('_', '')} {6302_0000 + len(type):016d}"


def canaries() -> Iterator[Canary]:
    """A poisonous body lies parked with who heard it, and nowhere else; a contact that nobody can
    open is nowhere to be read."""
    for type in POISONED:
        places = [f"tap/*/{type}", "files/postgres/pg_wal/*", "files/broker/data/*"]
        for service, streams in HEARS.items():
            if contracts.source(type) in streams:
                places += [f"database/{service}/*", f"files/postgres/base/{service}/*"]
        yield Canary(f"poison of {type}", venom(type), tuple(places))
    for name, value in THIRD.items():
        if name != "language":
            yield Canary(f"unreadable {name}", value)


def poison(system: System) -> None:
    """On every queue: no JSON, no envelope, one of another service, and one that says too much."""
    for type in POISONED:
        sender, secret = sender_of(contracts.source(type)), venom(type)
        data = next(iter(contracts.examples(type).values()))["data"]
        whole = event(type, "KTB-00000-00000", 1, data)
        foreign = whole | {"source": "/nobody/at-all", "subject": "KTB-00000-00000"}
        bodies = (
            f'{{"nik": "{secret}'.encode(), json.dumps({"name": secret}).encode(),
            json.dumps(foreign | {"id": str(uuid4()), "person": secret}).encode(),
            json.dumps(whole | {"data": data | {"nik": secret}}).encode(),
        )  # fmt: skip
        publish_raw(system.broker, sender, {n: (type, str(n), b) for n, b in enumerate(bodies)})


def unreadable_contacts(system: System) -> None:
    """Sealed with another key, for another report, or around something that is no contact."""
    theirs = Sealer((system.secrets_folder / "notify-public-key.json").read_bytes())
    stray = ECKey.generate_key("P-256", {"kid": theirs.key_id}).as_dict(private=False)
    sealed = (
        Sealer(json.dumps(stray).encode()).seal(THIRD, "KTB-00000-00001"),
        theirs.seal(THIRD, "KTB-99999-99999"),
        theirs.seal([THIRD], "KTB-00000-00003"),  # type: ignore[arg-type]
        theirs.seal(THIRD | {"name": THIRD["name"] * 99}, "KTB-00000-00004"),
        theirs.seal(THIRD, "KTB-00000-00005")[:-9],
    )
    data = next(iter(contracts.examples("report.contact_sealed.v1").values()))["data"]
    publish(system.broker, "intake", [
        event("report.contact_sealed.v1", f"KTB-00000-{n:05}", 1, data | {"sealed": one})
        for n, one in enumerate(sealed, 1)
    ])  # fmt: skip


def hanging_broker(system: System, life: Life) -> None:
    """Nobody answers while reports wait to be said."""
    system.broker.process.signal(SIGSTOP)
    filed(life)
    eventually(lambda: "InDoubt" in log(system, "intake-worker"), "doubt", seconds=60)
    system.broker.process.signal(SIGCONT)


def killed_broker(system: System, life: Life) -> None:
    """Reports come in while there is none."""
    system.broker.process.kill()
    filed(life)
    eventually(lambda: "broker_away" in log(system, "notify-worker"), "no broker", seconds=60)
    system.wait_ready("rabbitmq", start=True)


@contextmanager
def failing(system: System, service: str, table: str) -> Iterator[None]:
    """No row of a table is taken: the database's error quotes the whole row to its client."""
    rule = f"ALTER TABLE {table} ADD CONSTRAINT never CHECK (number IS NULL) NOT VALID"
    system.psql(service, rule)
    yield
    system.psql(service, f"ALTER TABLE {table} DROP CONSTRAINT never")


def failing_statements(system: System, life: Life) -> set[int]:
    """In each service, at its API and at its worker; the statuses that clients got."""
    statuses = set()
    with failing(system, "intake", "report"):
        statuses.add(attempt(life, life.mine["open"]))
    with failing(system, "notify", "reporter"), failing(system, "routing", "cases"):
        filed(life)
        for service in ("notify", "routing"):
            eventually(lambda s=service: "IntegrityError" in log(system, f"{s}-worker"), service)
    with failing(system, "intake", "timeline_entry"):
        statuses.add(consented(life.theirs["confidential"], FORM).status_code)
    with failing(system, "escalation", "sealed_part"):
        assert consented(life.theirs["confidential"], FORM).status_code == 202
        heard = "IntegrityError"
        eventually(lambda: heard in log(system, "escalation-worker"), "a part that is refused")
    coordinator, number = life.officers["koordinator"], life.theirs["open"].number
    with failing(system, "routing", "case_event"):
        said = {"class": "ordinary", "category": "sekolah"}
        path = f"/cases/{number}/verification?nik={NIK}"
        statuses.add(coordinator.client.post(path, json=said).status_code)
    system.restart("intake-api", FAILPOINTS="intake.before_write=raise:1")
    statuses.add(attempt(life, life.mine["open"]))
    system.restart("intake-api", FAILPOINTS="")
    return statuses


def dying_workers(system: System, life: Life) -> None:
    """In the middle of a contact and of a form, and with a mail and a consent just sent."""
    for name, point in (
        ("notify-worker", "inbox.before_commit"), ("notify-worker", "notify.after_send"),
        ("intake-worker", "relay.after_confirm"), ("escalation-worker", "inbox.before_commit"),
    ):  # fmt: skip
        arm(system, name, FAILPOINTS=f"{point}=kill:1")
        filed(life)
        eventually(lambda n=name: not system.process(n).running, point, seconds=30)
        system.restart(name, FAILPOINTS="")


@contextmanager
def killed_database(system: System, life: Life) -> Iterator[set[int]]:
    """Killed in the middle of requests; the statuses that they get. It is back after the block."""
    with httpx.Client(trust_env=False) as client:
        client.get(f"{system.url}/api/v1/agencies")
        system.postgres.kill()
        refused = consented(life.mine["confidential"], FORM).status_code
        yield {refused, attempt(life, life.mine["confidential"])}
    system.postgres.restart()


def lost(system: System) -> None:
    """Something that nobody was bound to, in the queue of the lost."""
    with kombu.Connection(system.broker.uri()) as connection:
        body = json.dumps({"type": POISONED[0], "name": venom(POISONED[0])})
        connection.Producer().publish(body, exchange=UNROUTED, routing_key=POISONED[0])


def filed(life: Life) -> None:
    """One more report of each, and a consent to a hand-over with the whole form."""
    for who in (PERSON, OTHER):
        citizen = Citizen(life.people.client()).file("confidential", who)
    assert consented(citizen, FORM).status_code == 202


def attempt(life: Life, citizen: Citizen) -> int:
    """The status that somebody gets who files a report now."""
    body = report("open", PERSON)
    return citizen.client.post("/reports", json=body, headers=new_key()).status_code


def log(system: System, process: str) -> str:
    return (system.logs / f"{process}.log").read_text()


def parked(system: System) -> dict[str, list[str]]:
    """The ids of what is filed with each service."""
    asked = "SELECT event_id::text FROM inbox WHERE state <> 'done' ORDER BY received_at"
    return {s: [one for (one,) in system.psql(s, asked)] for s in system.services}
