"""Keeps one system up until it is told to stop, and lets others find it.

The folder holds `lock`, which the runner holds as long as it lives and which names it, and
`state.json`, which tells where everything is. A runner that was killed leaves no process: each
child dies with it.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import psutil

from deploy.local.postgres import Postgres
from deploy.local.process import Failed, end
from deploy.local.prometheus import Prometheus
from deploy.local.supervisor import Say
from deploy.local.system import System

PR_SET_CHILD_SUBREAPER = 36
STOPPING_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Told(BaseException):
    """Somebody told the runner to stop."""


class Busy(Failed):
    """Another runner holds this folder."""


def keep(system: System, say: Say, after_start: Any = None) -> None:
    """Runs a system until a signal comes, or `after_start(system)` answers with False."""
    with held(system.folder), told_by_signals():
        clear(system.folder)
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
        prometheus: Prometheus | None = None
        try:
            system.start()
            prometheus = Prometheus(
                system.folder / "prometheus", system.cache, system.scrape_targets()
            )
            _write_state(system, prometheus)
            if after_start is None or after_start(system):
                prometheus.begin()
                _tend(system, prometheus)
        except Told:
            say("stopping")
        finally:
            deaf()
            if prometheus:
                prometheus.stop()
            system.stop()
            end(psutil.Process().children(recursive=True), patience=0)
            (system.folder / "state.json").unlink(missing_ok=True)


def _tend(system: System, prometheus: Prometheus) -> None:
    told: object = None
    while True:
        system.tend()
        prometheus.tend()
        now = (prometheus.is_up, [process.pid for process in system.processes()])
        if now != told:
            told = now
            _write_state(system, prometheus)
        time.sleep(0.2)


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Holds the folder's lock; Busy when somebody else does."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o711)
    with (folder / "lock").open("a+") as lock:
        if not _lock(lock):
            raise Busy(f"a system runs in {folder} already")
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_held(folder: Path) -> bool:
    """Whether a runner holds the folder."""
    if not (folder / "lock").exists():
        return False
    with (folder / "lock").open("a+") as lock:
        return not _lock(lock)


@contextlib.contextmanager
def told_by_signals() -> Iterator[None]:
    """Turns the first stopping signal into Told, raised in this thread."""

    def tell(number: int, frame: Any) -> None:
        deaf()
        raise Told

    before = {number: signal.signal(number, tell) for number in STOPPING_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def deaf() -> None:
    """Ignores further signals: stopping is not interrupted."""
    for number in STOPPING_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _write_state(system: System, prometheus: Prometheus) -> None:
    file = system.folder / "state.json"
    fresh = file.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(
        json.dumps(
            {
                "url": system.url,
                "mail_url": system.mail_url,
                "passwords": str(system.seeded_file("routing")),
                "prometheus_url": prometheus.url if prometheus.is_up else "",
                "processes": {
                    process.name: {"pid": process.pid, "log": str(process.log)}
                    for process in system.processes()
                },
            }
        )
    )
    fresh.rename(file)


def state(folder: Path) -> dict[str, Any]:
    """Where everything is; empty when no system is up there."""
    try:
        found: dict[str, Any] = json.loads((folder / "state.json").read_text())
    except FileNotFoundError:
        return {}
    return found


def stop(folder: Path, patience: float = 60) -> bool:
    """Stops the system of a folder, also one whose runner was killed. False when there was none."""
    was_up, told = is_held(folder), None
    deadline = time.monotonic() + patience
    while is_held(folder):
        if told is None and (told := _holder(folder)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(told, signal.SIGTERM)
        if time.monotonic() > deadline:
            kept = f"process {told}" if told else "a process that does not name itself"
            raise Failed(f"{kept}, which keeps the system up, does not stop")
        time.sleep(0.1)
    clear(folder)
    return was_up


def _holder(folder: Path) -> int | None:
    """The runner that holds the folder. None before it has written its name: nothing may stand
    there yet, a part of it, or who held the folder before, whose number may be anybody's now."""
    lock = (folder / "lock").resolve()
    with contextlib.suppress(OSError, ValueError, psutil.Error):
        process = psutil.Process(int(lock.read_text()))
        if any(file.path == str(lock) for file in process.open_files()):
            return process.pid
    return None


def clear(folder: Path) -> None:
    """Ends what a killed runner left: processes that are still stopping, data that it lent away."""
    end(_left(folder), patience=20)
    if (folder / "postgres").exists():
        Postgres(folder / "postgres").stop()
    (folder / "state.json").unlink(missing_ok=True)


def _left(folder: Path) -> Iterator[psutil.Process]:
    """The processes of a runner that is gone; a younger one merely got the same number."""
    file, known = folder / "state.json", state(folder)
    for process in known.get("processes", {}).values():
        with contextlib.suppress(psutil.NoSuchProcess):
            found = psutil.Process(process["pid"])
            if found.create_time() <= file.stat().st_mtime:
                yield found
