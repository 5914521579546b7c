"""The database dies under load: nobody is promised anything, nobody exits, and all goes on.

The tests' database runs with `fsync` off, so these tests show what a death of the server costs, not
one of the machine: what the server has written, the kernel keeps.
"""

import time

import httpx
import pytest

from tests.failure.accounting import Accepted, settle, submit, unaccounted, under_way
from tests.harness.faults import ask, problem, timed
from tests.harness.waiting import eventually

pytestmark = pytest.mark.fault

REPORTS = 100
OUTAGE = 10  # seconds
REFUSED_WITHIN = 2.0  # seconds
BACK_WITHIN = 10.0  # seconds


def test_a_database_killed_under_load_and_back_ten_seconds_later(own_system):
    pids = {p.name: p.pid for p in own_system.processes() if p.name.endswith(("-api", "-worker"))}
    with under_way(own_system, REPORTS) as accepted:
        own_system.postgres.kill()
        end, refused = time.monotonic() + OUTAGE, []
        while time.monotonic() < end:
            refused.append(timed(lambda: ask(own_system)))
        own_system.postgres.restart()
        back = time.monotonic()
        receipt = eventually(lambda: answered(own_system), "a receipt again", seconds=30)
        accepted.numbers.add(receipt)
        resumed = time.monotonic() - back
        eventually(lambda: knows(own_system, receipt), "its case", seconds=60)
        followed = time.monotonic() - back
        accepted.numbers.discard(receipt)

    assert {problem(answer) for _, answer in refused} == {503}
    assert max(seconds for seconds, _ in refused) < REFUSED_WITHIN
    assert resumed < BACK_WITHIN
    assert followed < BACK_WITHIN
    accepted.numbers.add(receipt)
    settle(own_system, accepted)
    assert {p.name: p.pid for p in own_system.processes() if p.name in pids} == pids


def test_a_receipt_without_a_durable_row_is_noticed(own_system):
    """The negative control: a database that forgets what it said was committed."""
    accepted = Accepted()
    submit(own_system, 3, accepted)
    settle(own_system, accepted)
    forgotten = next(iter(accepted.numbers))

    for table in ("timeline_entry", "deadline"):
        own_system.psql("intake", f"DELETE FROM {table} WHERE number = %s", [forgotten])
    own_system.psql("intake", "DELETE FROM report WHERE number = %s", [forgotten])
    assert unaccounted(own_system, accepted)["intake"] == {"lost": 1, "doubled": 0}


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
