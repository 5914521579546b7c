"""Nobody finds a report by guessing, nor learns by asking that there is one."""

from __future__ import annotations

import itertools
import json
import random
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

import httpx
import pytest

from services.intake import domain
from tests.harness import ranks
from tests.harness.copies import Edit, copied
from tests.harness.doors import operations
from tests.harness.processes import ServiceProcess
from tests.harness.ranks import KEEPS, LEAKS
from tests.service.intake.conftest import REPORT, key

pytestmark = pytest.mark.alone

GUESSES, MANY = 10_000, 100_000
LOOKUPS = 2_000
PER_NUMBER = 10  # wrong codes for one number in a minute
REPORTS = 100
LEAK, HARMLESS = 50e-6, 10e-6  # seconds: what must be told, and what nobody can over a network
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def receipts(api):
    return [api.post("/v1/reports", json=REPORT, headers=key()).json() for _ in range(REPORTS)]


def unknown() -> str:
    return domain.number("KTB", secrets.randbelow(10**9))


def guess() -> str:
    return domain.code(secrets.randbits(130))


def test_a_code_has_130_bits_that_nobody_can_foresee(receipts):
    codes = [domain.read_code(receipt["code"]) for receipt in receipts]
    values = [int("".join(f"{domain.ALPHABET.index(c):05b}" for c in code), 2) for code in codes]

    assert domain.CODE_LENGTH * 5 >= 128
    assert len(set(codes)) == REPORTS
    for bit in range(domain.CODE_LENGTH * 5):  # as often one as nought, to six deviations
        ones = sum(value >> bit & 1 for value in values)
        assert abs(ones - REPORTS / 2) < 6 * (REPORTS / 4) ** 0.5, bit


