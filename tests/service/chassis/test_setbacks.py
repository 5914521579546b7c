"""What goes wrong beyond a failing handler: senders set back, processes that die of an event."""

import json
import re
import socket
import subprocess
import sys
import time
from datetime import timedelta
from uuid import uuid4

import amqp
import kombu
import pytest

from deploy.local.environment import ROOT
from tests.harness.processes import ServiceProcess
from tests.harness.publishing import event, publish, publish_raw
from tests.harness.waiting import eventually
from tests.service.chassis.stories import (
    AT,
    command,
    has_waited,
    inbox,
    opened,
    reasons,
    report,
    timeline,
    way,
)

pytestmark = pytest.mark.fault


def test_another_fact_under_a_number_already_used_is_parked_and_can_be_wanted(
    db, broker, run, surroundings
):
    run("worker", db, AMQP_URI=broker.uri("intake"))
    number = report(db)
    publish(broker, "routing", [opened(number)])
    eventually(lambda: timeline(db) == ["case.opened"])
    withdrawn = event("case.withdrawn.v1", number, 1, {"at": AT, "status": "withdrawn"})
    publish(broker, "routing", [withdrawn])  # routing was restored, and counts anew

    eventually(lambda: inbox(db) == [("parked", "number taken", 1)])
    assert timeline(db) == ["case.opened"]

    command(db, surroundings, "parked", "replay", withdrawn["id"])
    eventually(lambda: timeline(db) == ["case.opened", "case.withdrawn"])
    assert db.psql("SELECT sequence FROM position") == [(1,)]


def test_a_wanted_event_is_still_wanted_after_its_handler_has_failed(
    db, broker, run, clock, surroundings
):
    worker = run("worker", db, AMQP_URI=broker.uri("intake"))
    number = report(db)
    publish(broker, "routing", [opened(number)])
    eventually(lambda: timeline(db) == ["case.opened"])
    withdrawn = event("case.withdrawn.v1", number, 1, {"at": AT, "status": "withdrawn"})
    publish(broker, "routing", [withdrawn])
    eventually(lambda: inbox(db) == [("parked", "number taken", 1)])
    worker.stop()

    command(db, surroundings, "parked", "replay", withdrawn["id"])
    failing = {"FAILPOINTS": "inbox.before_commit=raise:1"}
    worker = run("worker", db, AMQP_URI=broker.uri("intake"), **failing)
    eventually(lambda: has_waited(worker), "it failed once")
    clock.move(timedelta(seconds=2))
    eventually(lambda: timeline(db) == ["case.opened", "case.withdrawn"])


def test_a_type_of_a_later_version_waits_for_a_worker_that_knows_it(db, broker, run, clock):
    worker = run("worker", db, AMQP_URI=broker.uri("intake"))
    number = report(db)
    later = opened(number) | {"type": "case.applauded.v1"}
    body = json.dumps(later).encode()
    # Its key is one that this version's queue is bound to: a later version binds its own.
    publish_raw(broker, "routing", {1: ("case.opened.v1", later["id"], body)})
    eventually(lambda: reasons(db) == {("waiting", "UnknownType")})
    publish(broker, "routing", way(number)[1:2])  # what comes after waits for its turn
    eventually(lambda: len(inbox(db)) == 2)
    worker.stop()

    known = json.dumps(later | {"type": "case.opened.v1"}).encode()
    db.psql("UPDATE inbox SET body = %s WHERE event_id = %s", [known, later["id"]])
    run("worker", db, AMQP_URI=broker.uri("intake"))  # in place of a version that knows its type
    clock.move(timedelta(seconds=2))
    eventually(lambda: timeline(db) == ["case.opened", "case.verified"])
    assert inbox(db) == []


def test_a_log_that_cannot_be_written_stops_no_work(db, broker, surroundings, state):
    worker = ServiceProcess("worker", db, surroundings, state, AMQP_URI=broker.uri("intake"))
    worker.process.command = ["sh", "-c", 'exec "$@" 2>/dev/full', "sh", *worker.process.command]
    worker.start()
    try:
        publish(broker, "routing", [opened(report(db))])
        eventually(lambda: timeline(db) == ["case.opened"])
        lost = re.search(r"^lapor_log_lines_lost_total (\S+)$", worker.metrics(), re.MULTILINE)
        assert float(lost[1]) > 0
        assert worker.is_ready()
    finally:
        worker.stop()


def test_an_event_that_kills_every_process_is_parked_in_the_end(db, broker, run):
    number = report(db)
    deadly = opened(number)
    db.psql(
        "INSERT INTO inbox (event_id, type, source, subject, sequence, state, attempts,"
        " next_try_at, body, received_at)"
        " VALUES (%s, 'case.opened.v1', '/routing/cases', %s, 1, 'waiting', 8, now(), %s, now())",
        [deadly["id"], number, json.dumps(deadly).encode()],
    )
    for tries in (9, 10):
        doomed = run(
            "worker", db, ready=False, AMQP_URI=broker.uri("intake"),
            FAILPOINTS="inbox.before_commit=kill",
        )  # fmt: skip
        eventually(lambda d=doomed: not d.process.running)
        assert inbox(db) == [("waiting", None, tries)]
        db.psql("UPDATE inbox SET next_try_at = now()")  # its lease has ended

    run("worker", db, AMQP_URI=broker.uri("intake"))
    eventually(lambda: inbox(db) == [("parked", "Poison", 11)])
    assert timeline(db) == []  # the last tries had ended the process: it was not tried again


