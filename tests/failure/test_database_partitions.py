"""A network that swallows what goes to the database, or what comes from it: every socket stays
open. Whoever asks is refused in time, no worker ends, and nothing is lost or happens twice.
"""

import time
from datetime import UTC, datetime

import httpx
import pytest

from deploy.local.scenario import sign_in
from tests.harness.checker import settled
from tests.harness.copies import mistaken
from tests.harness.faults import has_said, hear, problem, timed
from tests.harness.networks import swallowing
from tests.harness.proxy import DOWN, UP
from tests.harness.system import stage
from tests.harness.waiting import eventually
from tests.harness.workload import COORDINATOR

pytestmark = [pytest.mark.fault, pytest.mark.patient]

ENGINE = "postgres"  # what the networks lead to
# Seconds that an API is silent, and half as long again: each answer passes through a busy machine.
REFUSED_WITHIN = 3.0
AWAY = "wakeup_failed"  # what a worker says then: a timer of its own failed
NOTICED = 40  # seconds: a worker's statements may take their time
RATE = 3  # reports a second
DRAINED = 60  # seconds
AT_ITS_DESK = {"routing": "/v1/officers/me", "escalation": "/v1/amendments"}
# Each of its own kind: of what intake is told, all is done, and it hears nothing of it.
PARTED = {"intake": (DOWN,), "routing": (UP,), "notify": (UP, DOWN), "escalation": (UP, DOWN)}


@pytest.fixture(scope="module")
def system(parts):
    return parts[0]


@pytest.fixture(scope="module")
def tokens(system):
    """With what an API is asked that only the database can answer; escalation's lasts a minute."""
    people = stage(system)
    officer, admin = sign_in(people, COORDINATOR), sign_in(people, "admin")
    voucher = admin.ask("POST", "/officers/token", {"service": "escalation"})["token"]
    yield {
        "routing": officer.client.headers["Authorization"], "escalation": f"Bearer {voucher}"
    }  # fmt: skip
    people.close()


@pytest.mark.parametrize("longer", [3, pytest.param(45, marks=pytest.mark.slow)], ids="{} s".format)
def test_a_network_that_swallows_what_a_database_says_costs_nothing(
    system, work, networks, tokens, tmp_path, longer
):
    """Escalation's worker is the negative control of the workers: it waits for any answer. That of
    the APIs is an intake that does, where databases have their limits."""
    careless = [
        ("chassis/worker.py", "SILENCE = 15.0", "SILENCE = 600.0"),
        ("chassis/service.py", "POOL = 12", "POOL = 40"),  # each timer keeps one, and says nothing
    ]
    with mistaken(system, "escalation-worker", tmp_path, careless):
        pids = {p.name: p.pid for p in system.processes() if p.name.endswith(("-api", "-worker"))}
        with work.flow(RATE, clients=4):
            before = work.receipts()
            eventually(lambda: work.receipts() > before)
            with swallowing({networks[s]: ways for s, ways in PARTED.items()}) as since:
                at = datetime.now(UTC)
                refused = [timed(lambda s=s: look(system, s, tokens[s])) for s in AT_ITS_DESK]
                noticed = hear(system, ("intake", "routing", "notify"), AWAY, since, at, NOTICED)
                eventually(lambda: time.monotonic() - since >= max(noticed.values()) + longer,
                           "its time", NOTICED + longer)  # fmt: skip
                refused.append(timed(lambda: look(system, "routing", tokens["routing"])))
                assert not has_said(system, "escalation-worker", AWAY, at)
            back = time.monotonic()
            eventually(lambda: work.receipts() > before + 10, "receipts again", 30)
            resumed = time.monotonic() - back
        assert {p.name: p.pid for p in system.processes() if p.name in pids} == pids
    tries = refusals(work)
    settled(system, work.history.file, seconds=DRAINED)

    print(f"\nnoticed {noticed}; {len(tries)} tries refused in <= {max(tries):.1f} s; again after"
          f" {resumed:.1f} s; officers in {[round(s, 1) for s, _ in refused]} s")  # fmt: skip
    assert {problem(answer) for _, answer in refused} == {503}
    assert max(seconds for seconds, _ in refused) < REFUSED_WITHIN
    assert tries
    assert max(tries) < REFUSED_WITHIN
    assert {line.status for line in work.history.lines()} <= {0, 201, 503}


def look(system, service, token):
    """Asks a service's API itself: the gateway, once it knows, refuses for it."""
    url = f"http://127.0.0.1:{system.ports[service][0]}{AT_ITS_DESK[service]}"
    return httpx.get(url, headers={"Authorization": token}, timeout=30, trust_env=False)


def refusals(work):
    """How long each try took that brought no receipt."""
    begun, took = {}, []
    for line in work.history.lines():
        if line.kind == "invoke":
            begun[line.key] = line.at
        elif line.kind != "ok":
            took.append(line.at - begun[line.key])
    return took
