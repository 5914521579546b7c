"""Who tries passwords by the thousand gets in nowhere, and stands in nobody's way;
and whoever lost the right to be in is out within a second. On the running process."""

from __future__ import annotations

import hashlib
import random
import statistics
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest

from services.routing import models, passwords, throttle
from tests.harness.processes import ServiceProcess
from tests.harness.waiting import eventually
from tests.service.routing.office import PASSWORD, STAFF

pytestmark = [pytest.mark.fault, pytest.mark.alone]

SOON = 1.0  # seconds until a session that was ended is nothing
SIGN_IN, ME = "/v1/officers/sign-in", "/v1/officers/me"
KNOWN = sorted(set(STAFF) - {"administrator"})


@pytest.fixture(scope="module")
def stored():
    """As dear to compare as in earnest: here time is measured."""
    return passwords.hashed(PASSWORD)


@pytest.fixture(scope="module")
def running(office, surroundings, state):
    process = ServiceProcess("api", office.database, surroundings, state)
    yield process.start()
    process.stop()


@pytest.fixture
def api(running, office):
    office.database.psql("DELETE FROM sign_in_throttle")
    with httpx.Client(base_url=running.url, timeout=20, trust_env=False) as client:
        yield client
    office.database.psql("DELETE FROM sign_in_throttle")


def sign_in(api, username, password=PASSWORD):
    return api.post(SIGN_IN, json={"username": username, "password": password})


def session(api, username):
    """The header of a new session."""
    return {"Authorization": f"Bearer {sign_in(api, username).json()['token']}"}


def test_a_hundred_guesses_take_more_than_an_hour(api, office):
    """And they are all that a day has for one name: `test_guessing.py`."""
    delays = [throttle.delay(failures) for failures in range(1, throttle.MOST + 1)]
    assert sum(delays) > 3_600
    assert max(delays) == 42

    tries = [sign_in(api, "liaison", f"guess {n}").status_code for n in range(100)]
    assert Counter(tries)[401] <= throttle.FREE_TRIES + 5  # the first delays are of seconds
    assert set(tries) <= {401, 429}


def test_stuffing_many_names_from_many_threads_gets_in_nowhere(api, running):
    names = [f"name-{n}" for n in range(40)] + KNOWN

    def stuff(name):
        with httpx.Client(base_url=running.url, timeout=30, trust_env=False) as client:
            return [sign_in(client, name, f"guess {n}").status_code for n in range(8)]

    with ThreadPoolExecutor(8) as pool:
        answers = Counter(status for found in pool.map(stuff, names) for status in found)

    assert answers.keys() <= {401, 429}


def test_others_are_served_while_passwords_are_tried(api, office, running):
    """At most two hashes at once (19 MiB each), and the ninety-ninth of a hundred within 2 s."""
    header, stop = session(api, "supervisor"), threading.Event()
    process = psutil.Process(running.process.pid)
    most = [0]

    def flood(number):
        with httpx.Client(base_url=running.url, timeout=30, trust_env=False) as client:
            while not stop.is_set():
                sign_in(client, f"name-{number}-{random.randrange(10**6)}", "wrong")

    def memory():
        family = [process, *process.children(recursive=True)]
        return sum(one.memory_info().rss for one in family if one.is_running())

    taken, before = [], memory()
    with ThreadPoolExecutor(12) as pool:
        floods = [pool.submit(flood, n) for n in range(12)]
        for _ in range(150):
            started = time.perf_counter()
            assert api.get("/v1/cases", headers=header).status_code == 200
            taken.append(time.perf_counter() - started)
            most[0] = max(most[0], memory())
        stop.set()
        for one in floods:
            one.result()

    assert statistics.quantiles(taken, n=100)[98] < 2
    assert most[0] - before < 128 * 2**20
    assert session(api, "supervisor")  # and whoever has the password gets in again


def role_of(office, role):
    place = {"liaison": "dpupr", "arbiter": "setda"}[role]
    office.database.psql(
        "UPDATE officer SET role = %s, agency = %s WHERE username = 'stranger'", [role, place]
    )


ENDS = {
    "sign-out": lambda api, office, own: api.post("/v1/officers/sign-out", headers=own),
    "disabling": lambda api, office, own: api.post(
        "/v1/officers/stranger/disabling", headers=session(api, "administrator")
    ),
    "a new first password": lambda api, office, own: api.post(
        "/v1/officers/stranger/first-password", headers=session(api, "administrator")
    ),
}


@pytest.mark.parametrize("how", ENDS)
def test_who_lost_their_session_is_out_within_a_second(api, office, how):
    own = session(api, "stranger")
    assert api.get(ME, headers=own).status_code == 200

    assert ENDS[how](api, office, own).is_success
    eventually(lambda: api.get(ME, headers=own).status_code == 401, "being out", seconds=SOON)

    with office.db.begin() as tx:  # as they were
        officer = tx.query(models.Officer).filter_by(username="stranger").one()
        like = tx.query(models.Officer).filter_by(username="liaison").one()
        officer.disabled_at, officer.must_change_password = None, False
        officer.password_hash = like.password_hash


def test_another_role_holds_within_a_second(api, office):
    own = session(api, "stranger")
    assert api.get("/v1/cases?limit=1", headers=own).json()["items"] == []
    number = office.open()

    role_of(office, "arbiter")
    shown = f"/v1/cases/{number}"
    eventually(lambda: api.get(shown, headers=own).status_code == 200, "the role", seconds=SOON)
    role_of(office, "liaison")
    eventually(lambda: api.get(shown, headers=own).status_code == 404, "its end", seconds=SOON)
    office.database.psql("UPDATE officer SET agency = 'dishub' WHERE username = 'stranger'")


def test_nobody_brings_a_session_of_their_own_making(api, office):
    """No fixation: a token that a client chose is nothing, before a sign-in and after it."""
    chosen = "A" * 43
    own = {"Authorization": f"Bearer {chosen}", "Cookie": f"session={chosen}; token={chosen}"}
    answer = api.post(SIGN_IN, json={"username": "stranger", "password": PASSWORD}, headers=own)

    assert answer.json()["token"] != chosen
    assert api.get(ME, headers=own).status_code == 401
    kept = "SELECT count(*) FROM session WHERE token_hash = %s"
    assert office.database.psql(kept, [hashlib.sha256(chosen.encode()).digest()]) == [(0,)]


def test_a_browser_sends_no_proof_by_itself(api):
    """No forged requests: there is no cookie, and none is read."""
    answer = sign_in(api, "stranger")
    token = answer.json()["token"]

    assert "set-cookie" not in answer.headers
    for cookie in (f"session={token}", f"token={token}", f"Authorization=Bearer {token}"):
        assert api.get(ME, headers={"Cookie": cookie}).status_code == 401
    assert api.get(f"{ME}?token={token}&access_token={token}").status_code == 401
    assert "access-control-allow-origin" not in answer.headers
