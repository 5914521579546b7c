"""What the bus brings has its effect once, in order, or stays visible; on intake's real worker."""

import time
from datetime import timedelta
from itertools import permutations
from statistics import median

import pytest

from chassis.inbox import GAP_SECONDS, TRIES
from tests.harness.publishing import publish, publish_raw
from tests.harness.waiting import eventually
from tests.service.chassis.stories import (
    command,
    has_waited,
    inbox,
    opened,
    reasons,
    report,
    timeline,
    way,
)


def test_fifty_copies_of_an_event_have_one_effect(db, broker, run):
    worker = run("worker", db, AMQP_URI=broker.uri("intake"))
    once = opened(report(db))
    for _ in range(50):
        publish(broker, "routing", [once])
    eventually(lambda: timeline(db) == ["case.opened"])
    last = opened(report(db, "KTB-00000-00000"))
    publish(broker, "routing", [last])

    eventually(lambda: len(timeline(db)) == 2)
    worker.stop()
    assert timeline(db) == ["case.opened"] * 2


@pytest.mark.parametrize("order", list(permutations(range(4)))[1::5])
def test_events_out_of_order_end_as_if_in_order(db, broker, run, order):
    run("worker", db, AMQP_URI=broker.uri("intake"))
    events = way(report(db))
    publish(broker, "routing", [events[i] for i in order])

    eventually(lambda: len(timeline(db)) == 4)
    assert timeline(db) == ["case.opened", "case.verified", "case.disposed", "case.followed_up"]
    assert db.psql("SELECT status FROM report") == [("in_progress",)]
    assert inbox(db) == []


def test_a_gap_that_stays_open_is_parked_and_closes_by_itself(db, broker, run, clock):
    worker = run("worker", db, AMQP_URI=broker.uri("intake"))
    events = way(report(db))
    publish(broker, "routing", [events[0], events[2]])
    eventually(lambda: inbox(db) == [("waiting", "gap", 1)])

    clock.move(timedelta(seconds=61))
    eventually(lambda: inbox(db) == [("parked", "gap", 1)])
    eventually(lambda: 'lapor_inbox_gaps_total{service="intake"} 1.0' in worker.metrics())

    publish(broker, "routing", [events[1]])
    eventually(lambda: len(timeline(db)) == 3)
    assert timeline(db) == ["case.opened", "case.verified", "case.disposed"]
    assert inbox(db) == []


def test_what_waits_behind_an_event_that_is_tried_for_long_is_not_given_up(db, broker, run, clock):
    run("worker", db, AMQP_URI=broker.uri("intake"))
    number = "KTB-12345-67894"  # its report is not here yet
    publish(broker, "routing", way(number)[:2])
    eventually(lambda: {("waiting", "too early"), ("waiting", "gap")} == reasons(db))

    for _ in range(TRIES + 1):
        now = clock.move(timedelta(seconds=GAP_SECONDS + 1))
        due = "SELECT 1 FROM inbox WHERE next_try_at <= %s"
        eventually(lambda now=now, due=due: db.psql(due, [now]) == [])
    assert reasons(db) == {("waiting", "too early"), ("waiting", "gap")}

    report(db, number)
    clock.move(timedelta(hours=1))
    eventually(lambda: timeline(db) == ["case.opened", "case.verified"])
    assert inbox(db) == []


def test_a_handler_that_fails_twice_works_the_third_time(db, broker, run, clock):
    failing = {"FAILPOINTS": "inbox.before_commit=raise:2"}
    worker = run("worker", db, AMQP_URI=broker.uri("intake"), **failing)
    publish(broker, "routing", [opened(report(db))])
    eventually(lambda: has_waited(worker), "it failed")

    clock.move(timedelta(seconds=2))
    eventually(lambda: timeline(db) == ["case.opened"])
    assert inbox(db) == []


def test_what_always_fails_is_parked_shown_and_replayed_after_the_fix(
    db, broker, run, clock, surroundings
):
    broken = run(
        "worker", db, AMQP_URI=broker.uri("intake"), FAILPOINTS="inbox.before_commit=raise"
    )
    wrong = opened(report(db))
    publish(broker, "routing", [wrong])

    def all_tries_made():
        clock.move(timedelta(hours=1, minutes=13))  # longer than the longest pause
        return inbox(db) == [("parked", "Failed", 10)]

    eventually(all_tries_made)
    eventually(lambda: 'lapor_inbox_parked{service="intake"} 1.0' in broken.metrics())
    broken.stop()

    assert wrong["id"] in command(db, surroundings, "parked", "list")
    shown = command(db, surroundings, "parked", "show", wrong["id"])
    assert "case.opened.v1" in shown
    assert "received_at" not in shown  # its data stays hidden unless asked for
    assert "1 will be tried again" in command(db, surroundings, "parked", "replay", wrong["id"])

    run("worker", db, AMQP_URI=broker.uri("intake"))
    eventually(lambda: timeline(db) == ["case.opened"])


