"""The reference client hears a stream's pulse: a feed that somebody holds back is told from a quiet
one, by the stream's name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.harness.outside import Outside, changed
from tests.harness.waiting import eventually
from tests.unit.tools.regency import Regency, at

pytestmark = pytest.mark.fault

HOUR = 3600


@pytest.fixture
def office(outside: Outside) -> Outside:
    """One that was told of no other limit, as by `init`."""
    set_limit(outside)
    return outside


def set_limit(outside: Outside, **limit: float) -> None:
    config = {name: v for name, v in outside.read("config.json").items() if name != "silent_after"}
    (outside.folder / "config.json").write_text(json.dumps(config | limit))


def seen(outside: Outside, stream: str = "monitoring") -> Any:
    return outside.read(f"{stream}.json")["pulse"]


def later(outside: Outside, seconds: float, stream: str = "monitoring") -> str:
    """As when so much time has passed since the newest pulse; its moment."""
    moment = at(-seconds)
    state = outside.read(f"{stream}.json") | {"pulse": moment}
    (outside.folder / f"{stream}.json").write_text(json.dumps(state))
    return moment


def test_a_quiet_feed_with_a_pulse_is_no_frozen_one(regency: Regency, office: Outside) -> None:
    """The control, of a stream where nothing ever happened too."""
    for _ in range(2):
        told = {stream: regency.beat(stream) for stream in ("monitoring", "handovers")}

        assert office.run("follow", "--once") == 0, office.said

        assert [seen(office, stream) for stream in told] == [one["time"] for one in told.values()]
    assert "pulse" not in office.said
    assert office.run("status") == 0
    assert json.loads(office.said)["silent"] == []


def is_told(regency: Regency, office: Outside) -> None:
    """What must hold of a feed that shows yesterday's pulse of one stream for ever."""
    regency.beat("handovers")
    regency.beat("monitoring")
    assert office.run("follow", "--once") == 0, office.said
    moment = later(office, 4 * HOUR)
    regency.beat("monitoring", -4 * HOUR)

    assert office.run("follow", "--once") == 2

    told = f"monitoring: its newest pulse is of {moment}. Ask the regency by telephone"
    assert told in office.said
    assert "handovers: its" not in office.said
    assert office.run("status") == 0
    assert json.loads(office.said)["silent"] == ["monitoring"]


def test_one_that_shows_an_old_pulse_for_ever_is_named(regency: Regency, office: Outside) -> None:
    is_told(regency, office)


def test_a_client_that_goes_by_the_newest_entry_alone_takes_it_for_quiet(
    regency: Regency, office: Outside, tmp_path: Path
) -> None:
    """The negative control."""
    deaf = ("pulses.py", "return newest is not None and", "return False and")
    office.program = changed(tmp_path / "deaf", deaf)

    with pytest.raises(AssertionError, match="0 == 2"):
        is_told(regency, office)


def test_once_there_was_a_pulse_one_is_always_wanted(regency: Regency, office: Outside) -> None:
    """Whoever leaves it out does not pass for a regency of before there were any."""
    assert office.run("follow", "--once") == 0, office.said
    assert seen(office) is None
    regency.beat("monitoring")
    assert office.run("follow", "--once") == 0, office.said
    regency.pulses.clear()
    later(office, 2 * HOUR)
    assert office.run("follow", "--once") == 0, office.said
    later(office, 4 * HOUR)
    assert office.run("follow", "--once") == 2, office.said
    set_limit(office, silent_after=5)
    assert office.run("follow", "--once") == 0, office.said


def test_none_that_is_older_comes_after_a_newer_one(regency: Regency, office: Outside) -> None:
    newest = regency.beat("monitoring")["time"]
    assert office.run("follow", "--once") == 0, office.said
    older = regency.beat("monitoring", -HOUR)["time"]

    assert office.run("follow", "--once") == 0, office.said

    assert f"monitoring: a pulse that is shown is of {older}, and one of {newest}" in office.said
    assert seen(office) == newest


def test_an_office_that_believes_none_because_its_clock_is_slow_is_told(
    regency: Regency, office: Outside
) -> None:
    """From the first one on; and one is wanted though none is shown any more."""
    moment = regency.beat("monitoring", HOUR)["time"]

    assert office.run("follow", "--once") == 2, office.said

    assert f"is of {moment}, which is to come by our clock" in office.said
    assert seen(office) == ""
    regency.pulses.clear()
    assert office.run("follow", "--once") == 2, office.said
    assert office.run("status") == 0
    assert json.loads(office.said)["silent"] == ["monitoring"]

    moment = regency.beat("monitoring")["time"]
    assert office.run("follow", "--once") == 0, office.said
    assert seen(office) == moment


@pytest.mark.parametrize("ahead", [HOUR, 365 * 24 * HOUR])
def test_one_that_was_believed_and_is_to_come_hides_no_silence_and_no_true_one(
    regency: Regency, office: Outside, ahead: int
) -> None:
    """The office's clock was set back, or both were ahead once."""
    assert office.run("follow", "--once") == 0, office.said
    later(office, -ahead)
    regency.beat("monitoring", ahead + 60)
    assert office.run("follow", "--once") == 2, office.said
    assert office.run("status") == 0
    assert json.loads(office.said)["silent"] == ["monitoring"]

    moment = regency.beat("monitoring")["time"]
    assert office.run("follow", "--once") == 0, office.said

    assert seen(office) == moment
    assert "pulse" not in office.said


