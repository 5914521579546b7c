"""Whoever answers the reference client with pages that lead nowhere, or with yesterday's, keeps
neither dossiers nor answers from going their way, and is heard of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.harness.outside import Outside, changed
from tests.harness.waiting import eventually
from tests.unit.tools.regency import Regency
from tests.unit.tools.test_ombudsman_between import ANSWER, TAKEN
from tests.unit.tools.test_ombudsman_hostile import NUMBER, dossier, part

pytestmark = pytest.mark.fault

LONG_AGO = "2020-01-04T02:00:00Z"
FROZEN = f"monitoring: its newest entry is of {LONG_AGO}. Ask the regency by telephone"


def waits(regency: Regency, outside: Outside) -> None:
    """A dossier that is not here, and an answer that was not heard."""
    regency.hand_over(NUMBER, dossier(part("x")))
    regency.answers[ANSWER] = [(503, b"{}"), TAKEN]
    assert outside.run("answer", NUMBER, "received") == 2


def goes_its_way(outside: Outside) -> bool:
    """Whether neither waits any longer."""
    [answer] = outside.documents("answers")
    return answer["result"] is not None and (outside.folder / f"dossiers/{NUMBER}.json").exists()


@pytest.mark.parametrize(("path", "name"), [("feed", "events"), ("checkpoints", "checkpoints")])
@pytest.mark.parametrize("stream", ["monitoring", "handovers"])
def test_one_page_again_and_again_is_not_asked_for_without_a_rest(
    regency: Regency, outside: Outside, path: str, name: str, stream: str
) -> None:
    waits(regency, outside)
    one = regency.entries[stream][0] if path == "feed" else regency.checkpoint(stream)
    regency.pages[path, stream] = {name: [one], "cursor": "1", "more": True}

    for _ in range(2):
        assert outside.run("follow", "--once") == 2, outside.said
        assert "away: it says that there is more, and shows nothing new" in outside.said

    assert regency.asked.count(f"GET {path}") <= 8  # at most twice of each stream, and twice
    assert "GET keys" in regency.asked
    assert goes_its_way(outside)


def test_many_pages_that_lead_on_are_read_to_the_end(regency: Regency, outside: Outside) -> None:
    """The control; also those that are known, as when the cursor was lost."""
    regency.largest_page = 3
    regency.page(10)
    assert outside.run("follow", "--once") == 0, outside.said
    (outside.folder / "monitoring.json").unlink()
    regency.page(10)

    assert outside.run("follow", "--once") == 0, outside.said

    assert outside.entries() == regency.entries["monitoring"]


def test_a_stream_that_is_not_shown_holds_up_no_other(regency: Regency, outside: Outside) -> None:
    waits(regency, outside)
    regency.pages["feed", "monitoring"] = {"hello": "sign in"}

    assert outside.run("follow", "--once") == 2

    assert goes_its_way(outside)


def test_nor_does_one_whose_acknowledgement_is_not_taken(
    regency: Regency, outside: Outside
) -> None:
    waits(regency, outside)
    regency.answers["acknowledgements"] = [(200, b"{}")]

    assert outside.run("follow", "--once") == 2

    assert goes_its_way(outside)


@pytest.mark.fault
def test_a_feed_without_an_end_holds_up_nothing_else(
    regency: Regency, outside: Outside, tmp_path: Path
) -> None:
    often = ("client.py", "LONGEST = 300", "LONGEST = 1")
    outside.program = changed(tmp_path / "often", often)
    regency.endless = True
    running = outside.start("follow")
    try:
        eventually(lambda: len(regency.entries["monitoring"]) > 3, "it reads", seconds=40)
        regency.hand_over(NUMBER, dossier(part("x")))
        eventually(lambda: list((outside.folder / "dossiers").iterdir()), "it comes", seconds=20)
    finally:
        running.kill()
        running.communicate()


def test_a_feed_that_has_stood_still_is_told(regency: Regency, outside: Outside) -> None:
    regency.append(time=LONG_AGO)
    regency.hand_over(NUMBER, dossier(part("x")))

    assert outside.run("follow", "--once") == 0, outside.said

    assert FROZEN in outside.said
    assert outside.run("status") == 0
    told = json.loads(outside.said)
    assert told["monitoring"]["newest"] == LONG_AGO
    assert told["handovers"]["newest"] == regency.entries["handovers"][0]["time"]


def test_a_feed_that_moves_is_not(regency: Regency, outside: Outside) -> None:
    """The control: what is read on the way to its end is old, the end is not."""
    regency.largest_page = 1
    regency.append(time=LONG_AGO)
    regency.append()

    assert outside.run("follow", "--once") == 0, outside.said

    assert "its newest entry" not in outside.said


@pytest.mark.fault
def test_who_follows_for_ever_is_told_once_a_day(regency: Regency, outside: Outside) -> None:
    regency.append(time=LONG_AGO)
    running = outside.start("follow")
    try:
        eventually(lambda: regency.asked.count("GET feed") > 6, "it follows", seconds=40)
    finally:
        running.kill()
        _, errors = running.communicate()

    assert errors.count(FROZEN) == 1
