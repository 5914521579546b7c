"""The regency's database was restored while the reference client had read on: it says so, keeps
what was lost as evidence, and goes on where both agree; where they do not, it does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.between import Between
from tests.harness.dumps import dump
from tests.harness.outside import PROGRAM, Outside, changed, waits_for_a_lock
from tests.harness.waiting import eventually
from tests.service.escalation.overseer import REFERENCE
from tests.service.escalation.reader import place
from tests.service.escalation.test_feed_epochs import open_epoch, restored
from tests.service.escalation.tower import NUMBER, Tower

pytestmark = pytest.mark.fault


class Story:
    """What the client had when the regency lost it; `kept` and `lost` are of monitoring."""

    def __init__(self, tower: Tower, outside: Outside, folder: Path) -> None:
        tower.write(7)
        both = len(tower.entries("monitoring"))
        dump(tower.database.owner_url, folder / "dump")
        tower.write(120)
        assert outside.run("answer", NUMBER, "received", "--reference", REFERENCE) == 0
        tower.append()
        assert outside.run("follow", "--once") == 0, outside.said
        self.had = outside.entries()
        self.kept, self.lost = self.had[:both], self.had[both:]
        restored(tower, folder / "dump")


@pytest.fixture
def story(tower: Tower, outside: Outside, tmp_path: Path) -> Story:
    return Story(tower, outside, tmp_path)


def evidence(outside: Outside, check: str) -> Iterator[dict[str, Any]]:
    for file in sorted((outside.folder / "evidence").iterdir()):
        found = json.loads(file.read_text())
        if found["check"] == check:
            yield found


def goes_on(tower: Tower, outside: Outside) -> None:
    """What must hold once it has rejoined: it has what the regency has, and says so."""
    assert outside.run("follow", "--once") == 0, outside.said
    for stream in ("monitoring", "handovers"):
        entries = [(e["epoch"], e["position"]) for e in outside.entries(stream)]
        assert entries == tower.database.psql(
            "SELECT epoch, position FROM feed_entry WHERE stream = %s ORDER BY 2", [stream]
        )
        assert tower.database.psql(
            "SELECT epoch, position FROM feed_acknowledgement WHERE stream = %s"
            " ORDER BY position DESC, at DESC LIMIT 1", [stream]
        ) == [entries[-1]]  # fmt: skip
    assert outside.run("verify") == 0, outside.said


def test_it_goes_on_in_the_new_epoch_and_keeps_what_was_lost(
    tower: Tower, outside: Outside, story: Story
) -> None:
    assert outside.run("follow", "--once") == 3
    assert "(ahead)" in outside.said
    open_epoch(tower)
    tower.write(3)
    assert outside.run("follow", "--once") == 3
    assert "(lost_future)" in outside.said
    assert "rejoin" in outside.said
    assert outside.entries() == story.had

    assert outside.run("rejoin") == 0, outside.said

    assert f"the regency lost {len(story.lost)} entries that we have" in outside.said
    assert outside.entries() == story.kept
    handovers, monitoring = sorted(evidence(outside, "lost"), key=lambda one: len(one["entries"]))
    assert monitoring["entries"] == story.lost
    assert [one["position"] for one in monitoring["checkpoints"]] == [100]
    assert [one["type"] for one in handovers["entries"]] == ["feed.case.answered.v1"]
    [answer] = outside.documents("answers")
    assert answer["result"] | {"taken": False, "lost": True} == answer["result"]
    goes_on(tower, outside)
    assert outside.run("status") == 0
    assert json.loads(outside.said)["untold"] == []


def test_the_dossier_of_a_lost_hand_over_is_put_aside(
    tower: Tower, outside: Outside, tmp_path: Path
) -> None:
    """The case may be handed over again, and its dossier is another one then."""
    assert outside.run("follow", "--once") == 0, outside.said
    file = outside.folder / "dossiers" / f"{NUMBER}.json"
    dossier = json.loads(file.read_text())
    for statement in (
        "ALTER TABLE feed_entry DISABLE TRIGGER append_only",
        "ALTER TABLE feed_acknowledgement DISABLE TRIGGER ALL",
        "ALTER TABLE feed_checkpoint DISABLE TRIGGER ALL",
        "DELETE FROM feed_acknowledgement WHERE stream = 'handovers'",
        "DELETE FROM feed_checkpoint WHERE stream = 'handovers'",
        "DELETE FROM feed_entry WHERE stream = 'handovers'",
        "UPDATE feed_stream SET position = 0, hash = decode(repeat('00', 32), 'hex')"
        " WHERE stream = 'handovers'",
    ):
        tower.database.psql(statement)
    open_epoch(tower)

    assert outside.run("rejoin") == 0, outside.said

    [lost] = evidence(outside, "lost")
    assert lost["dossiers"] == [dossier]
    assert not file.exists()
    assert outside.run("follow", "--once") == 0, outside.said
    assert outside.run("verify") == 0, outside.said


AMID = (
    "followed.py",
    "        witnesses = list(store.lines(self.witnesses))\n",
    "        witnesses = list(store.lines(self.witnesses))\n"
    '        (store.folder / "amid").touch()\n'
    '        while (store.folder / "hold").exists():\n'
    '            __import__("time").sleep(0.01)\n',
)


def tells_one_state(tower: Tower, outside: Outside, folder: Path, *mistakes: Any) -> None:
    """What must hold when it rejoins while `verify` has read the checkpoints and not the entries:
    there is no alarm."""
    open_epoch(tower)
    hold, amid = outside.folder / "hold", outside.folder / "amid"
    hold.touch()
    outside.program = changed(folder / "looks", AMID, *mistakes)
    looks = outside.start("verify")
    eventually(amid.exists, "it has begun to read", seconds=40)
    outside.program = changed(folder / "rejoins", *mistakes)
    rejoins = outside.start("rejoin")
    eventually(
        lambda: rejoins.poll() is not None or waits_for_a_lock(rejoins),
        "it would go on",
        seconds=40,
    )
    hold.unlink()
    (_, told), _ = looks.communicate(timeout=60), rejoins.communicate(timeout=60)

    assert (looks.returncode, rejoins.returncode) == (0, 0), told
    outside.program = PROGRAM
    goes_on(tower, outside)


@pytest.mark.usefixtures("story")
def test_whoever_verifies_meanwhile_sees_one_state(
    tower: Tower, outside: Outside, tmp_path: Path
) -> None:
    tells_one_state(tower, outside, tmp_path)


@pytest.mark.usefixtures("story")
def test_a_client_that_takes_away_while_somebody_looks_raises_a_false_alarm(
    tower: Tower, outside: Outside, tmp_path: Path
) -> None:
    """The negative control."""
    unlocked = ("store.py", '"whole.lock", fcntl.LOCK_EX', '"whole.lock", fcntl.LOCK_SH')

    with pytest.raises(AssertionError, match="THE FEED DOES NOT HOLD"):
        tells_one_state(tower, outside, tmp_path, unlocked)


def refuses(outside: Outside, story: Story, check: str) -> None:
    """What must hold when the regency's word and ours do not meet: nothing has changed."""
    assert outside.run("rejoin") == 3, outside.said
    assert f"({check})" in outside.said
    assert outside.entries() == story.had
    assert not list(evidence(outside, "lost"))
    assert list(evidence(outside, check))


