"""Nothing outlives who started it."""

import os
import subprocess
import sys
import time
from pathlib import Path
from signal import SIGKILL

import psutil

from deploy.local.environment import ROOT
from deploy.local.process import Process, free_port, leashed
from tests.harness.whole import needs_root

CHILD = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(60)"]


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


def test_a_child_dies_when_its_parent_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from deploy.local.process import Process\n"
        f"child = Process('child', {CHILD!r}, log=Path({str(tmp_path / 'log')!r})); child.start()\n"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert psutil.pid_exists(child)

    parent.kill()
    parent.wait()
    parent.stdout.close()

    assert gone(child)


def test_a_child_without_a_leash_would_live_on(tmp_path: Path) -> None:
    """The negative control: what the leash is for."""
    script = (
        f"import subprocess, time; child = subprocess.Popen({CHILD!r})\n"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())

    parent.kill()
    parent.wait()
    parent.stdout.close()

    assert psutil.pid_exists(child)
    os.kill(child, SIGKILL)


def test_a_process_is_stopped_with_the_helpers_that_it_started(tmp_path: Path) -> None:
    helper = tmp_path / "helper"
    script = (
        f"import subprocess, time; helper = subprocess.Popen({CHILD!r})\n"
        f"open({str(helper)!r}, 'w').write(str(helper.pid)); time.sleep(60)"
    )
    process = Process("leader", [sys.executable, "-c", script], log=tmp_path / "log")
    process.start()
    while not helper.exists() or not helper.read_text():
        time.sleep(0.02)

    process.stop()

    assert gone(int(helper.read_text()))


def test_helpers_of_one_that_died_are_gone_before_it_starts_again(tmp_path: Path) -> None:
    helper = tmp_path / "helper"
    script = (
        f"import subprocess, time; helper = subprocess.Popen({CHILD!r})\n"
        f"open({str(helper)!r}, 'w').write(str(helper.pid)); time.sleep(60)"
    )
    process = Process("leader", [sys.executable, "-c", script], log=tmp_path / "log")
    process.start()
    while not helper.exists() or not helper.read_text():
        time.sleep(0.02)
    orphan = int(helper.read_text())

    os.kill(process.pid, SIGKILL)
    while process.running:
        time.sleep(0.02)
    process.start()

    assert gone(orphan)
    process.stop()


def test_who_does_not_stop_is_killed(tmp_path: Path) -> None:
    mark = tmp_path / "up"
    script = f"import signal, time; signal.signal(15, signal.SIG_IGN); open({str(mark)!r}, 'w')\n"
    deaf = Process(
        "deaf",
        [sys.executable, "-c", script + "time.sleep(60)"],
        log=tmp_path / "log",
        patience=0.3,
    )
    deaf.start()
    while not mark.exists():
        time.sleep(0.02)

    deaf.stop()

    assert deaf.exit_code == -SIGKILL


@needs_root
def test_root_is_dropped_for_good(tmp_path: Path) -> None:
    ids = subprocess.run(
        leashed(["/usr/bin/id"], SIGKILL, 65534), capture_output=True, text=True, check=True
    )

    assert "uid=65534" in ids.stdout
    assert "root" not in ids.stdout


def test_a_crash_leaves_no_memory_on_the_disk() -> None:
    asked = "import resource; print(resource.getrlimit(resource.RLIMIT_CORE))"
    child = subprocess.run(
        leashed([sys.executable, "-I", "-S", "-c", asked], SIGKILL),
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert child.stdout == "(0, 0)\n"


def test_no_port_is_given_twice() -> None:
    ports = [free_port() for _ in range(50)]

    assert len(set(ports)) == 50
