"""Routing as it runs in production: a broker, a worker that dies, an API that is hammered."""

from __future__ import annotations

import statistics
import threading
import time
from itertools import count

import httpx
import pytest

import contracts
from tests.harness.processes import ServiceProcess
from tests.harness.publishing import event, publish
from tests.harness.waiting import eventually
from tests.service.routing.office import PASSWORD, furnish


@pytest.fixture
def town(database, surroundings, state, broker):
    """A furnished database, and a way to start processes on it."""
    made, running = database("routing"), []
    furnish(made)

    def start(kind: str, **more: str) -> ServiceProcess:
        more = {"AMQP_URI": broker.uri("routing")} | more
        running.append(ServiceProcess(kind, made, surroundings, state, **more))
        return running[-1].start()

    yield made, start
    for process in running:
        process.stop()


def report(number, sequence=1, type="report.submitted.v1", **changes):
    example = next(iter(contracts.examples(type).values()))["data"]
    return event(type, number, sequence, example | changes)


def said(database):
    return database.psql("SELECT subject, type FROM outbox ORDER BY id")


def test_reports_become_cases_once_however_often_and_in_whatever_order(town, broker):
    database, start = town
    start("worker")
    number, other = "KTB-30001-00000", "KTB-30002-00000"
    more = {"text": "More.", "question_id": None}
    opened, added = report(number), report(number, 2, "report.supplemented.v1", **more)
    publish(broker, "intake", [added, opened])
    publish(broker, "intake", [opened, added, report(other)])

    eventually(lambda: len(said(database)) == 2)
    assert sorted(said(database)) == [(number, "case.opened.v1"), (other, "case.opened.v1")]
    eventually(lambda: database.psql("SELECT text FROM reporter_note") == [("More.",)])
    published = "SELECT count(*) FROM outbox WHERE published_at IS NOT NULL"
    eventually(lambda: database.psql(published) == [(2,)])


@pytest.mark.parametrize("point", ["inbox.before_commit", "inbox.after_commit", "inbox.before_ack"])
def test_a_worker_that_dies_opens_each_case_once(town, broker, point):
    database, start = town
    dying = start("worker", FAILPOINTS=f"{point}=kill")
    number = f"KTB-4000{len(point) % 10}-00000"
    publish(broker, "intake", [report(number)])
    eventually(lambda: not dying.process.running)

    start("worker")
    eventually(lambda: said(database) == [(number, "case.opened.v1")])
    assert database.psql("SELECT count(*) FROM cases") == [(1,)]


def test_no_words_of_a_report_are_logged(town, broker):
    database, start = town
    worker, api = start("worker"), start("api")
    publish(broker, "intake", [report("KTB-50001-00000", title="Kenari", text="Kenari biru")])
    eventually(lambda: said(database))
    with httpx.Client(base_url=api.url) as client:
        who = {"username": "kenari", "password": "kenari biru"}
        for device in ("kenari merah", "kenari" * 20):
            said_back = client.post("/v1/officers/sign-in", json=who | {"device": device}).text
            assert "kenari" not in said_back

    for process in (worker, api):
        assert "kenari" not in str(process.logged()).lower()
        assert "kenari" not in process.metrics().lower()


@pytest.mark.alone
def test_officers_work_on_while_somebody_hammers_the_sign_in(town):
    _, start = town
    api = start("api")
    with httpx.Client(base_url=api.url, timeout=10) as client:
        body = {"username": "coordinator", "password": PASSWORD}
        token = client.post("/v1/officers/sign-in", json=body).json()["token"]
        stop, statuses = threading.Event(), set()
        names = count()

        def hammer() -> None:
            with httpx.Client(base_url=api.url, timeout=10) as attacker:
                while not stop.is_set():
                    guess = {"username": f"name-{next(names)}", "password": "wrong"}
                    answer = attacker.post("/v1/officers/sign-in", json=guess)
                    statuses.add(answer.status_code)

        attackers = [threading.Thread(target=hammer) for _ in range(6)]
        for attacker in attackers:
            attacker.start()
        times = []
        for _ in range(40):
            started = time.perf_counter()
            answer = client.get("/v1/cases", headers={"Authorization": f"Bearer {token}"})
            times.append(time.perf_counter() - started)
            assert answer.status_code == 200
        stop.set()
        for attacker in attackers:
            attacker.join()

    assert statuses <= {401, 429}
    assert max(times) < 2
    assert statistics.median(times) < 1