def test_where_the_epoch_goes_on_from_another_entry_than_ours_it_stays(
    tower: Tower, way: Between, outside: Outside, story: Story
) -> None:
    """Then it was no honest restore: what both should have was changed."""
    open_epoch(tower)

    def change(body: bytes) -> bytes:
        told = json.loads(body)
        for one in told.get("epochs", ()):
            one["before"]["hash"] = "01" * 32
        return json.dumps(told).encode()

    way.change = change
    refuses(outside, story, "fork")


def test_a_cursor_that_leads_past_the_epochs_first_entry_is_not_believed(
    tower: Tower, way: Between, outside: Outside, story: Story
) -> None:
    number = open_epoch(tower)
    tower.write(3)
    further = place(f"monitoring:{number}:{len(story.kept) + 1}")

    def change(body: bytes) -> bytes:
        told = json.loads(body)
        for one in told.get("epochs", ()):
            one["cursor"] = further
        return json.dumps(told).encode()

    way.change = change
    refuses(outside, story, "position")


def test_an_epoch_whose_first_entry_is_not_signed_is_not_believed(
    tower: Tower, way: Between, outside: Outside, story: Story
) -> None:
    open_epoch(tower)

    def change(body: bytes) -> bytes:
        told = json.loads(body)
        for one in told.get("events", ()):
            one["signature"] = story.had[0]["signature"]
        return json.dumps(told).encode()

    way.change = change
    refuses(outside, story, "signature")


def test_where_nothing_was_lost_nothing_is_put_aside(tower: Tower, outside: Outside) -> None:
    tower.write(7)
    assert outside.run("follow", "--once") == 0, outside.said
    had = outside.entries()
    assert outside.run("rejoin") == 0
    open_epoch(tower)
    tower.write(2)

    assert outside.run("rejoin") == 0, outside.said

    assert outside.said.count("nothing was lost") == 2
    assert outside.entries() == had
    assert outside.run("follow", "--once") == 0, outside.said
    assert len(outside.entries()) == len(had) + 3


DIE = '        __import__("os").kill(__import__("os").getpid(), 9)\n'
MOMENTS = [
    ("rejoining.py", "        followed.go_back("),
    ("followed.py", "        self.chain, self.cursor, self.checkpoints = head"),
]


@pytest.mark.parametrize("where", MOMENTS, ids=["before", "amid"])
def test_killed_while_it_rejoins_it_does_so_the_next_time(
    tower: Tower, outside: Outside, story: Story, tmp_path: Path, where: tuple[str, str]
) -> None:
    open_epoch(tower)
    tower.write(3)
    file, line = where
    outside.program = changed(tmp_path / "dies", (file, line, DIE + line))
    assert outside.run("rejoin") == -9

    outside.program = PROGRAM
    assert outside.run("rejoin") == 0, outside.said

    assert story.lost in [one["entries"] for one in evidence(outside, "lost")]
    goes_on(tower, outside)


def test_restored_once_more_before_it_rejoined_it_goes_on_in_the_last_epoch(
    tower: Tower, outside: Outside, story: Story, tmp_path: Path
) -> None:
    open_epoch(tower)
    tower.write(2)
    assert outside.run("rejoin") == 0, outside.said
    assert outside.run("follow", "--once") == 0, outside.said
    restored(tower, tmp_path / "dump")
    first, second = open_epoch(tower), open_epoch(tower)
    assert outside.run("follow", "--once") == 3

    assert outside.run("rejoin") == 0, outside.said

    assert second > first
    assert outside.entries() == story.kept
    goes_on(tower, outside)
