"""The bus: events per second that the relay takes to the broker, and that a worker hears, each
beside a client that does only the broker's half of it."""

import json
import time
from collections.abc import Callable
from itertools import count
from statistics import median
from uuid import uuid4

import kombu

import contracts
from chassis.database import engine
from chassis.relay import BATCH, Relay
from chassis.wire import Publisher
from deploy import secrets
from deploy.local.system import System

TOGETHER = 50  # chassis.service.BATCH, which cannot be imported without green threads
TYPE, QUEUE = "case.opened.v1", "intake.cases"  # the most ordinary event, and one who hears it
_SAY = """
WITH fresh AS (
    SELECT 'BUS-' || lpad(%s::text, 5, '0') || '-' || lpad(n::text, 5, '0') AS subject
    FROM generate_series(1, %s) AS n
),
numbered AS (INSERT INTO stream SELECT '/routing/cases', subject, 1 FROM fresh)
INSERT INTO outbox (event_id, source, type, subject, sequence, correlationid, time, data)
SELECT gen_random_uuid(), '/routing/cases', %s, subject, 1, subject, now(), %s::json FROM fresh
RETURNING subject
"""
_turns = count(1)
_KNOW = """
INSERT INTO report (number, code_hash, kind, title, text, event_date, district, confidentiality,
    hidden_from_public, channel, received_at, status_since)
SELECT unnest(%s::text[]), '', 'complaint', 't', 't', now(), '63.02.06', 'open', false, 'web',
    now(), now()
"""


def run(system: System, events: int, rounds: int) -> list[str]:
    """Markdown lines. Every worker stands still, but for the one that is measured."""
    for service in system.services:
        system.process(f"{service}-worker").stop()
    seen: dict[str, list[float]] = {"bare": [], "relay": [], "take": [], "hear": []}
    try:
        for _ in range(rounds):  # in turns, so that a slow minute is everybody's
            _purge(system)
            system.psql("routing", "TRUNCATE outbox")
            numbers = _say(system, events)
            seen["relay"].append(_rate(events, lambda: _relay(system)))
            _purge(system)
            seen["bare"].append(_rate(events, lambda: _publish(system, events)))
            seen["take"].append(_rate(events, lambda: _take(system, events)))
            system.psql("intake", _KNOW, [numbers])
            system.psql("routing", "UPDATE outbox SET published_at = NULL")
            _purge(system)
            _relay(system)
            seen["hear"].append(_hear(system, events))
    finally:
        for service in system.services:
            if not system.process(f"{service}-worker").running:
                system.wait_ready(f"{service}-worker", start=True)
    bare, relay, take, hear = (median(rates) for rates in seen.values())
    print(f"  relay {relay / bare:.2f} of bare publishing, worker {hear / take:.3f} of bare taking")
    return [
        "| | events/s | of the floor |",
        "|---|---|---|",
        f"| publishing batches of {BATCH}, confirmed | {bare:,.0f} | floor |",
        f"| relay: from the outbox, and marked there | {relay:,.0f} | {relay / bare:.2f} |",
        f"| taking batches of {TOGETHER} off a queue | {take:,.0f} | floor |",
        f"| worker: claimed, applied, committed | {hear:,.0f} | {hear / take:.2f} |",
    ]


def _rate(events: int, work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return events / (time.perf_counter() - began)


def _purge(system: System) -> None:
    with kombu.Connection(system.broker.uri()) as connection:
        for queue in system.broker.queues():
            connection.default_channel.queue_purge(queue)


def _example() -> str:
    return json.dumps(next(iter(contracts.examples(TYPE).values()))["data"])


def _say(system: System, events: int) -> list[str]:
    rows = system.psql("routing", _SAY, [next(_turns), events, TYPE, _example()])
    return [subject for (subject,) in rows]


def _relay(system: System) -> None:
    password = secrets.read(system.secrets_folder, secrets.DATABASE.format("routing"))
    bind = engine(system.postgres.url("routing", password), 1)
    relay = Relay("routing", bind, system.broker.uri("routing"))
    while relay.turn():
        pass
    relay.close()
    bind.dispose()


def _publish(system: System, events: int) -> None:
    """The same client, the same sizes, and no database."""
    publisher = Publisher(system.broker.uri("routing"))
    envelope = {
        "specversion": "1.0", "datacontenttype": "application/json", "type": TYPE, "sequence": 1,
        "source": "/routing/cases", "time": "2026-11-24T02:00:00Z", "data": json.loads(_example()),
    }  # fmt: skip
    for _ in range(events // BATCH):
        batch = {}
        for key in (str(uuid4()) for _ in range(BATCH)):
            told = envelope | {"id": key, "subject": "BUS-00000-00000", "correlationid": key}
            batch[key] = TYPE, key, json.dumps(told).encode()
        publisher.publish(batch)
    publisher.close()


def _take(system: System, events: int) -> None:
    """Reads each event and acknowledges by batches, as the worker does; nothing is done with it."""
    with kombu.Connection(system.broker.uri("intake")) as connection:
        channel, taken = connection.channel(), 0

        def take(message: kombu.Message) -> None:
            nonlocal taken
            json.loads(message.body)
            taken += 1
            if taken % TOGETHER == 0 or taken == events:
                channel.basic_ack(message.delivery_tag, multiple=True)

        consumer = kombu.Consumer(
            channel, [kombu.Queue(QUEUE, no_declare=True)], on_message=take,
            prefetch_count=TOGETHER, auto_declare=False,
        )  # fmt: skip
        consumer.consume()
        while taken < events:
            connection.drain_events(timeout=30)


def _hear(system: System, events: int) -> float:
    """From the first effect to the last, as the worker itself wrote them down."""
    system.psql("intake", "TRUNCATE inbox")
    system.wait_ready("intake-worker", start=True)
    heard = "SELECT count(*), extract(epoch FROM max(received_at) - min(received_at)) FROM inbox"
    while (row := system.psql("intake", heard)[0])[0] < events:
        time.sleep(0.2)
    system.process("intake-worker").stop()
    return events / float(row[1])