def statuses_of(url: str, receipts, how_many: int, threads: int = 4) -> dict[int, int]:
    """What so many guesses were answered: at numbers that exist and at others, in turn."""
    numbers = [receipt["number"] for receipt in receipts]
    found: dict[int, int] = {}
    lock = threading.Lock()

    def guesser(count: int) -> None:
        mine: dict[int, int] = {}
        with closing(HTTPConnection(urlsplit(url).netloc, timeout=30)) as connection:
            for turn in range(count):
                number = random.choice(numbers) if turn % 2 else unknown()
                proof = json.dumps({"number": number, "code": guess()})
                connection.request("POST", "/v1/reports/track", proof, JSON)
                answer = connection.getresponse()
                answer.read()
                mine[answer.status] = mine.get(answer.status, 0) + 1
        with lock:
            for status, times in mine.items():
                found[status] = found.get(status, 0) + times

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(guesser, [how_many // threads] * threads))
    return found


@pytest.mark.fault
@pytest.mark.parametrize("how_many", [GUESSES, pytest.param(MANY, marks=pytest.mark.slow)], ids=str)
def test_no_guess_hits(kept_api, receipts, how_many):
    found = statuses_of(kept_api.url, receipts, how_many)

    assert found.keys() == {404, 429}
    assert sum(found.values()) == how_many
    assert found[429] >= how_many // 2 - REPORTS * PER_NUMBER * 10  # a few minutes' worth at most


def test_a_right_code_is_a_hit_to_the_same_counter(kept_api, receipts, monkeypatch):
    """The negative control."""
    monkeypatch.setattr(domain, "code", lambda _: receipts[0]["code"])

    assert 200 in statuses_of(kept_api.url, receipts[:1], 8)


def test_ten_wrong_codes_a_minute_for_one_number_and_then_none(api, receipts):
    for number in (receipts[0]["number"], unknown()):
        wrong = {"number": number, "code": guess()}
        answers = [api.post("/v1/reports/track", json=wrong) for _ in range(PER_NUMBER + 5)]

        assert [a.status_code for a in answers] == [404] * PER_NUMBER + [429] * 5
        assert 0 < int(answers[-1].headers["retry-after"]) <= 60


def same(answer: httpx.Response) -> tuple[object, ...]:
    """All of an answer but what differs between any two."""
    headers = {n: value for n, value in answer.headers.items() if n != "date"}
    return answer.status_code, headers, answer.json() | {"instance": ""}


def timed(api: httpx.Client, proofs: list[dict[str, str]]) -> list[float]:
    taken = []
    for proof in proofs:
        started = time.perf_counter()
        answer = api.post("/v1/reports/track", json=proof)
        taken.append(time.perf_counter() - started)
        assert answer.status_code in (200, 404)
    return taken


def longer(
    api: httpx.Client, ones: list[dict[str, str]], others: list[dict[str, str]]
) -> list[float]:
    """How many seconds longer each took than the other of its pair: asked one right after the
    other, in no order, so that whatever this machine does meets both."""
    found = []
    for pair in zip(ones, others, strict=True):
        times = {which: timed(api, [pair[which]])[0] for which in random.sample((0, 1), 2)}
        found.append(times[0] - times[1])
    return found


def wrong(numbers: list[str], times: int) -> list[dict[str, str]]:
    asked = itertools.islice(itertools.cycle(numbers), times)
    return [{"number": number, "code": guess()} for number in asked]


def told(api: httpx.Client) -> tuple[str, str]:
    """What the clock tells of a number that exists, in rounds of 2,000 look-ups."""

    def measure() -> list[float]:
        receipts = [api.post("/v1/reports", json=REPORT, headers=key()).json() for _ in range(100)]
        there = [receipt["number"] for receipt in receipts]
        half = LOOKUPS // 2
        return longer(api, wrong(there, half), wrong([unknown() for _ in there], half))

    return ranks.told(measure, LEAK, HARMLESS)


@pytest.mark.fault
def test_a_wrong_code_takes_as_long_as_a_wrong_number(api, intake_db):
    """It is taken for a leak by mistake once in 1,000 times at most, and passes only where that was
    told. A rank test of one round (p > 0.01) would be mistaken once in a hundred times, and a busy
    machine would pass it whatever it leaks."""
    verdict, found = told(api)

    print(f"\n{verdict}: {found}")
    assert verdict == KEEPS, found


LEAKING = (
    "services/intake/door.py", "        given = code_hash(self._pepper, number, code)\n",
    "        given = code_hash(self._pepper, number, code)\n"
    "        import time as t; end = t.perf_counter() + (SECONDS if stored else 0)\n"
    "        while t.perf_counter() < end: pass\n",
)  # fmt: skip


@pytest.fixture
def mistaken(intake_db, surroundings, state, tmp_path):
    """`mistaken(edit)`: clients of an API that has a mistake in it."""
    with ExitStack() as running:

        def serve(edit: Edit) -> httpx.Client:
            wrong = ServiceProcess("api", intake_db, surroundings, state)
            wrong.process.cwd = copied(tmp_path, [edit])
            running.callback(wrong.stop)
            wrong.start()
            return running.enter_context(httpx.Client(base_url=wrong.url, timeout=10))

        yield serve


@pytest.mark.fault
@pytest.mark.parametrize("seconds", [LEAK, 2e-3])
def test_a_leak_is_told(mistaken, seconds):
    """The negative control."""
    file, old, new = LEAKING
    verdict, found = told(mistaken((file, old, new.replace("SECONDS", str(seconds)))))

    print(f"\n{verdict}: {found}")
    assert verdict == LEAKS, found


def answered(api: httpx.Client, there: str) -> set[str]:
    """The different answers to wrong codes for a number that exists, and to numbers that do not."""
    proofs = (*wrong([there], 3), *wrong([unknown() for _ in range(3)], 3))
    answers = [same(api.post("/v1/reports/track", json=proof)) for proof in proofs]
    assert {status for status, *_ in answers} == {404}
    return {json.dumps(answer, sort_keys=True) for answer in answers}


def test_wrong_codes_and_wrong_numbers_are_answered_alike(api, receipts):
    assert len(answered(api, receipts[0]["number"])) == 1


SAYS_MORE = (
    "services/intake/door.py", 'raise NotFound("there is no report with this number and code")',
    'raise NotFound("this is not the code" if stored else "there is no report with this number")',
)  # fmt: skip


def test_an_answer_that_says_which_was_wrong_is_noticed(mistaken, receipts):
    """The negative control."""
    assert len(answered(mistaken(SAYS_MORE), receipts[0]["number"])) == 2


def test_a_code_in_an_address_opens_nothing(api, receipts):
    """Addresses are kept by browsers and proxies, and told to others as a referer."""
    for operation in operations("intake"):
        asked = [*operation.asked("path"), *operation.asked("query")]
        assert not [name for name in asked if "code" in name.lower()], operation
    number, code = receipts[0]["number"], receipts[0]["code"]
    path, header = f"/v1/reports/{number}/supplements", {"Tracking-Code": code}
    for name in ("code", "Tracking-Code", "tracking_code"):
        told = {"number": number, name: code}
        for where in (path, "/v1/reports/track"):
            answer = api.post(where, params=told, json={"text": "Masih rusak."}, headers=key())
            assert answer.is_client_error, answer.text
    assert api.post(path, json={"text": "Masih rusak."}, headers=key() | header).is_success


def test_no_code_and_no_number_reach_the_log(api, kept_api, receipts):
    for receipt in receipts[:5]:
        proof = {"number": receipt["number"], "code": receipt["code"]}
        headers = {"Tracking-Code": receipt["code"]}
        assert api.post("/v1/reports/track", json=proof).status_code == 200
        api.post(f"/v1/reports/{receipt['number']}/supplements", json={"x": 1}, headers=headers)
        api.get(f"/v1/reports/{receipt['number']}", headers=headers)
        api.post("/v1/reports/track", json=proof | {"code": receipt["code"] * 3})

    logged = kept_api.process.log.read_text() + kept_api.metrics()
    assert "api_started" in logged
    for receipt in receipts[:5]:
        for secret in (receipt["code"], domain.read_code(receipt["code"]), receipt["number"]):
            assert secret not in logged
