"""Whatever is sent to whichever operation: it is refused as a problem, quickly, and leaves nothing.

The operations come from the OpenAPI documents; each hostile value is put into a request that would
succeed without it. Every answer is quick when it is measured alone (100 ms).
"""

from __future__ import annotations

import gzip
import json
import time
import unicodedata
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from chassis.idempotency import HEADER
from tests.harness.doors import OPERATIONS, Doors, Request
from tests.harness.forms import REPORT
from tests.harness.rooms import key

QUICK = 0.1  # seconds
WITH_BODY = [operation for operation in OPERATIONS if operation.has_body]
PROBLEM = "application/problem+json"


def deep(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


# What stands in the place of a value, and must not.
VALUES = {
    "deep": deep(100_000),
    "33 levels": deep(33),
    "unclosed": b"[" * 30_000,
    "NaN": b"NaN",
    "infinity": b"-Infinity",
    "1e400": b"1e400",
    "-1e400": b"-1e400",
    "5,000 digits": b"9" * 5_000,
    "beyond 2^53": b"9007199254740993",
    "5,000 places": b"0." + b"9" * 5_000,
    "five megabytes": b'"' + b"x" * 5_000_000 + b'"',
    "64 kB and one": b'"' + b"x" * 65_537 + b'"',
    "surrogate": rb'"\ud800"',
    "half a pair": rb'"a\udfffb"',
    "swapped pair": rb'"\udc00\ud800"',
    "NUL": rb'"a\u0000b"',
    "raw NUL": b'"a\x00b"',
    "overlong": b'"\xc0\xaf"',
    "overlong NUL": b'"\xc0\x80"',
    "raw surrogate": b'"\xed\xa0\x80"',
    "beyond": b'"\xf5\x80\x80\x80"',
    "latin-1": '"é"'.encode("latin-1"),
    "same name twice": b'{"a": 1, "a": 2}',
    "same name twice, spelled otherwise": rb'{"a": 1, "\u0061": 2}',
    "a comment": b"1 // one",
    "single quotes": b"'a'",
    "10,000 names": json.dumps(dict.fromkeys(map(str, range(10_000)))).encode(),
    "5,000 names": json.dumps(dict.fromkeys(map(str, range(5_000)))).encode(),
    "-0.5": b"-0.5",
    "control": rb'"\u001b[2J"',
    "marks out of order": b'"a' + b"\xcc\x96\xcc\x80" * 7_500 + b'"',
    "an address of labels": b'{"email": "a@' + b"1." * 30_000 + b'!"}',
}
# What stands in the place of the body.
BODIES = {
    "4,000 names": json.dumps(dict.fromkeys(map(str, range(4_000)))).encode(),
    "nothing": b"",
    "a space": b" ",
    "BOM": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "UTF-32": "{}".encode("utf-32"),
    "null": b"null",
    "a list": b"[]",
    "a string": b'"a"',
    "7": b"7",
    "a form": b"a=b&c=d",
    "XML": b'<?xml version="1.0"?><a/>',
    "one brace": b"{",
    "NULs": b"\x00" * 100,
}
TYPES = ["", "text/plain", "application/xml", "application/x-www-form-urlencoded", "application",
         "multipart/form-data; boundary=x", "application/json-patch+json", "*/*"]  # fmt: skip


def refused(answer: httpx.Response) -> None:
    """Fails for an answer that is no proper refusal."""
    assert answer.status_code in (400, 413, 415, 422), f"{answer.status_code}: {answer.text[:300]}"
    problem = answer.json()
    assert answer.headers["content-type"] == PROBLEM
    assert {"type", "title", "status", "code", "instance"} <= set(problem)
    assert len(answer.content) < 8_000


def timed(doors: Doors, request: Request, patience: float = 20, **more: Any) -> httpx.Response:
    """The answer; asked again for up to `patience` seconds, until one is quick, for we are not
    alone here: what is slow by itself is slow each time."""
    taken: list[float] = []
    until = time.monotonic() + patience
    while not taken or time.monotonic() < until:
        if taken:
            time.sleep(0.2)
        started = time.perf_counter()
        answer = doors.send(request, timeout=5, **more)
        taken.append(time.perf_counter() - started)
        if taken[-1] <= QUICK:
            return answer
    raise AssertionError(f"answered in {min(taken):.3f} s")


@pytest.fixture
def unchanged(doors: Doors) -> Iterator[None]:
    """Nothing was written while the test ran, but for what a good request needs, and that an
    officer was refused."""
    before = doors.rows()
    yield
    changed = {t: n - before[t] for t, n in doors.rows().items() if n != before[t]}
    known = {"routing.denial", "escalation.denial", "escalation.feed_pending"}
    assert changed.keys() <= known, changed
    told = changed.get("escalation.feed_pending", 0)  # one entry proves one denial, nothing else
    assert told == changed.get("escalation.denial", 0), changed


@pytest.fixture
def good(doors: Doors, request: pytest.FixtureRequest) -> Request:
    """A request that would succeed, for the operation of the test."""
    return doors.good(request.node.callspec.params["operation"])


def spoilt(good: Request, value: bytes) -> Iterator[bytes]:
    """The good body with `value` in place of each of its values in turn, and under a new name."""
    for name in [*good.body, "more"]:
        others = {other: kept for other, kept in good.body.items() if other != name}
        rest = "".join(f", {json.dumps(o)}: {json.dumps(k)}" for o, k in others.items()).encode()
        yield b'{"' + name.encode() + b'": ' + value + rest + b"}"


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_no_hostile_value_is_taken_in_any_field(doors, operation, good, unchanged):
    for name, value in VALUES.items():
        for raw in spoilt(good, value):
            if name == "control" and raw.startswith((b'{"password"', b'{"new_password"')):
                continue  # a password may be of anything
            answer = timed(doors, good, content=raw)
            try:
                refused(answer)
            except AssertionError as error:
                raise AssertionError(f"{name} in {raw[:60]!r}: {error}") from None


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_no_body_that_is_none_is_taken(doors, operation, good, unchanged):
    whole = json.dumps(good.body).encode()
    trailing = [whole + b"x", whole + whole, whole + b"\x00", b")]}'" + whole]
    for raw in [*BODIES.values(), *trailing, gzip.compress(whole)]:
        refused(timed(doors, good, content=raw))
    refused(timed(doors, good, content=gzip.compress(whole), headers={"Content-Encoding": "gzip"}))
    for kind in TYPES:
        headers = {"Content-Type": kind}
        assert timed(doors, good, content=whole, headers=headers).status_code == 415, kind


ODD = {
    "NUL": "\0",
    "line break": "a\r\nb",
    "tab": "\t",
    "escape": "\x1b[2J",
    "RTL": "\u202eabc\u202c",
    "zero width": "\u200b\u200d\ufeff",
    "long": "x" * 3_000,
    "up": "../../etc/passwd",
    "quote": "' OR 1=1 --",
    "percent": "%s%n%00",
    "digits": "9" * 5_000,
    "1e400": "1e400",
    "NaN": "NaN",
    "minus": "-1",
    "other digits": "\u0661",
    "underscore": "1_0",
    "space": " 1",
    "plus": "+1",
    "half": "0.5",
    "supplementary": "\U0001f600",
    "combining": "e\u0301" * 50,
    "nothing": "",
    "template": "{{7*7}}${7*7}",
}
RAW = ["%ff", "%c0%af", "%ed%a0%80", "%00", "%", "%zz", "%f5%80%80%80", "%u0000"]


def no_failure(answer: httpx.Response) -> None:
    """Fails for an answer that is neither a success nor a proper refusal."""
    assert answer.status_code < 500, answer.text[:300]
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == PROBLEM
        assert answer.json()["status"] == answer.status_code


@pytest.mark.parametrize("operation", [o for o in OPERATIONS if o.asked("path")], ids=str)
def test_nothing_odd_in_an_address_finds_anything(doors, operation, good, unchanged):
    for name in good.parts:
        for value in ODD.values():
            answer = timed(doors, good.but(parts={**good.parts, name: value}))
            assert answer.status_code in (404, 405), f"{value[:20]!r}: {answer.text[:200]}"
            no_failure(answer)
    base = doors.rooms[operation.service].process.url
    for raw in RAW:
        url = base + operation.path.replace("{" + name + "}", raw)
        answer = doors.client.request(
            operation.method,
            url,
            headers=good.headers,
            json=good.body if operation.has_body else None,
        )
        assert answer.status_code in (400, 404), f"{raw}: {answer.text[:200]}"


QUERIED = [o for o in OPERATIONS if o.asked("query")]


@pytest.mark.parametrize("operation", QUERIED, ids=str)
def test_nothing_odd_in_a_query_is_understood(doors, operation, good, unchanged):
    for name in operation.asked("query"):
        for what, value in ODD.items():
            if what == "nothing":
                continue
            answer = timed(doors, good.but(query={**good.query, name: value}))
            assert answer.status_code == 422, f"{name}={what}: {answer.text[:200]}"
            refused(answer)
    for raw in [*RAW, "1&{0}=2", "&&&=&", "1;{0}=2"]:
        path = f"{operation.path}?{name}={raw.format(name)}"
        answer = doors.client.get(
            doors.rooms[operation.service].process.url + path, headers=good.headers
        )
        no_failure(answer)


HEADERS = [b"\xff\xfe", b"\xc3\x28", b"", b"x" * 8_000, b"'--", b"a b c", "é".encode(), b"a\tb"]


def encoded(headers: dict[str, str]) -> dict[bytes, bytes]:
    return {name.encode(): value.encode() for name, value in headers.items()}


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_nothing_odd_in_a_header_breaks_anything(doors, operation, good, unchanged):
    """Nor does it let anybody in: the right proof is not among what is sent."""
    for name in ("Authorization", "Tracking-Code", HEADER, "If-None-Match", "Accept", "Cookie"):
        for value in HEADERS:
            given = {HEADER: good.headers.get(HEADER, "")} if name != HEADER else {}
            whole = json.dumps(good.body).encode() if operation.has_body else None
            answer = doors.client.request(
                operation.method,
                doors.rooms[operation.service].process.url + good.path,
                headers={**encoded(given), name.encode(): value, b"Content-Type": b"text/odd"},
                content=whole,
            )
            no_failure(answer)


def test_text_of_any_script_is_kept_as_it_was_written(doors: Doors) -> None:
    """Marks that turn the direction, and marks without width, belong to words that people write."""
    operation = next(o for o in OPERATIONS if str(o) == "POST /v1/reports")
    text = "Jalan \u202eku\u202c \u200drusak\u200b e\u0301 \U0001f6a7"
    answer = doors.send(Request(operation, headers=key(), body=REPORT | {"text": text}))

    assert answer.status_code == 201, answer.text
    find = "SELECT text FROM report WHERE number = %s"
    [(kept,)] = doors.rooms["intake"].database.psql(find, [answer.json()["number"]])
    assert kept == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("problem", ["slow", "five hundred", "not a problem", "taken", "talkative"])
def test_the_checker_sees_what_is_no_refusal(problem: str) -> None:
    """The negative control."""
    body: dict[str, Any] = {"type": "a", "title": "b", "status": 422, "code": "c", "instance": "d"}
    status, kind, delay = 422, PROBLEM, 0.0
    if problem == "slow":
        delay = 2 * QUICK
    elif problem == "talkative":
        body["errors"] = ["unknown"] * 1_000
    else:
        status = {"five hundred": 500, "taken": 201}.get(problem, 422)
        kind = "text/html" if problem == "not a problem" else PROBLEM

    class Asked:
        def send(self, request: Any, **_: Any) -> httpx.Response:
            until = time.perf_counter() + delay
            while time.perf_counter() < until:
                continue
            return httpx.Response(status, headers={"Content-Type": kind}, json=body)

    with pytest.raises(AssertionError):
        refused(timed(Asked(), None, patience=1))  # type: ignore[arg-type]


def test_a_body_that_nobody_reads_does_not_cost_the_next_request_its_connection(
    doors: Doors,
) -> None:
    """The gateway's connections are everybody's: who hangs up on one loses others' reports."""
    base, statuses = doors.rooms["routing"].process.url, set()
    asked = [("POST", "/v1/agencies/x"), ("PUT", "/v1/nowhere"), ("POST", "/v1/officers/sign-out"),
             ("GET", "/v1/agencies"), ("POST", "/v1/officers")]  # fmt: skip
    with httpx.Client(base_url=base, trust_env=False) as client:
        for turn in range(300):
            method, path = asked[turn % len(asked)]
            unread = {"content": b"x" * 200 * turn, "headers": {"Content-Type": "text/odd"}}
            statuses.add(client.request(method, path, **unread).status_code)

    assert statuses == {200, 401, 404, 405, 415}
