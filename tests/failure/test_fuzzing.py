"""A fuzzer that sees which code its inputs reach finds nothing at the doors: no bytes of a body or
of a message do anything but be taken or be refused. `python -m tests.fuzz` looks for longer."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import pytest

from deploy.local.environment import CACHE, ROOT
from tests.fuzz import target
from tests.harness.copies import copied
from tests.harness.whole import needs_fuzzer

RUNS = 200_000
SOON = 50_000  # runs in which a mistake is found
MISTAKES = {
    "infinity": (
        "chassis/strict_json.py",
        "if not math.isfinite(number) or len(digits) > DIGITS",
        "if len(digits) > DIGITS",
    ),
    "half a character": (
        "chassis/strict_json.py",
        'any("\\ud800" <= character <= "\\udfff" for character in value)',
        "False",
    ),
    "text that is not composed": (
        "chassis/strict_json.py",
        'value = unicodedata.normalize("NFC", value)',
        "value = value.strip()",
    ),
    "a message that is no JSON": (
        "chassis/inbox.py",
        '    except Malformed:\n        raise Poison("not strict JSON") from None\n',
        "",
    ),
}


def fuzz(folder, runs, source=ROOT):
    """What a bounded search of the doors of this source said, and whether it found something."""
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz", f"-runs={runs}", "-seed=1", folder],
        cwd=source, env=os.environ | {"LAPOR_CACHE": str(CACHE), "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip


def test_what_the_search_begins_with_reaches_every_door_and_is_judged():
    ways = Counter((target.DOORS[door], target.judge(door, raw)) for door, raw in target.seeds())

    assert {door for door, _ in ways} == set(target.DOORS)
    assert ways[target.INBOX, "taken"] == sum(n for (d, _), n in ways.items() if d == target.INBOX)


@pytest.mark.slow
@needs_fuzzer
def test_no_bytes_break_a_door(tmp_path):
    searched = fuzz(tmp_path, RUNS)

    assert searched.returncode == 0, searched.stderr[-3_000:]
    assert f"Done {RUNS} runs" in searched.stderr


@pytest.mark.slow
@needs_fuzzer
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_at_a_door_is_found(tmp_path, mistake):
    """The negative control."""
    copy = copied(tmp_path / "copy", [MISTAKES[mistake]])
    searched = fuzz(tmp_path, SOON, copy)

    assert searched.returncode != 0, searched.stderr[-1_000:]
    assert list(tmp_path.glob("crash-*"))
