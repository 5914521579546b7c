"""The reference client follows, keeps, acknowledges and answers, dies at any moment, and goes on
from there; a feed that was tampered with it refuses by the entry's name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local.environment import Surroundings
from services.escalation.ombudsman import feed
from tests.harness.between import Between, between
from tests.harness.outside import PROGRAM, Outside
from tests.harness.processes import ServiceProcess
from tests.service.escalation.overseer import REFERENCE, handed_over
from tests.service.escalation.tower import NUMBER, Tower

SAID = ("--reference", REFERENCE)


@pytest.fixture
def way(tower: Tower, surroundings: Surroundings, state: Path) -> Iterator[Between]:
    """The API as a process, with somebody in between."""
    handed_over(tower)
    process = ServiceProcess("api", tower.database, surroundings, state)
    with between(process.start().url) as made:
        yield made
    process.stop()


@pytest.fixture
def outside(way: Between, secrets_folder: Path, tmp_path: Path) -> Outside:
    made = Outside(tmp_path / "ombudsman", way.url, secrets_folder)
    assert made.run("pin") == 0, made.said
    return made


def write(tower: Tower, count: int, first: int = 0) -> None:
    with tower.db.begin() as tx:
        for n in range(first, first + count):
            said = {"n": n}
            feed.write(tx, "monitoring", "feed.breach.opened.v1", NUMBER, said, tower.clock.now())
    tower.append()


def acknowledged(tower: Tower, stream: str = "monitoring") -> int:
    return tower.count(
        f"SELECT coalesce(max(position), 0) FROM feed_acknowledgement WHERE stream = '{stream}'"
    )


def test_it_follows_both_streams_keeps_them_and_acknowledges(
    tower: Tower, outside: Outside
) -> None:
    write(tower, 250)

    assert outside.run("follow", "--once") == 0, outside.said

    assert outside.entries()[-1]["data"] == {"n": 249}
    assert [entry["subject"] for entry in outside.entries("handovers")] == [NUMBER]
    assert acknowledged(tower) == len(outside.entries())
    assert acknowledged(tower, "handovers") == 1
    assert outside.read(f"dossiers/{NUMBER}.json")["dossier"]["number"] == NUMBER
    assert outside.run("verify") == 0
    assert "1 entries hold" in outside.said


def test_it_answers_and_its_answer_comes_back_on_the_chain(tower: Tower, outside: Outside) -> None:
    assert outside.run("answer", NUMBER, "received", *SAID) == 0, outside.said
    assert outside.run("answer", NUMBER, "recommendation", *SAID, "--words", "Perbaiki.") == 1
    tower.append()

    assert outside.run("follow", "--once") == 0, outside.said

    assert [fact["answer"] for fact in tower.said("escalation.answered")] == ["received"]
    last = outside.entries("handovers")[-1]
    assert (last["type"], last["data"]["answer"]) == ("feed.case.answered.v1", "received")
    assert outside.run("status") == 0
    assert [a["result"]["taken"] for a in json.loads(outside.said)["answers"]] == [True, False]


@pytest.mark.parametrize("moment", ["/acknowledgements", f"/dossiers/{NUMBER}", "/feed"])
def test_killed_at_any_moment_it_goes_on_without_gap_and_without_double(
    tower: Tower, way: Between, outside: Outside, moment: str
) -> None:
    write(tower, 30)
    way.swallowed = moment
    running = outside.start("follow")
    assert way.caught.wait(30)
    running.kill()
    running.communicate()
    way.swallowed = ""
    write(tower, 5, 30)

    assert outside.run("follow", "--once") == 0, outside.said

    told = [entry["position"] for entry in outside.entries()]
    assert told == list(range(1, len(told) + 1))
    assert outside.entries()[-1]["data"] == {"n": 34}
    assert acknowledged(tower) == len(told)


def test_killed_after_the_entries_and_before_its_cursor_it_knows_them_again(
    tower: Tower, outside: Outside
) -> None:
    write(tower, 3)
    outside.run("follow", "--once")
    before = (outside.folder / "monitoring.json").read_text()
    write(tower, 3, 3)
    outside.run("follow", "--once")
    whole = outside.entries()
    with (outside.folder / "monitoring.jsonl").open("a") as file:
        file.write('{"half": "a li')
    (outside.folder / "monitoring.json").write_text(before)

    assert outside.run("follow", "--once") == 0, outside.said

    assert outside.entries() == whole


def test_an_answer_that_was_sent_when_it_died_takes_effect_once(
    tower: Tower, way: Between, outside: Outside
) -> None:
    way.swallowed = "/answers"
    running = outside.start("answer", NUMBER, "received", *SAID)
    assert way.caught.wait(30)
    running.kill()
    running.communicate()
    way.swallowed = ""

    assert [outside.run("follow", "--once"), outside.run("follow", "--once")] == [0, 0]

    assert [fact["answer"] for fact in tower.said("escalation.answered")] == ["received"]


TAMPERINGS: dict[str, tuple[Callable[[list[dict]], object], str]] = {
    "edited": (lambda events: events[4].update(subject="KTB-00000-00000"), "hash"),
    "dropped": (lambda events: events.pop(4), "position"),
    "by an unknown key": (lambda events: events[4].update(kid="x"), "key"),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_what_was_tampered_with_is_refused_by_name_and_kept_as_evidence(
    tower: Tower, way: Between, outside: Outside, name: str
) -> None:
    write(tower, 20)
    tamper, check = TAMPERINGS[name]

    def change(body: bytes) -> bytes:
        page = json.loads(body)
        if len(page.get("events", ())) > 4:
            tamper(page["events"])
        return json.dumps(page).encode()

    way.change = change
    assert outside.run("follow", "--once") == 3

    assert f"monitoring: entry 5 does not hold ({check})" in outside.said
    [evidence] = (outside.folder / "evidence").iterdir()
    found = json.loads(evidence.read_text())
    assert (found["position"], found["check"]) == (5, check)
    assert found["page"]["events"]
    assert outside.entries() == []
    assert acknowledged(tower) == 0

    way.change = lambda body: body
    assert outside.run("follow", "--once") == 0, outside.said


def test_a_client_that_checks_nothing_would_take_an_edited_feed(
    tower: Tower, way: Between, secrets_folder: Path, tmp_path: Path
) -> None:
    """The negative control: what is refused above is really in what it reads."""
    trusting = shutil.copytree(PROGRAM.parent, tmp_path / "trusting")
    chain = trusting / "chain.py"
    chain.write_text(chain.read_text().replace("if not holds:", "if False:"))
    outside = Outside(tmp_path / "state", way.url, secrets_folder, trusting / PROGRAM.name)
    write(tower, 20)

    way.change = lambda body: body.replace(b'"n":4', b'"n":5').replace(b'"n": 4', b'"n": 5')

    outside.run("follow", "--once")
    assert [entry["data"] for entry in outside.entries()].count({"n": 5}) == 2


def test_what_it_kept_and_somebody_edited_is_found(tower: Tower, outside: Outside) -> None:
    write(tower, 5)
    outside.run("follow", "--once")
    file = outside.folder / "monitoring.jsonl"
    file.write_text(file.read_text().replace('"n": 3', '"n": 4'))

    assert outside.run("verify") == 3
    assert "(hash)" in outside.said


def test_a_feed_that_went_back_is_refused(tower: Tower, outside: Outside) -> None:
    write(tower, 5)
    outside.run("follow", "--once")
    kept = len(outside.entries())
    for statement in (
        "ALTER TABLE feed_entry DISABLE TRIGGER append_only",
        "ALTER TABLE feed_acknowledgement DISABLE TRIGGER ALL",
        "DELETE FROM feed_acknowledgement",
        f"DELETE FROM feed_entry WHERE stream = 'monitoring' AND position > {kept - 2}",
        f"UPDATE feed_stream SET position = {kept - 2} WHERE stream = 'monitoring'",
    ):
        tower.database.psql(statement)

    assert outside.run("follow", "--once") == 3
    assert "(ahead)" in outside.said


def test_a_regency_that_is_away_is_tried_again(way: Between, outside: Outside) -> None:
    way.behind = "http://127.0.0.1:9"

    assert outside.run("follow", "--once") == 2
    assert "away" in outside.said