def test_a_pulse_is_no_checkpoint_though_it_is_signed(regency: Regency, office: Outside) -> None:
    """Else the checkpoint of its place, which is told later, would contradict it for ever."""

    def show(one: dict[str, Any]) -> None:
        told = {"checkpoints": [one], "cursor": "1", "more": False}
        regency.pages["checkpoints", "monitoring"] = told

    first = regency.checkpoint()
    show(first)
    assert office.run("follow", "--once") == 0, office.said
    assert office.entries("monitoring-checkpoints") == [first]
    regency.append()
    pulse = regency.beat("monitoring")
    show(pulse)

    assert office.run("follow", "--once") == 3, office.said

    assert "monitoring: entry 2 does not hold (form)" in office.said
    [evidence] = office.documents("evidence")
    assert evidence["page"] == pulse
    assert office.entries("monitoring-checkpoints") == [first]
    second = regency.checkpoint()
    show(second)
    assert office.run("follow", "--once") == 0, office.said
    assert office.entries("monitoring-checkpoints") == [first, second]


UNTRUE: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "dated anew": (lambda one: one.update(time=at(0)), "entry 2 does not hold (pulse)"),
    "of another end": (lambda one: one.update(hash="01" * 32), "entry 2 does not hold (pulse)"),
    "of more than is shown": (lambda one: one.update(position=3), "entry 3 does not hold (end)"),
    "of another stream": (lambda one: one.update(stream="x"), "entry 2 does not hold (pulse)"),
    "by a key that nobody knows": (lambda one: one.update(kid="x"), "entry 2 does not hold (key)"),
    "a checkpoint": (lambda one: one.pop("type"), "its pulse does not hold (form)"),
    "no moment": (lambda one: one.pop("time"), "entry 2 does not hold (pulse)"),
    "before the beginning": (lambda one: one.update(position=-1), "entry -1 does not hold (pulse)"),
}


@pytest.mark.parametrize("name", UNTRUE)
def test_one_that_is_not_as_it_was_signed_is_refused_with_evidence(
    regency: Regency, office: Outside, name: str
) -> None:
    regency.append()
    change, told = UNTRUE[name]
    change(regency.beat("monitoring", -60))

    assert office.run("follow", "--once") == 3, office.said

    assert f"THE FEED DOES NOT HOLD: monitoring: {told}" in office.said
    assert "Traceback" not in office.said
    [evidence] = office.documents("evidence")
    assert evidence["page"] == regency.pulses["monitoring"]


@pytest.mark.parametrize("one", [7, [], {}, "x", {"type": "feed.pulse", "position": True}])
def test_what_is_no_pulse_ends_with_evidence(regency: Regency, office: Outside, one: Any) -> None:
    regency.pulses["monitoring"] = one

    assert office.run("follow", "--once") == 3, office.said

    assert "monitoring: its pulse does not hold (form)" in office.said


def test_an_end_that_was_told_must_be_shown(regency: Regency, office: Outside) -> None:
    """Also when it takes many pages to come there."""
    regency.largest_page = 2
    for _ in range(4):
        regency.append()
    regency.beat("monitoring")
    assert office.run("follow", "--once") == 0, office.said
    regency.append()
    regency.beat("monitoring")
    regency.entries["monitoring"].pop()

    assert office.run("follow", "--once") == 3

    assert "monitoring: entry 6 does not hold (end)" in office.said


def test_who_follows_for_ever_is_told_once_a_day(regency: Regency, office: Outside) -> None:
    regency.beat("monitoring")
    assert office.run("follow", "--once") == 0, office.said
    moment = later(office, 4 * HOUR)
    regency.pulses.clear()
    running = office.start("follow")
    try:
        asked = regency.asked.count("GET feed")
        eventually(lambda: regency.asked.count("GET feed") > asked + 6, "it follows", seconds=40)
    finally:
        running.kill()
        _, errors = running.communicate()

    assert errors.count(f"its newest pulse is of {moment}") == 1


def test_a_feed_without_an_end_hides_no_silence(regency: Regency, office: Outside) -> None:
    """Old entries one by one, and always more."""
    regency.beat("monitoring")
    assert office.run("follow", "--once") == 0, office.said
    set_limit(office, silent_after=0)
    regency.endless = True
    asked = regency.asked.count("GET feed")
    running = office.start("follow")
    try:
        eventually(lambda: regency.asked.count("GET feed") > asked + 6, "it follows", seconds=40)
    finally:
        running.kill()
        _, errors = running.communicate()

    assert errors.count("monitoring: its newest pulse is of") == 1


@pytest.mark.parametrize(("hours", "status"), [(3, 2), (24, 0)])
def test_whoever_waits_longer_lets_the_regencys_clock_go_further_ahead(
    regency: Regency, office: Outside, hours: float, status: int
) -> None:
    regency.beat("handovers")
    regency.beat("monitoring", 20 * 60)
    set_limit(office, silent_after=hours)

    assert office.run("follow", "--once") == status, office.said
