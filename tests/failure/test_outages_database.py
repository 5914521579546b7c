"""The database dies under load: nobody is promised anything, nobody exits, and all goes on.

The tests' database runs with `fsync` off, so these tests show what a death of the server costs, not
one of the machine: what the server has written, the kernel keeps.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from uuid import uuid4

import httpx
import pytest

from deploy.local.plain import PLAIN
from deploy.local.scenario import sign_in
from tests.failure.accounting import Accepted, settle, submit, unaccounted, under_way
from tests.harness.faults import ask, client_of, problem
from tests.harness.stalls import Stalls
from tests.harness.system import stage
from tests.harness.waiting import eventually
from tests.harness.workload import COORDINATOR, REPORT

pytestmark = [pytest.mark.fault, pytest.mark.alone]

REPORTS = 100
OUTAGE = 10  # seconds
REFUSED_WITHIN = 2.0  # seconds
BACK_WITHIN = 10.0  # seconds
KNOCKS = (
    ("intake", "POST", "/reports/track"), ("intake", "POST", "/reports"),
    ("routing", "GET", "/officers/me"), ("routing", "POST", "/cases/{}/verification"),
    ("escalation", "GET", "/amendments"), ("escalation", "POST", "/posts"),
)  # fmt: skip


class Doors:
    """A read and a write of each service that answers anything, and what each is answered."""

    def __init__(self, system, people):
        receipt = ask(system).json()
        settle(system, Accepted({receipt["number"]}))
        officer, admin = sign_in(people, COORDINATOR), sign_in(people, "admin")
        voucher = admin.ask("POST", "/officers/token", {"service": "escalation"})["token"]
        known = {name: receipt[name] for name in ("number", "code")}
        decree = {"post": "sekda", "standing": "held", "effective_from": "2030-01-01"}
        self._pool = ThreadPoolExecutor(len(KNOCKS))
        self._http = httpx.Client(timeout=30, trust_env=False, verify=PLAIN)
        self._url, self._bodies = f"{system.url}/api/v1", {
            "/reports": REPORT, "/reports/track": known, "/posts": decree | {"decree": "Perbup 1"},
            "/cases/{}/verification": {"class": "ordinary", "category": "jalan-jembatan"},
        }  # fmt: skip
        self._number, self._seats = receipt["number"], {
            "routing": officer.client.headers["Authorization"], "escalation": f"Bearer {voucher}",
            "intake": "",
        }  # fmt: skip

    def knock(self):
        """Asks all at once: which, when, what came, and when."""
        return [one.result() for one in [self._pool.submit(self._ask, *knock) for knock in KNOCKS]]

    def close(self):
        self._pool.shutdown()
        self._http.close()

    def _ask(self, service, method, path):
        told = {"Authorization": self._seats[service], "Idempotency-Key": str(uuid4())}
        url = self._url + path.format(self._number)
        body = self._bodies.get(path)
        asked = time.monotonic()
        answer = self._http.request(method, url, json=body, headers=told)
        return f"{method} {path}", asked, answer, time.monotonic()


@pytest.fixture
def doors(system):
    with closing(stage(system)) as people, closing(Doors(system, people)) as doors:
        assert {answer.is_success for _, _, answer, _ in doors.knock()} == {True}
        yield doors


def test_a_database_killed_under_load_and_back_ten_seconds_later(system, doors):
    pids = {p.name: p.pid for p in system.processes() if p.name.endswith(("-api", "-worker"))}
    with under_way(system, REPORTS) as accepted, Stalls(system.folder) as stalls:
        system.postgres.kill()
        end, refused = time.monotonic() + OUTAGE, []
        while time.monotonic() < end:
            refused += doors.knock()
        system.postgres.restart()
        back = time.monotonic()
        receipt = eventually(lambda: answered(system), "a receipt again", seconds=30)
        resumed = time.monotonic() - back
        accepted.numbers.add(receipt)
        eventually(lambda: knows(system, receipt), "its case", seconds=60)
        followed = time.monotonic() - back
        accepted.numbers.discard(receipt)
        slowest = max(stalls.ran(asked, told) for _, asked, _, told in refused)

    assert {what for what, _, answer, _ in refused if problem(answer) != 503} == set()
    assert slowest < REFUSED_WITHIN
    assert resumed < BACK_WITHIN
    assert followed < BACK_WITHIN
    accepted.numbers.add(receipt)
    settle(system, accepted)
    assert {p.name: p.pid for p in system.processes() if p.name in pids} == pids


def test_a_receipt_without_a_durable_row_is_noticed(system):
    """The negative control: a database that forgets what it said was committed."""
    accepted = Accepted()
    submit(system, 3, accepted)
    settle(system, accepted)
    forgotten = next(iter(accepted.numbers))

    for table in ("timeline_entry", "deadline"):
        system.psql("intake", f"DELETE FROM {table} WHERE number = %s", [forgotten])
    system.psql("intake", "DELETE FROM report WHERE number = %s", [forgotten])
    assert unaccounted(system, accepted)["intake"] == {"lost": 1, "doubled": 0}


def test_a_slow_database_is_no_stall_of_the_machine(system):
    """The negative control of the slowest refusal: it counts as long as it took."""
    with Stalls(system.folder) as stalls:
        asked = time.monotonic()
        system.psql("intake", "SELECT pg_sleep(2.5)")
        assert stalls.ran(asked, time.monotonic()) > REFUSED_WITHIN


def test_a_return_that_takes_too_long_is_noticed(system):
    """The negative control of the return: nobody may write for as long as it may take."""
    with client_of(system, "intake") as other:
        other.execute("LOCK TABLE report IN ACCESS EXCLUSIVE MODE")
        back = time.monotonic()
        threading.Timer(BACK_WITHIN, other.connection.rollback).start()
        receipt = eventually(lambda: answered(system), "a receipt again", seconds=30)
        assert time.monotonic() - back >= BACK_WITHIN
    settle(system, Accepted({receipt}))


def answered(system):
    """The number of a fresh receipt, or nothing while none is given."""
    try:
        answer = ask(system)
    except httpx.TransportError:
        return None
    return answer.json()["number"] if answer.status_code == 201 else None


def knows(system, number):
    asked = "SELECT 1 FROM timeline_entry WHERE number = %s AND what = 'case.opened'"
    return system.psql("intake", asked, [number])
