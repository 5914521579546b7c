"""Who stops a system tells the runner that holds it, and nobody else."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE

import pytest

from deploy.local import runner
from deploy.local.process import Failed

# As `held` does it, and slowly: between the lock and the name another process may look.
SLOW = """
import fcntl, os, sys, time
with open(sys.argv[1], "a+") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    time.sleep(60)
"""


@contextmanager
def running(*words: str) -> Iterator[subprocess.Popen[str]]:
    """A process of Python's that says when it has begun, as long as the block runs."""
    with subprocess.Popen([sys.executable, "-c", *words], stdout=PIPE, stdin=PIPE, text=True) as it:
        try:
            assert it.stdout is not None
            assert it.stdout.readline()
            yield it
        finally:
            it.kill()


@pytest.mark.parametrize("before", ["nothing", "who held it before"])
def test_a_runner_that_has_not_written_its_name_yet_is_told_once_it_has(
    tmp_path: Path, before: str
) -> None:
    lock = tmp_path / "lock"
    with running("print('here', flush=True); input()") as other:
        lock.write_text("" if before == "nothing" else str(other.pid))
        with running(SLOW, str(lock), "0.5") as slow:
            assert runner.stop(tmp_path, patience=20)
            assert slow.wait(10) == -signal.SIGTERM
        assert other.poll() is None
    assert not runner.is_held(tmp_path)


def test_a_runner_that_never_says_who_it_is_is_given_up(tmp_path: Path) -> None:
    with (
        running(SLOW, str(tmp_path / "lock"), "60"),
        pytest.raises(Failed, match="does not name itself"),
    ):
        runner.stop(tmp_path, patience=0.3)
