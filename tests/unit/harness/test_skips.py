"""No check is left out unseen: only what needs root may be, and in CI not that either."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.environment import ROOT
from tests.harness.whole import WHOLE

LEFT_OUT = re.compile(r"\b(?:skipif|importorskip|xfail|mark\.skip)\b|pytest\.skip\(|SkipTest")
MAY = {"tests/harness/whole.py", "tests/unit/harness/test_skips.py"}
LENIENT, STRICT = ({}, "1 passed, 2 skipped"), ({WHOLE: "1"}, "1 failed, 1 passed, 1 error")
SKIPPED = """
import pytest

@pytest.mark.skipif(True, reason="there is no moon")
def test_before_it_runs():
    pass

def test_while_it_runs():
    pytest.skip("there is no sun")

def test_that_runs():
    pass
"""


def test_no_test_is_left_out_but_for_want_of_root():
    files = [file for file in (ROOT / "tests").rglob("*.py") if LEFT_OUT.search(file.read_text())]

    assert {str(file.relative_to(ROOT)) for file in files} == MAY


@pytest.mark.parametrize(("told", "counted"), [LENIENT, STRICT])
def test_where_all_is_asked_for_what_is_skipped_fails(tmp_path, told, counted):
    (tmp_path / "test_skipped.py").write_text(SKIPPED)
    words = ("-p", "tests.harness.whole", "-p", "no:pytest_nameko", "-p", "no:cacheprovider")
    kept = {name: value for name, value in os.environ.items() if name != WHOLE}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "--rootdir", tmp_path, "-c", os.devnull, *words, tmp_path],
        env={**kept, **told, "PYTHONPATH": str(ROOT)}, cwd=tmp_path,
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert counted in ran.stdout, ran.stdout
    assert (ran.returncode == 0) == (not told)
    assert not told or "there is no moon" in ran.stdout


def test_ci_asks_for_all():
    assert f"{WHOLE}=1" in (Path(ROOT) / ".ci" / "run").read_text()
