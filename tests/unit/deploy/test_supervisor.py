"""What starts when, and what is started again."""

import sys
import time
from pathlib import Path

import pytest

from deploy.local import supervisor
from deploy.local.process import Failed, Process
from deploy.local.supervisor import Unit, bring_up

pytestmark = pytest.mark.alone

SLEEP = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(60)"]


def make(name: str, folder: Path, *words: str) -> Process:
    return Process(name, list(words) or SLEEP, log=folder / f"{name}.log")


def test_a_unit_starts_after_those_that_it_needs(tmp_path: Path) -> None:
    started: list[str] = []

    class Noted(Process):
        def start(self) -> None:
            started.append(self.name)
            super().start()

    step = Noted("step", [sys.executable, "-c", "pass"], log=tmp_path / "step.log")
    server = Noted("server", SLEEP, log=tmp_path / "server.log")
    client = Noted("client", SLEEP, log=tmp_path / "client.log")

    bring_up(
        [
            Unit(client, lambda: True, after=("server", "step")),
            Unit(server, lambda: step.exit_code == 0, after=()),
            Unit(step),
        ]
    )

    assert started.index("client") == 2
    assert step.exit_code == 0
    supervisor.stop([server, client])
    assert not server.running
    assert not client.running


def test_a_failed_step_stops_the_start_and_says_its_last_words(tmp_path: Path) -> None:
    step = make("step", tmp_path, sys.executable, "-c", "raise SystemExit('no database')")

    with pytest.raises(Failed, match="no database"):
        bring_up([Unit(step)])


def test_a_step_that_ends_while_it_is_asked_has_not_failed(tmp_path: Path) -> None:
    class Ending(Process):
        @property
        def exit_code(self) -> int | None:
            code = super().exit_code
            while self.running:
                time.sleep(0.01)
            return code

    step = Ending("step", [sys.executable, "-c", "pass"], log=tmp_path / "step.log")

    bring_up([Unit(step)])

    assert step.exit_code == 0


def test_a_unit_that_is_never_ready_is_given_up(tmp_path: Path) -> None:
    process = make("deaf", tmp_path)

    with pytest.raises(Failed, match="not ready"):
        bring_up([Unit(process, lambda: False, patience=0.2)])
    process.stop()


def test_a_name_that_nobody_has_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="nothing is called nobody"):
        bring_up([Unit(make("a", tmp_path), lambda: True, after=("nobody",))])


def test_what_dies_is_started_again_after_a_pause_that_doubles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(supervisor.time, "monotonic", lambda: now[0])
    process, said = make("frail", tmp_path), list[str]()
    unit = Unit(process, lambda: True)
    unit.start()
    pauses = []

    for _ in range(3):
        process.kill()
        died = now[0]
        while not process.running:
            unit.tend(said.append)
            now[0] += 0.1
        pauses.append(now[0] - died)

    process.stop()
    assert pauses == pytest.approx([0.6, 1.1, 2.1], abs=0.15)
    assert len(said) == 3


def test_what_was_calm_for_long_is_forgiven(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(supervisor.time, "monotonic", lambda: now[0])
    process = make("frail", tmp_path)
    unit = Unit(process, lambda: True)
    unit.start()
    unit._restarts = 6

    now[0] += supervisor.CALM + 1
    unit.tend(lambda _: None)

    process.stop()
    assert unit._restarts == 0


def test_all_are_stopped_at_once(tmp_path: Path) -> None:
    slow = "import signal, time\nsignal.signal(15, lambda *_: (time.sleep(1), exit(0)))\n"
    slow += "open('{}', 'w').close()\ntime.sleep(60)"
    marks = [tmp_path / f"up{i}" for i in range(3)]
    processes = [
        make(m.name, tmp_path, sys.executable, "-I", "-S", "-c", slow.format(m)) for m in marks
    ]
    for process in processes:
        process.start()
    while not all(mark.exists() for mark in marks):
        time.sleep(0.02)

    begun = time.monotonic()
    supervisor.stop(processes)

    assert time.monotonic() - begun < 2.5
