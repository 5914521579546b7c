"""A forked program is told, says and ends what one would that was started anew."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from deploy.local.environment import ROOT
from tests.harness.forking import Fork, forks
from tests.harness.waiting import eventually

LIBRARY = "statistics"
SHOWS = """
import json, os, sys
print(json.dumps([sys.argv[1:], dict(os.environ), os.getcwd(), sys.stdin.read(), __name__,
                  "statistics" in sys.modules, os.getpid() == os.getsid(0)]))
"""
ENDINGS = {
    "pass": (0, ""),
    "import sys; sys.exit(75)": (75, ""),
    "import sys; sys.exit('no such report')": (1, "no such report\n"),
    "import atexit, os; atexit.register(os.write, 2, b'bye')": (0, "bye"),
    "import os; os.kill(os.getpid(), 9)": (-9, ""),
    "import os; print('said', end=''); os.kill(os.getpid(), 9)": (-9, "said"),
}
# A test run that starts a program, says which, and waits.
RUN = f"""
import sys, time
from pathlib import Path
from tests.harness.forking import forks
folder = Path(sys.argv[1])
started = forks("{LIBRARY}").start(folder / "waits.py", [], env={{}}, out=folder / "out")
print(started.pid, flush=True)
time.sleep(60)
"""


def start(folder: Path, source: str, *words: str, **more: object) -> Fork:
    """Runs this source, which prints and complains into `folder / "out"`."""
    program = folder / "program.py"
    program.write_text(source)
    told = {"env": {}, "out": folder / "out", **more}
    return forks(LIBRARY).start(program, [*words], **told)  # type: ignore[arg-type]


def test_a_program_has_what_it_is_told_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "told").write_text("from outside")
    env = {"LANG": "id_ID"}

    started = start(tmp_path, SHOWS, "a", "b", env=env, cwd=tmp_path, told=tmp_path / "told")

    assert started.wait(20) == 0
    shown = (tmp_path / "out").read_text()
    expected = [["a", "b"], env, str(tmp_path), "from outside", "__main__", True, True]
    assert json.loads(shown) == expected


@pytest.mark.parametrize(("source", "ends"), ENDINGS.items())
def test_it_ends_as_it_says(tmp_path: Path, source: str, ends: tuple[int, str]) -> None:
    started = start(tmp_path, source)

    assert (started.wait(20), (tmp_path / "out").read_text()) == ends
    assert started.poll() == ends[0]  # also asked again


def test_an_error_that_nobody_catches_is_shown(tmp_path: Path) -> None:
    assert start(tmp_path, "1 / 0").wait(20) == 1
    assert "ZeroDivisionError" in (tmp_path / "out").read_text()


def test_it_runs_until_it_ends(tmp_path: Path) -> None:
    started = start(tmp_path, "import time; time.sleep(60)")

    with pytest.raises(subprocess.TimeoutExpired):
        started.wait(0.1)
    assert started.poll() is None

    os.kill(started.pid, signal.SIGTERM)
    assert started.wait(20) == -signal.SIGTERM


def test_who_does_not_answer_any_more_is_named(tmp_path: Path) -> None:
    (tmp_path / "mute.py").write_text("pass")
    mute = forks("no_such_library")

    for _ in range(2):
        with pytest.raises(ChildProcessError, match="no programs are forked any more"):
            mute.start(tmp_path / "mute.py", [], env={}, out=tmp_path / "out")


def test_it_does_not_outlive_who_started_it_however_that_ends(tmp_path: Path) -> None:
    (tmp_path / "waits.py").write_text("import time; time.sleep(60)")
    told = [sys.executable, "-c", RUN, str(tmp_path)]
    with subprocess.Popen(told, cwd=ROOT, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        program = psutil.Process(int(run.stdout.readline()))
        assert program.is_running()
        run.kill()

    eventually(lambda: not program.is_running(), "it is gone")
