"""A site that would keep `verify-feed` busy for ever, or fill the machine, is given up."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.unit.tools.published import serving, showing
from tests.unit.tools.test_verify_feed import HONEST, Reader, Said, tool

GIVEN_UP = 2


class Door(BaseHTTPRequestHandler):
    """Shows an honest feed, unless a subclass does otherwise."""

    shown = staticmethod(showing(HONEST.events, HONEST.checkpoints()))

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(self.page()).encode())

    @property
    def what(self) -> str:
        """`feed` or `checkpoints`"""
        return urlsplit(self.path).path.rpartition("/")[2]

    def page(self) -> dict[str, Any]:
        name = "events" if self.what == "feed" else self.what
        return {name: self.shown(self.what, ""), "cursor": "x", "more": False}

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    monkeypatch.chdir(tmp_path)
    return Reader(tmp_path)


def asks(reader: Reader, door: type[Door]) -> Said:
    with serving(door) as url:
        return reader.run("--url", url, "--bearer", "bearer")


def test_the_door_is_honest_by_itself(reader: Reader) -> None:
    """The control."""
    assert asks(reader, Door) == (0, "400 entries hold, up to 1:400")


@pytest.mark.parametrize(("what", "count"), [("feed", 400), ("checkpoints", 4)])
def test_more_that_is_never_shown_is_told(reader: Reader, what: str, count: int) -> None:
    class Withholding(Door):
        asked = 0

        def page(self) -> dict[str, Any]:
            told = super().page()
            if self.what != what:
                return told
            Withholding.asked += 1
            after = parse_qs(urlsplit(self.path).query).get("after")
            [name] = told.keys() - {"cursor", "more"}
            return told | {"more": Withholding.asked < 9} | ({name: []} if after else {})

    code, said = asks(reader, Withholding)

    assert code == GIVEN_UP
    assert f"more than {count} " in said
    assert Withholding.asked == 2


def test_a_list_that_begins_again_and_again_has_an_end(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Repeating(Door):
        asked = 0

        def page(self) -> dict[str, Any]:
            Repeating.asked += 1
            return super().page() | {"more": Repeating.asked < 9}

    monkeypatch.setattr(tool, "PAGES", 5)
    code, said = asks(reader, Repeating)

    assert (code, Repeating.asked) == (GIVEN_UP, 5)
    assert "shows no end" in said


def test_a_page_without_measure_is_not_read_to_its_end(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Long(Door):
        def page(self) -> dict[str, Any]:
            return super().page() | {"padding": " " * 10**6}

    monkeypatch.setattr(tool, "LARGEST", 10**6)

    code, said = asks(reader, Long)

    assert code == GIVEN_UP
    assert "more than 1000000 bytes" in said


@pytest.fixture
def over() -> Iterator[Event]:
    over = Event()
    yield over
    over.set()


OK, ENDS = b"HTTP/1.1 200 OK\r\n", b"\r\n\r\n"
DRIPS: dict[str, tuple[bytes, bytes, bytes]] = {  # what begins, what drips, what ends it
    "before the answer": (b"", b"HTTP/1.1 100 Continue" + ENDS, OK + ENDS),
    "in its head": (OK + b"X: ", b"y", ENDS),
    "in its body": (OK + ENDS, b" ", b""),
}


@pytest.mark.parametrize("name", DRIPS)
def test_whoever_answers_drop_by_drop_is_not_waited_for(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, over: Event, name: str
) -> None:
    """Each drop comes well in time."""
    begins, drop, ends = DRIPS[name]

    class Dripping(Door):
        def do_GET(self) -> None:
            self.wfile.write(begins)
            for _ in range(100):
                if over.wait(0.1):
                    return
                self.wfile.write(drop)
            self.wfile.write(ends + json.dumps(self.page()).encode())

    monkeypatch.setattr(tool, "PATIENCE", 1)

    assert asks(reader, Dripping) == (GIVEN_UP, "cannot be checked: TimeoutError()")


def test_nobody_is_asked_whom_the_site_names(reader: Reader) -> None:
    """The key would go there too."""
    asked = []

    class Elsewhere(Door):
        def do_GET(self) -> None:
            asked.append(self.headers["Authorization"])
            super().do_GET()

    with serving(Elsewhere) as other:

        class Moving(Door):
            def do_GET(self) -> None:
                self.send_response(302)
                self.send_header("Location", other + self.path)
                self.end_headers()

        code, said = asks(reader, Moving)

    assert (code, asked) == (GIVEN_UP, [])
    assert "302" in said


def test_what_a_feed_says_cannot_steer_the_terminal(reader: Reader) -> None:
    first = HONEST.events[0] | {"source": "/\x1b[2J"}

    code, said = reader.reads([first], witness=[HONEST.checkpoint(100)])

    assert code == GIVEN_UP
    assert said.endswith("is of the stream \\x1b[2J')")


def test_what_is_deep_and_never_ends_is_read_once(reader: Reader) -> None:
    """Each quotation mark was taken for the beginning of a text that goes on to the end."""
    (reader.folder / "entries").write_text("[" * 100_000 + '"' + '\\"' * 100_000)
    began = time.process_time()

    assert reader.run("entries")[0] == GIVEN_UP
    assert time.process_time() - began < 10