POISON = {
    "no JSON": b"{not json, and a secret: Siti Rahmah",
    "no envelope": b'{"name": "Siti Rahmah"}',
    "no UTF-8": b"\xff\xfeSiti Rahmah",
    "300 kB": b'{"a": "' + b"Siti Rahmah" * 30_000 + b'"}',
}


@pytest.mark.parametrize("kind", POISON)
def test_an_undecodable_body_is_parked_at_once_and_never_logged(db, broker, run, kind):
    worker = run("worker", db, AMQP_URI=broker.uri("intake"))
    publish_raw(broker, "routing", {1: ("case.opened.v1", "x", POISON[kind])})
    publish(broker, "routing", [opened(report(db))])

    eventually(lambda: timeline(db) == ["case.opened"])  # others are not held up
    eventually(lambda: [state for state, _, _ in inbox(db)] == ["parked"])
    assert bytes(db.psql("SELECT body FROM inbox WHERE state = 'parked'")[0][0]) == POISON[kind]
    assert "Siti" not in worker.process.log.read_text()


def test_data_that_breaks_its_contract_is_parked_at_once(db, broker, run):
    run("worker", db, AMQP_URI=broker.uri("intake"))
    wrong = opened(report(db))
    wrong["data"] = {"status": 7}
    publish(broker, "routing", [wrong])

    eventually(lambda: inbox(db) == [("parked", "ValidationError", 1)])


def test_a_worker_killed_in_the_middle_loses_and_doubles_nothing(db, broker, run):
    points = ("inbox.before_commit", "inbox.after_commit", "inbox.before_ack")
    for i, point in enumerate(points):
        number = f"KTB-0000{i}-00000"
        doomed = run("worker", db, AMQP_URI=broker.uri("intake"), FAILPOINTS=f"{point}=kill")
        publish(broker, "routing", [opened(report(db, number))])
        eventually(lambda d=doomed: not d.process.running)
        healthy = run("worker", db, AMQP_URI=broker.uri("intake"))
        eventually(lambda n=number: db.psql("SELECT 1 FROM timeline_entry WHERE number = %s", [n]))
        healthy.stop()

    eventually(lambda: len(timeline(db)) == 3)
    assert inbox(db) == []


def test_what_could_not_be_acknowledged_comes_again_and_keeps_nothing_back(db, broker, run):
    numbers = [report(db, f"KTB-{i:05d}-00000") for i in range(120)]  # more than two batches
    worker = run("worker", db, AMQP_URI=broker.uri("intake"), FAILPOINTS="inbox.before_ack=raise:2")
    publish(broker, "routing", [opened(number) for number in numbers])

    eventually(lambda: len(timeline(db)) == len(numbers))

    assert [line["event"] for line in worker.logged()].count("ack_failed") == 2
    assert inbox(db) == []


def test_the_database_away_leaves_the_event_with_the_broker(db, broker, run, postgres):
    worker = run("worker", db, AMQP_URI=broker.uri("intake"))
    number = report(db)
    postgres.kill()
    publish(broker, "routing", [opened(number)])
    eventually(lambda: any(x["event"] == "delivery_waits" for x in worker.logged()))
    assert worker.process.running
    postgres.restart()

    eventually(lambda: timeline(db) == ["case.opened"], seconds=30)
    assert worker.process.running


def test_every_log_line_is_json_with_listed_keys_only(db, broker, run):
    from chassis.logs import KEYS

    worker = run("worker", db, AMQP_URI=broker.uri("intake"))
    publish(broker, "routing", [opened(report(db))])
    eventually(lambda: timeline(db) == ["case.opened"])
    worker.stop()

    for line in worker.logged():
        assert set(line) <= KEYS


@pytest.mark.alone
def test_an_idle_worker_never_blocks_its_own_loop(db, broker, run):
    worker = run("worker", db, AMQP_URI=broker.uri("intake"))
    taken = []
    for _ in range(30):  # a server in a blocking thread made this 0.25 s
        started = time.perf_counter()
        worker.is_ready()
        taken.append(time.perf_counter() - started)

    assert median(taken) < 0.1
