"""What the reference client has checked and kept, it acknowledges, once, also when it died or was
not heard before it could; and never more than it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.escalation.models import STREAMS
from tests.harness.between import Between
from tests.harness.dumps import dump
from tests.harness.outside import PROGRAM, Outside, changed
from tests.service.escalation.test_feed_epochs import open_epoch, restored
from tests.service.escalation.test_ombudsman_client import DIE, acknowledged
from tests.service.escalation.test_ombudsman_client_checkpoints import contradict
from tests.service.escalation.test_ombudsman_client_keys import Ring
from tests.service.escalation.test_ombudsman_client_rejoins import goes_on
from tests.service.escalation.tower import Tower

pytestmark = pytest.mark.fault

ACKNOWLEDGE = "        self._acknowledge(followed)\n"
SAID = "POST /v1/ombudsman/acknowledgements"
LOCK = "SELECT pg_advisory_lock(hashtext('escalation.acknowledge.monitoring'))"


def owe(outside: Outside, folder: Path, stream: str = "monitoring") -> None:
    """It has kept what there is of a stream, and its cursor, and dies before it says so."""
    dying = f'        if followed.stream == "{stream}":\n    {DIE}{ACKNOWLEDGE}'
    outside.program = changed(folder / "dies", ("client.py", ACKNOWLEDGE, dying))
    assert outside.run("follow", "--once") == -9
    outside.program = PROGRAM


def says_so_once(tower: Tower, way: Between, outside: Outside, stream: str = "monitoring") -> None:
    """What must hold when it is started again and nothing has come meanwhile."""
    assert outside.run("follow", "--once") == 0, outside.said
    assert acknowledged(tower, stream) == len(outside.entries(stream)) > 0

    said = way.asked.count(SAID)
    assert [outside.run("follow", "--once") for _ in range(2)] == [0, 0]
    assert way.asked.count(SAID) == said == 2  # one of each stream


@pytest.mark.parametrize("stream", STREAMS)
def test_started_again_it_acknowledges_what_it_had_kept_when_it_died(
    tower: Tower, way: Between, outside: Outside, tmp_path: Path, stream: str
) -> None:
    tower.write(30)
    owe(outside, tmp_path, stream)
    assert outside.entries(stream)
    assert acknowledged(tower, stream) == 0

    says_so_once(tower, way, outside, stream)


def test_a_client_that_forgets_how_far_it_was_waits_for_the_next_entry(
    tower: Tower, way: Between, outside: Outside, tmp_path: Path
) -> None:
    """The negative control."""
    tower.write(30)
    owe(outside, tmp_path)
    forgets = ("followed.py", 'kept.get("position", 0)', "0")
    outside.program = changed(tmp_path / "forgets", forgets)

    with pytest.raises(AssertionError, match="0 == "):
        says_so_once(tower, way, outside)


def test_what_the_regency_could_not_take_down_is_acknowledged_when_it_can(
    tower: Tower, outside: Outside
) -> None:
    tower.write(30)
    with tower.database.server.session(tower.database.name) as run:
        run(LOCK)
        assert outside.run("follow", "--once") == 2, outside.said
    assert acknowledged(tower) == 0

    assert outside.run("follow", "--once") == 0, outside.said

    assert acknowledged(tower) == len(outside.entries()) >= 30


def test_what_a_new_key_has_signed_is_acknowledged_too(
    tower: Tower, way: Between, outside: Outside, tmp_path: Path, secrets_folder: Path
) -> None:
    ring = Ring(tower, secrets_folder)
    ring.announce()
    ring.switch()
    tower.write(3)
    owe(outside, tmp_path)
    assert outside.entries()[-1]["kid"] == ring.kid

    says_so_once(tower, way, outside)


def test_what_the_regency_lost_meanwhile_is_acknowledged_no_more(
    tower: Tower, way: Between, outside: Outside, tmp_path: Path
) -> None:
    tower.write(7)
    dump(tower.database.owner_url, tmp_path / "dump")
    tower.write(20)
    owe(outside, tmp_path)
    restored(tower, tmp_path / "dump")
    assert outside.run("follow", "--once") == 3
    open_epoch(tower)
    assert outside.run("follow", "--once") == 3
    assert SAID not in way.asked

    assert outside.run("rejoin") == 0, outside.said

    goes_on(tower, outside)
    assert way.asked.count(SAID) == 2


def test_what_is_no_longer_kept_is_not_acknowledged(
    tower: Tower, way: Between, outside: Outside, tmp_path: Path
) -> None:
    """Its cursor stands after more than its file has: somebody has shortened that."""
    tower.write(30)
    owe(outside, tmp_path)
    file, kept = outside.folder / "monitoring.jsonl", len(outside.entries())
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))

    assert outside.run("follow", "--once") == 0, outside.said

    assert acknowledged(tower) == 0
    assert way.asked.count(SAID) == 1  # of the other stream
    tower.write(1)
    assert outside.run("follow", "--once") == 3
    assert f"monitoring: entry {kept} does not hold (position)" in outside.said


def test_what_a_checkpoint_contradicts_is_not_acknowledged_however_often_it_is_started(
    tower: Tower, way: Between, outside: Outside
) -> None:
    tower.write(150)
    contradict(tower, 50)

    assert [outside.run("follow", "--once") for _ in range(3)] == [3, 3, 3]

    assert len(outside.entries()) > 150
    assert SAID not in way.asked
