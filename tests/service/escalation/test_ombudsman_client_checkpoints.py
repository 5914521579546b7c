"""The reference client keeps the feed's checkpoints as witness, and refuses one that tells of
another entry than the one that it has."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.escalation.models import FeedEntry
from services.escalation.ombudsman import checkpoints
from tests.harness.between import Between
from tests.harness.outside import Outside, changed
from tests.service.escalation.tower import Tower

pytestmark = pytest.mark.fault

FILE = "monitoring-checkpoints.jsonl"


def kept(outside: Outside) -> list[dict[str, Any]]:
    file = outside.folder / FILE
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def places(tower: Tower) -> list[tuple[int, str]]:
    """As they stand in our database."""
    found = "SELECT position, encode(hash, 'hex') FROM feed_checkpoint WHERE stream = 'monitoring'"
    return [(position, hash) for position, hash in tower.database.psql(f"{found} ORDER BY 1")]


def test_every_checkpoint_is_kept_and_the_file_is_only_added_to(
    tower: Tower, outside: Outside
) -> None:
    tower.write(250)
    assert outside.run("follow", "--once") == 0, outside.said
    first = (outside.folder / FILE).read_text()
    assert [one["position"] for one in kept(outside)] == [100, 200]

    tower.write(60)
    tower.clock.at += timedelta(minutes=10)
    tower.append()
    assert outside.run("follow", "--once") == 0, outside.said

    assert (outside.folder / FILE).read_text().startswith(first)
    assert [(one["position"], one["hash"]) for one in kept(outside)] == places(tower)
    assert kept(outside)[-1]["position"] == len(outside.entries())
    assert outside.run("verify") == 0, outside.said


def contradict(tower: Tower, position: int) -> None:
    """A checkpoint that is signed as it should be, and tells of another entry."""
    with tower.db.begin() as tx:
        now = tower.clock.now()
        signer = tower.service.signers.current(tx, now)
        epoch = tx.get_one(FeedEntry, ("monitoring", 1, position)).epoch
        checkpoints.sign(tx, "monitoring", epoch, position, b"\x01" * 32, signer, now)


def refuses_what_contradicts(tower: Tower, outside: Outside) -> None:
    """What must hold: the entry is named, and what was shown is kept as evidence."""
    tower.write(150)
    contradict(tower, 50)

    assert outside.run("follow", "--once") == 3

    assert "monitoring: entry 50 does not hold (checkpoint)" in outside.said
    [evidence] = (outside.folder / "evidence").iterdir()
    assert json.loads(evidence.read_text())["page"]["hash"] == "01" * 32
    assert kept(outside) == []


def test_a_signed_checkpoint_that_tells_of_another_entry_is_refused(
    tower: Tower, outside: Outside
) -> None:
    refuses_what_contradicts(tower, outside)


def test_a_client_that_only_looks_at_signatures_takes_it(
    tower: Tower, outside: Outside, tmp_path: Path
) -> None:
    """The negative control."""
    outside.program = changed(tmp_path / "trusting", ("chain.py", "told == ours", "True"))

    with pytest.raises(AssertionError, match="0 == 3"):
        refuses_what_contradicts(tower, outside)


def test_one_that_nobody_signed_is_refused(tower: Tower, way: Between, outside: Outside) -> None:
    tower.write(150)

    def change(body: bytes) -> bytes:
        told = json.loads(body)
        for one in told.get("checkpoints", ()):
            one["time"] = "2025-01-01T00:00:00Z"
        return json.dumps(told).encode()

    way.change = change
    assert outside.run("follow", "--once") == 3
    assert "entry 100 does not hold (checkpoint)" in outside.said


def test_a_feed_that_ends_before_what_its_checkpoints_tell_of_is_refused(
    tower: Tower, way: Between, outside: Outside
) -> None:
    """As when somebody shows the Ombudsman less than others."""
    tower.write(150)

    def withhold(body: bytes) -> bytes:
        told = json.loads(body)
        told["events"] = [one for one in told.get("events", ()) if one["position"] <= 90]
        return json.dumps(told).encode()

    way.change = lambda body: withhold(body) if b'"events"' in body else body
    assert outside.run("follow", "--once") == 3

    assert "entry 91 does not hold (end)" in outside.said


def test_what_was_kept_and_comes_again_is_known(tower: Tower, outside: Outside) -> None:
    """It died before it wrote down how far it was."""
    tower.write(250)
    assert outside.run("follow", "--once") == 0, outside.said
    before = kept(outside)
    state = outside.folder / "monitoring.json"
    state.write_text(json.dumps(outside.read("monitoring.json") | {"checkpoints": ""}))
    with (outside.folder / FILE).open("a") as file:
        file.write('{"half": "a li')

    assert outside.run("follow", "--once") == 0, outside.said
    assert kept(outside) == before


def test_one_that_was_kept_and_then_edited_is_found(tower: Tower, outside: Outside) -> None:
    tower.write(150)
    assert outside.run("follow", "--once") == 0, outside.said
    file = outside.folder / FILE
    file.write_text(file.read_text().replace('"position": 100', '"position": 99'))

    assert outside.run("verify") == 3
    assert "entry 99 does not hold (checkpoint)" in outside.said
