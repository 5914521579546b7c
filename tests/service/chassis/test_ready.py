"""Who is alive and cannot work says so in its measures: nothing else would be heard of it."""

import re
from contextlib import closing, contextmanager
from dataclasses import replace

import kombu
import pytest
import sqlalchemy as sa

from chassis import health, wire
from chassis.metrics import READY
from tests.harness.proxy import Proxy
from tests.harness.waiting import eventually

pytestmark = pytest.mark.fault

QUEUE = "intake.cases"


def shown(process):
    """Each check of a process, as it is measured."""
    found = re.findall(r'^lapor_ready\{check="(\w+)"\} (\S+)$', process.metrics(), re.M)
    return {check: float(value) == 1 for check, value in found}


def test_an_api_whose_database_is_away_for_it_alone_still_answers_scrapes(db, run):
    with Proxy(lambda: sa.make_url(db.url).port) as network:
        far = sa.make_url(db.url).set(port=network.port)
        api = run("api", replace(db, url=far.render_as_string(hide_password=False)))
        eventually(lambda: shown(api) == {"database": True, "http": True})

        network.refuse()

        eventually(lambda: shown(api) == {"database": False, "http": True}, seconds=20)
        assert not api.is_ready()
        network.listen()
        eventually(lambda: shown(api) == {"database": True, "http": True}, seconds=20)


@contextmanager
def broken_queue(broker):
    """One queue is another than the worker can have; the others are as they should be."""
    with closing(wire.connect(broker.uri("intake"))) as connection:
        channel = connection.channel()
        channel.queue_delete(QUEUE)
        kombu.Queue(QUEUE, queue_arguments={"x-queue-type": "classic"})(channel).queue_declare()
        yield
        channel.queue_delete(QUEUE)


def test_a_worker_that_cannot_have_one_of_its_queues_is_not_ready(db, broker, run):
    worker = run("worker", db, AMQP_URI=broker.uri("intake"))
    eventually(lambda: shown(worker) == {"database": True, "broker": True})

    with broken_queue(broker):
        eventually(lambda: shown(worker) == {"database": True, "broker": False}, seconds=20)
        assert not worker.is_ready()

    eventually(lambda: shown(worker) == {"database": True, "broker": True}, seconds=20)
    assert worker.is_ready()


class Over(BaseException):
    """Ends the endless."""


def test_a_check_that_fails_does_not_hold_and_the_next_look_is_taken(monkeypatch):
    answers, looks = iter([True, RuntimeError(), True]), []

    def check():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def pause(seconds):
        looks.append(READY.labels("odd")._value.get())
        if len(looks) == 3:
            raise Over

    monkeypatch.setattr(health.time, "sleep", pause)
    with pytest.raises(Over):
        health.show({"odd": check})
    assert looks == [1, 0, 1]
