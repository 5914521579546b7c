"""Whoever hears no answer asks again under the same key: it happens once, with the same answer."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import uuid4

import httpx
import pytest

from tests.failure.accounting import Accepted, settle
from tests.harness.faults import ask, client_of, problem, waiting_for_locks
from tests.harness.proxy import DOWN, Proxy
from tests.harness.waiting import eventually
from tests.harness.workload import REPORT

pytestmark = pytest.mark.fault

TWINS = 20
REPLY = {"text": "Masih padam juga malam ini."}
SLOW = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = 0 AS
$$ BEGIN PERFORM pg_advisory_xact_lock(22); RETURN NEW; END $$;
CREATE TRIGGER slow BEFORE INSERT ON report FOR EACH ROW EXECUTE FUNCTION slow()
"""


@pytest.fixture
def network(system):
    """Between a client and the gateway."""
    with Proxy(lambda: system.port) as between:
        yield between


@pytest.fixture
def body():
    """A report that no other test sends."""
    return REPORT | {"title": f"Lampu padam {uuid4().hex}"}


@pytest.fixture
def key():
    return {"Idempotency-Key": str(uuid4())}


def reports(system, body):
    """The numbers of the reports that were made of a body."""
    asked = "SELECT number FROM report WHERE title = %s"
    return [number for (number,) in system.psql("intake", asked, [body["title"]])]


def unanswered(network, path, body, headers, arrived):
    """Sends a request, and breaks the network as soon as it has had its effect."""
    url = f"http://127.0.0.1:{network.port}/api/v1{path}"
    network.hold(DOWN)
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(httpx.post, url, json=body, headers=headers, timeout=30, trust_env=False)
        eventually(arrived)
        network.reset()
    network.heal()
    assert isinstance(sent.exception(), httpx.TransportError)


def test_a_report_whose_receipt_was_lost_is_made_once_and_its_receipt_is_good(
    system, network, body, key
):
    unanswered(network, "/reports", body, key, lambda: reports(system, body))
    answers = [ask(system, body=body, **key) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].text == answers[1].text
    receipt = answers[0].json()
    assert reports(system, body) == [receipt["number"]]
    known = {name: receipt[name] for name in ("number", "code")}
    assert ask(system, "/reports/track", known).json()["title"] == body["title"]
    settle(system, Accepted({receipt["number"]}))


def test_a_step_whose_answer_was_lost_is_taken_once(system, network, body, key):
    receipt = ask(system, body=body).json()
    settle(system, Accepted({receipt["number"]}))
    path, code = f"/reports/{receipt['number']}/supplements", {"Tracking-Code": receipt["code"]}
    filed = "SELECT count(*) FROM timeline_entry WHERE number = %s AND text = %s"

    def times():
        return system.psql("intake", filed, [receipt["number"], REPLY["text"]])[0][0]

    unanswered(network, path, REPLY, code | key, times)
    answers = [ask(system, path, REPLY, **code, **key) for _ in range(2)]

    assert answers[0].is_success
    assert answers[0].text == answers[1].text
    assert times() == 1
    settle(system, Accepted({receipt["number"]}))


def test_whoever_asks_again_under_another_key_is_seen_to_have_two_reports(system, network, body):
    """The negative control: without the key nobody knows that it is the same request."""
    keys = [{"Idempotency-Key": str(uuid4())} for _ in range(2)]
    unanswered(network, "/reports", body, keys[0], lambda: reports(system, body))

    assert ask(system, body=body, **keys[1]).status_code == 201
    assert len(reports(system, body)) == 2
    settle(system, Accepted(set(reports(system, body))))


def test_an_answer_that_was_not_kept_is_seen_to_make_a_second_report(system, body, key):
    """The negative control of a key that is known."""
    assert ask(system, body=body, **key).status_code == 201
    system.psql("intake", "DELETE FROM idempotency")
    assert ask(system, body=body, **key).status_code == 201

    assert len(reports(system, body)) == 2
    settle(system, Accepted(set(reports(system, body))))


def test_twenty_twins_at_once_are_one_report(system, body, key):
    with ThreadPoolExecutor(TWINS) as pool:
        answers = list(pool.map(lambda _: ask(system, body=body, **key), range(TWINS)))
    last = ask(system, body=body, **key)

    assert {a.text for a in answers if a.status_code == 201} == {last.text}
    assert {problem(a) for a in answers if a.status_code != 201} <= {409}
    assert reports(system, body) == [last.json()["number"]]
    settle(system, Accepted(set(reports(system, body))))


def test_a_key_that_comes_with_another_body_is_refused_and_does_nothing(system, body, key):
    first = ask(system, body=body, **key)
    other = body | {"title": f"{body['title']} lagi"}
    refused = ask(system, body=other, **key)

    assert problem(refused) == 422
    assert [error["rule"] for error in refused.json()["errors"]] == ["same_body"]
    assert reports(system, other) == []
    assert ask(system, body=body, **key).text == first.text
    settle(system, Accepted({first.json()["number"]}))


@contextmanager
def held(system):
    """No report is written until the block ends."""
    system.psql("intake", SLOW)
    try:
        with client_of(system, "intake") as holder:
            holder.execute("SELECT pg_advisory_xact_lock(22)")
            yield
    finally:
        system.psql("intake", "DROP FUNCTION slow CASCADE")


def test_a_request_that_is_in_hand_is_not_begun_again(system, body, key):
    with ThreadPoolExecutor(1) as pool, held(system):
        first = pool.submit(ask, system, body=body, **key)
        eventually(lambda: waiting_for_locks(system, "intake"), "the first is in hand")
        twin = ask(system, body=body, **key)

    assert problem(twin) == 409
    assert first.result().status_code == 201
    assert ask(system, body=body, **key).text == first.result().text
    assert reports(system, body) == [first.result().json()["number"]]
    settle(system, Accepted(set(reports(system, body))))
