"""No answer of a regency, or of whoever stands before it, fills the reference client's memory or
keeps it waiting for ever; it says what to do, and goes on from a whole state."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.harness.outside import PROGRAM, Outside, changed
from tests.harness.waiting import eventually
from tests.unit.tools.regency import Regency
from tests.unit.tools.test_ombudsman_hostile import NUMBER, dossier, part
from tests.unit.tools.test_verify_feed_busy import DRIPS, OK

pytestmark = pytest.mark.fault

BOUNDS = "PATIENCE, LARGEST = 300, 2**25"
HASTY = ("office.py", BOUNDS, "PATIENCE, LARGEST = 3, 2**25")
NARROW = ("office.py", BOUNDS, "PATIENCE, LARGEST = 300, 10**6")
ANSWERS = f"handovers/{NUMBER}/answers"
DOSSIER = f"dossiers/{NUMBER}"
Odd = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def over() -> Iterator[threading.Event]:
    """Set when the test is: nobody drips any longer."""
    over = threading.Event()
    yield over
    over.set()


@pytest.fixture
def regency(regency: Regency) -> Regency:
    regency.page(20)
    regency.hand_over(NUMBER, dossier(part("x")))
    return regency


def dripping(name: str, over: threading.Event) -> Odd:
    """Answers drop by drop. Each comes well in time; all of them are there after ten seconds."""
    begins, drop, ends = DRIPS[name]

    def answer(door: BaseHTTPRequestHandler) -> None:
        with suppress(OSError):
            door.wfile.write(begins)
            for _ in range(100):
                if over.wait(0.1):
                    return
                door.wfile.write(drop)
            door.wfile.write(ends + b"{}")

    return answer


def pouring(head: bytes) -> Odd:
    """Answers with 64 MB."""

    def answer(door: BaseHTTPRequestHandler) -> None:
        with suppress(OSError):
            door.wfile.write(head + b"\r\n\r\n")
            for _ in range(1000):
                door.wfile.write(b" " * 2**16)

    return answer


def goes_on(regency: Regency, outside: Outside) -> None:
    """What must hold when all is answered as it should be: nothing is missing, or there twice."""
    regency.odd.clear()
    outside.program = PROGRAM
    assert outside.run("follow", "--once") == 0, outside.said
    for stream, entries in regency.entries.items():
        assert outside.entries(stream) == entries
    assert outside.run("verify") == 0, outside.said
    assert outside.read(f"{DOSSIER}.json")["dossier"]
    assert not list((outside.folder / "evidence").iterdir())


def gives_up(outside: Outside, why: str) -> None:
    """What must hold of an answer that is too slow, or too large."""
    assert outside.run("follow", "--once") == 2, outside.said
    assert f"{why}; nothing of it is kept. Try again, and call the regency" in outside.said


@pytest.mark.parametrize("name", DRIPS)
def test_whoever_answers_drop_by_drop_is_not_waited_for(
    regency: Regency, outside: Outside, tmp_path: Path, over: threading.Event, name: str
) -> None:
    regency.odd["feed"] = dripping(name, over)
    outside.program = changed(tmp_path / "hasty", HASTY)

    gives_up(outside, "feed: not answered within 3 seconds")

    goes_on(regency, outside)


def test_a_client_that_bounds_each_wait_alone_hears_the_last_drop(
    regency: Regency, outside: Outside, tmp_path: Path, over: threading.Event
) -> None:
    """The negative control."""
    regency.odd["feed"] = dripping("in its head", over)
    alone = ("office.py", "signal.setitimer(signal.ITIMER_REAL, PATIENCE)", "pass")
    outside.program = changed(tmp_path / "patient", HASTY, alone)

    with pytest.raises(AssertionError, match="what it answered is not of its form"):
        gives_up(outside, "feed: not answered within 3 seconds")


def test_an_answer_whose_receipt_drips_is_sent_again(
    regency: Regency, outside: Outside, tmp_path: Path, over: threading.Event
) -> None:
    regency.odd[ANSWERS] = dripping("in its body", over)
    outside.program = changed(tmp_path / "hasty", HASTY)

    assert outside.run("answer", NUMBER, "received") == 2, outside.said

    goes_on(regency, outside)
    [file] = (outside.folder / "answers").iterdir()
    assert json.loads(file.read_text())["result"]["taken"] is True


def test_who_follows_for_ever_goes_on_after_a_drip(
    regency: Regency, outside: Outside, tmp_path: Path, over: threading.Event
) -> None:
    asked, drips = threading.Event(), dripping("in its head", over)

    def told(door: BaseHTTPRequestHandler) -> None:
        asked.set()
        drips(door)

    regency.odd["feed"] = told
    outside.program = changed(tmp_path / "hasty", HASTY)
    running = outside.start("follow")
    try:
        assert asked.wait(40)
        regency.odd.clear()
        eventually(lambda: outside.entries() == regency.entries["monitoring"], seconds=20)
    finally:
        running.kill()
        _, errors = running.communicate()
    assert "away (feed: not answered within 3 seconds" in errors


LONG = {
    "a page": ("feed", OK),
    "keys": ("keys", OK),
    "a dossier": (DOSSIER, OK),
    "a refusal": ("feed", b"HTTP/1.1 409 Conflict\r\n"),
}


@pytest.mark.parametrize("name", LONG)
def test_what_has_no_measure_is_not_read_to_its_end(
    regency: Regency, outside: Outside, tmp_path: Path, name: str
) -> None:
    path, head = LONG[name]
    regency.odd[path] = pouring(head.rstrip())
    outside.program = changed(tmp_path / "narrow", NARROW)

    gives_up(outside, f"{path}: answered with more than 1000000 bytes")

    goes_on(regency, outside)


def test_a_client_that_measures_nothing_reads_it_to_its_end(
    regency: Regency, outside: Outside, tmp_path: Path
) -> None:
    """The negative control."""
    regency.odd["feed"] = pouring(OK.rstrip())
    unmeasured = ("office.py", "if len(said) > LARGEST:", "if False:")
    outside.program = changed(tmp_path / "greedy", NARROW, unmeasured)

    with pytest.raises(AssertionError, match="what it answered is not of its form"):
        gives_up(outside, "feed: answered with more than 1000000 bytes")


def test_what_just_fits_is_read(regency: Regency, outside: Outside, tmp_path: Path) -> None:
    """The control."""
    regency.answers["keys"] = [(200, json.dumps(regency.keys()).encode().ljust(10**6))]
    outside.program = changed(tmp_path / "narrow", NARROW)

    assert outside.run("follow", "--once") == 0, outside.said


def test_what_comes_compressed_is_not_unpacked(regency: Regency, outside: Outside) -> None:
    """It was not asked for, and could be a thousand times as large."""
    wanted, said = [], gzip.compress(json.dumps(regency.keys()).encode())

    def packed(door: BaseHTTPRequestHandler) -> None:
        wanted.append(door.headers["Accept-Encoding"])
        door.wfile.write(OK + b"Content-Encoding: gzip\r\n\r\n" + said)

    regency.odd["keys"] = packed

    assert outside.run("follow", "--once") == 2, outside.said

    assert wanted == ["identity"]
    goes_on(regency, outside)


@pytest.mark.parametrize("cursor", ["x" * 100_000, "\ud800", "x\n"], ids=["long", "half", "line"])
@pytest.mark.parametrize(("path", "name"), [("feed", "events"), ("checkpoints", "checkpoints")])
def test_a_cursor_that_could_never_be_asked_with_is_not_kept(
    regency: Regency, outside: Outside, path: str, name: str, cursor: str
) -> None:
    told = {name: [], "cursor": cursor, "more": False}
    regency.answers[path] = [(200, json.dumps(told).encode())]

    assert outside.run("follow", "--once") == 2, outside.said

    del regency.answers[path]
    goes_on(regency, outside)
