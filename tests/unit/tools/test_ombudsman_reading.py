"""Who only reads what the reference client keeps needs no right to write there and makes nothing;
they see one state, or are told to look again."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

import pytest

from tests.harness.outside import Outside, waits_for_a_lock
from tests.harness.waiting import eventually
from tests.unit.tools.regency import Regency
from tests.unit.tools.test_ombudsman_hostile import ID, NUMBER, dossier, part

# To root too the rights of files apply without these.
CAPABILITIES = "--bounding-set=-dac_override,-dac_read_search"
UNDER = ("setpriv", CAPABILITIES) if os.geteuid() == 0 else ()
LOCK = "whole.lock"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    file = tmp_path / "foto.jpg"
    file.write_bytes(b"as it was")
    return file


@pytest.fixture
def kept(regency: Regency, outside: Outside, photo: Path) -> Outside:
    """Somebody else's folder, in which a dossier is kept."""
    told = dossier(part("x"))
    named = {"sha256": sha256(photo.read_bytes()).hexdigest(), "agency": "dpupr", "at": "x"}
    told["dossier"]["evidence"] = [named]
    regency.hand_over(NUMBER, told)
    assert outside.run("follow", "--once") == 0, outside.said
    outside.under = UNDER
    return outside


@contextmanager
def closed(folder: Path) -> Iterator[None]:
    """Nothing may be written there meanwhile."""
    inside = [folder, *folder.rglob("*")]
    for one in inside:
        one.chmod(0o555 if one.is_dir() else 0o444)
    try:
        yield
    finally:
        for one in inside:
            one.chmod(0o700 if one.is_dir() else 0o600)


@pytest.mark.parametrize("locked", [True, False])
def test_who_only_reads_needs_no_right_to_write(kept: Outside, photo: Path, locked: bool) -> None:
    if not locked:
        (kept.folder / LOCK).unlink()

    with closed(kept.folder):
        for command in (("status",), ("verify",), ("compare", NUMBER, photo), ("pin",)):
            assert kept.run(*command) == 0, kept.said
            assert "may not be read" not in kept.said
        assert kept.run("follow", "--once") == 1, "the control"


def test_who_only_reads_makes_nothing(kept: Outside, photo: Path) -> None:
    """A lock that root made would be in the owner's way; a folder by a wrong name looks empty."""
    (kept.folder / LOCK).unlink()
    (kept.folder / "keys.lock").unlink()
    had = sorted(kept.folder.rglob("*"))
    for command in (("status",), ("verify",), ("compare", NUMBER, photo)):
        assert kept.run(*command) == 0, kept.said
    assert sorted(kept.folder.rglob("*")) == had

    kept.folder = kept.folder.with_name("kotabaur")
    assert kept.run("status") == 1
    assert "there is no folder" in kept.said
    assert not kept.folder.exists()


def test_who_may_not_write_waits_until_nothing_is_taken_away(kept: Outside) -> None:
    with open(kept.folder / LOCK) as lock, closed(kept.folder):
        fcntl.flock(lock, fcntl.LOCK_EX)
        looks = kept.start("status")
        eventually(lambda: waits_for_a_lock(looks), "it waits", seconds=40)
        fcntl.flock(lock, fcntl.LOCK_UN)
        said = looks.communicate(timeout=60)

    assert looks.returncode == 0, said


def test_follow_makes_the_lock_for_those_who_look(kept: Outside) -> None:
    (kept.folder / LOCK).unlink()

    assert kept.run("follow", "--once") == 0, kept.said

    assert (kept.folder / LOCK).exists()


def test_who_looked_without_a_lock_that_was_made_meanwhile_is_told_to_look_again(
    kept: Outside,
) -> None:
    """Whoever made it may have taken something away. An answer is read when somebody writes it."""
    (kept.folder / LOCK).unlink()
    answer = kept.folder / "answers" / f"{ID}.json"
    os.mkfifo(answer)
    looks = kept.start("status")

    def being_read() -> int | None:
        with suppress(OSError):
            return os.open(answer, os.O_WRONLY | os.O_NONBLOCK)
        return None

    with open(eventually(being_read, "it looks", seconds=40), "w") as writes:
        (kept.folder / LOCK).touch()
        json.dump({"id": ID, "written": 1, "body": "", "result": {"taken": True}}, writes)
    _, errors = looks.communicate(timeout=60)

    assert looks.returncode == 2, errors
    assert "look again" in errors


def test_a_lock_that_may_not_be_read_is_told(kept: Outside) -> None:
    (kept.folder / LOCK).chmod(0)

    assert kept.run("status") == 0, kept.said

    assert f"{kept.folder / LOCK} may not be read" in kept.said


def test_what_may_not_be_read_is_not_shown_as_nothing(kept: Outside) -> None:
    (kept.folder / "dossiers").chmod(0)
    try:
        assert kept.run("status") == 1
    finally:
        (kept.folder / "dossiers").chmod(0o700)

    assert "stopped: [Errno 13] Permission denied" in kept.said


def test_where_nothing_can_be_written_it_is_told_all_the_same_what_does_not_hold(
    kept: Outside,
) -> None:
    file = kept.folder / "monitoring.jsonl"
    file.write_text(file.read_text().replace('"n": 1', '"n": 2'))

    with closed(kept.folder):
        assert kept.run("verify") == 3

    assert "THE FEED DOES NOT HOLD: monitoring: entry 1 does not hold (hash)" in kept.said
    assert "No evidence could be written: [Errno 13]" in kept.said
