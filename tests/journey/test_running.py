"""`./lapor` as a person uses it: up, seen, down, and nothing left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from deploy.local import runner
from deploy.local.environment import CACHE, ROOT
from deploy.local.system import System
from tests.harness.waiting import eventually

pytestmark = pytest.mark.slow
PUBLIC_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108


@dataclass
class Machine:
    """A home, a folder for passing files, and a state folder, all of its own."""

    folder: Path

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def told(self) -> dict[str, str]:
        """The environment of this person's shell."""
        home, temporary = self.folder / "home", self.folder / "temporary"
        home.mkdir(exist_ok=True)
        temporary.mkdir(exist_ok=True)
        return {
            **os.environ, "LAPOR_STATE": str(self.state), "LAPOR_CACHE": str(CACHE),
            "HOME": str(home), "TMPDIR": str(temporary), "LAPOR_PORT": "0",
        }  # fmt: skip

    def lapor(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs the command line as a person would, in a session that ends with it."""
        return subprocess.run(
            [sys.executable, "-m", "deploy.local", *words], cwd=ROOT, env=self.told(),
            capture_output=True, text=True, check=False, timeout=200,
        )  # fmt: skip

    def processes(self) -> list[psutil.Process]:
        """Every process that was told of the state folder, or was started by one that was."""
        found = []
        for process in psutil.process_iter(["cmdline", "environ"]):
            words = [*(process.info["cmdline"] or ()), *(process.info["environ"] or {}).values()]
            if any(str(self.state) in word for word in words):
                found.append(process)
        return found

    def strays(self) -> list[str]:
        """Files outside of the state folder."""
        own = [
            str(file) for name in ("home", "temporary") for file in (self.folder / name).iterdir()
        ]
        public = [str(file) for place in PUBLIC_FOLDERS for file in Path(place).glob("lapor-*")]
        return own + [file for file in public if file not in self.before]

    def __post_init__(self) -> None:
        self.before = {str(f) for place in PUBLIC_FOLDERS for f in Path(place).glob("lapor-*")}


@pytest.fixture
def machine(state: Path, request: pytest.FixtureRequest) -> Iterator[Machine]:
    folder = state / request.node.name
    folder.mkdir()
    one = Machine(folder)
    yield one
    one.lapor("down", "--mode", "local")
    for process in one.processes():
        process.kill()


def test_up_and_down_leave_nothing(machine: Machine) -> None:
    up = machine.lapor("up", "--mode", "local")
    assert up.returncode == 0, up.stdout + up.stderr
    url = runner.state(machine.state / "up")["url"]
    assert httpx.get(f"{url}/api/v1/agencies", trust_env=False).status_code == 200

    again = machine.lapor("up", "--mode", "local")
    status = machine.lapor("status")
    logs = machine.lapor("logs", "intake")

    assert "up already" in again.stdout
    assert "intake-api" in status.stdout
    assert "DOWN" not in status.stdout
    assert "intake-worker" in logs.stdout

    down = machine.lapor("down", "--mode", "local")

    assert "stopped: up" in down.stdout
    assert machine.processes() == []
    assert machine.strays() == []
    assert machine.lapor("status").returncode == 1


def test_a_runner_that_is_killed_leaves_no_process(machine: Machine) -> None:
    up = machine.lapor("up", "--mode", "local")
    assert up.returncode == 0, up.stdout + up.stderr
    assert len(machine.processes()) > 12

    os.kill(int((machine.state / "up" / "lock").read_text()), signal.SIGKILL)

    eventually(lambda: not machine.processes(), "no process is left", 30)
    machine.lapor("down", "--mode", "local")
    assert machine.strays() == []


def test_down_stops_a_system_that_is_still_starting(machine: Machine) -> None:
    starting = subprocess.Popen(
        [sys.executable, "-m", "deploy.local", "up", "--mode", "local", "--foreground"],
        cwd=ROOT, env=machine.told(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    eventually(lambda: len(machine.processes()) > 3, "something runs", 30)

    down = machine.lapor("down", "--mode", "local")

    assert "stopped: up" in down.stdout
    assert starting.wait(10) == 0
    assert machine.processes() == []


def test_a_process_that_dies_is_started_again(machine: Machine) -> None:
    up = machine.lapor("up", "--mode", "local")
    assert up.returncode == 0, up.stdout + up.stderr
    before = runner.state(machine.state / "up")

    os.kill(before["processes"]["routing-api"]["pid"], signal.SIGKILL)

    def answered() -> bool:
        return httpx.get(f"{before['url']}/api/v1/agencies", trust_env=False).status_code == 200

    time.sleep(0.5)
    eventually(answered, "routing answers again", 30)


def test_data_stays_between_one_run_and_the_next(state: Path, cache: Path) -> None:
    folder = state / "twice"
    with System(folder, env="test", cache=cache) as first:
        passwords = first.passwords
        first.psql("routing", "CREATE TABLE kept (id int)")

    with System(folder, env="test", cache=cache) as second:
        assert second.passwords == passwords
        assert second.psql("routing", "SELECT count(*) FROM kept") == [(0,)]