def test_what_the_broker_buried_is_filed_before_it_is_tried(db, broker, run):
    run("worker", db, AMQP_URI=broker.uri("intake")).stop()  # its queues are there now
    publish(broker, "routing", [opened(report(db))])
    with kombu.Connection(broker.uri("intake")) as connection:
        channel = connection.channel()
        given_up = eventually(lambda: channel.basic_get("intake.cases"))
        channel.basic_reject(given_up.delivery_tag, requeue=False)
        eventually(lambda: channel.queue_declare("intake.dead", passive=True).message_count)

    run("worker", db, AMQP_URI=broker.uri("intake"), FAILPOINTS="inbox.before_commit=raise:1")
    eventually(lambda: timeline(db) == ["case.opened"])
    assert inbox(db) == []


@pytest.mark.parametrize("wrong", ["0000-01-01T00:00:00Z", "yesterday", 7])
def test_an_impossible_time_is_parked_and_holds_nobody_up(db, broker, run, wrong):
    run("worker", db, AMQP_URI=broker.uri("intake"))
    publish(broker, "routing", [opened("KTB-99999-99999") | {"time": wrong, "id": str(uuid4())}])
    publish(broker, "routing", [opened(report(db))])

    eventually(lambda: timeline(db) == ["case.opened"])
    eventually(lambda: [state for state, _, _ in inbox(db)] == ["parked"])


def test_an_account_of_the_broker_speaks_for_its_own_service_only(db, broker, run):
    run("worker", db, AMQP_URI=broker.uri("intake"))
    number = report(db)
    lie = opened(number)  # a fact of routing's, carried under a key that notify may use
    publish_raw(broker, "notify", {1: ("message.failed.v1", lie["id"], json.dumps(lie).encode())})
    mixed = opened(number) | {"source": "/notify/messages", "id": str(uuid4())}
    publish_raw(
        broker, "notify", {1: ("message.failed.v1", mixed["id"], json.dumps(mixed).encode())}
    )

    eventually(lambda: [state for state, _, _ in inbox(db)] == ["parked", "parked"])
    assert {reason for _, reason, _ in inbox(db)} == {"sent by another than its service"}
    publish(broker, "routing", [opened(number)])  # the truth is not kept out by the lie
    eventually(lambda: timeline(db) == ["case.opened"])


def test_the_broker_refuses_a_false_account(broker):
    with kombu.Connection(broker.uri("notify")) as connection:
        channel = connection.channel()
        channel.confirm_select()
        with pytest.raises(amqp.exceptions.PreconditionFailed):
            channel.basic_publish_confirm(
                amqp.Message(b"{}", user_id="routing"), "lapor.events", "message.failed.v1"
            )


# Intake's worker, whose first delivery fails in a way that the inbox does not know of.
BALKING = """
import eventlet
eventlet.monkey_patch()
from chassis import service, worker
from services.intake.config import Settings
from services.intake.service import Intake

class Balking(Intake):
    balked = False

    @service.Deliveries.decorator()
    def receive(self, take, buried, is_ours):
        if not Balking.balked:
            Balking.balked = bool(take())
            raise RuntimeError
        Intake.receive(self, take, buried, is_ours)

worker.run(Balking, Settings.read("intake"))
"""


def test_what_failed_outside_the_inbox_is_not_acknowledged_with_what_came_after(
    db, broker, surroundings, state
):
    worker = ServiceProcess("worker", db, surroundings, state, AMQP_URI=broker.uri("intake"))
    worker.process.command = [sys.executable, "-c", BALKING]
    worker.start()
    try:
        publish(broker, "routing", [opened(report(db))])
        publish(broker, "routing", [opened(report(db, "KTB-00000-00000"))])

        eventually(lambda: len(timeline(db)) == 2)
    finally:
        worker.stop()


SILENT = """
import eventlet
eventlet.monkey_patch()
import psycopg2
from chassis import worker
worker.SILENCE = 1.0
psycopg2.extensions.set_wait_callback(worker._wait)
try:
    psycopg2.connect("host=127.0.0.1 port={port} dbname=x user=x sslmode=disable")
except psycopg2.OperationalError:
    print("away")
"""


def test_a_database_that_accepts_and_says_nothing_is_away():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        tried = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", SILENT.format(port=silent.getsockname()[1])],
            cwd=ROOT, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip

    assert tried.stdout == "away\n", tried.stderr
    assert time.monotonic() - started < 25  # for ever, without a limit
