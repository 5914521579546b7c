"""A child process that cannot outlive this one and stops together with all that it started."""

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from typing import Protocol

import psutil

LEASH = Path(__file__).with_name("leash.py")
SAME_USER = -1
PORTS = "10240-30239"  # below those that the kernel gives to outgoing connections


class Failed(Exception):
    """Something could not be started or found; the text says what a person can do about it."""


def leashed(command: Sequence[object], signal: Signals, user: int = SAME_USER) -> list[str]:
    """The command line that runs `command` for exactly as long as this process lives."""
    leash = [sys.executable, "-I", "-S", LEASH, os.getpid(), int(signal), user]
    return [str(word) for word in (*leash, *command)]


class Child(Protocol):
    """A program that runs, or ran: what is used of a `subprocess.Popen`."""

    pid: int

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code. Raises subprocess.TimeoutExpired after `timeout` seconds."""


class Process:
    """One program with its log file, in a session of its own so that its helpers can be found."""

    def __init__(
        self,
        name: str,
        command: Sequence[object],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: int = SAME_USER,
        stop_signal: Signals = SIGTERM,
        death_signal: Signals | None = None,
        patience: float = 10,
    ) -> None:
        """`env` is the whole environment; `patience`: seconds from the stop signal to the kill;
        `death_signal` is what it gets when this process dies, by default the stop signal."""
        self.name, self.command, self.log = name, list(command), log
        self.env = dict(os.environ) if env is None else dict(env)
        self.cwd, self.user = cwd, user
        self.stop_signal, self.patience = stop_signal, patience
        self.death_signal = death_signal or stop_signal
        self._child: Child | None = None

    def start(self) -> None:
        """Starts the program unless it runs. The leash is the calling thread's: let it live on."""
        if self.running:
            return
        if self._child is not None:
            end(_family(self._child.pid), patience=0)  # helpers that did not notice its death
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._child = self._begin()

    def _begin(self) -> Child:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                leashed(self.command, self.death_signal, self.user),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self.env, cwd=self.cwd, start_new_session=True,
            )  # fmt: skip

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        """The process id; Failed when it was never started."""
        if self._child is None:
            raise Failed(f"{self.name} was not started")
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return None if self._child is None else self._child.poll()

    def signal(self, number: Signals) -> None:
        """Sends a signal to the program alone, not to its helpers."""
        if self.running:
            os.kill(self.pid, number)

    def kill(self, number: Signals = SIGKILL) -> None:
        """Ends the program without ceremony and waits for it."""
        self._end(number, patience=5)

    def stop(self) -> None:
        """Asks, waits `patience` seconds, then kills; nothing that it started is left."""
        self._end(self.stop_signal, self.patience)

    def _end(self, number: Signals, patience: float) -> None:
        if self._child is None:
            return
        family = list(_family(self.pid))
        self.signal(number)
        try:
            self._child.wait(patience)
        except subprocess.TimeoutExpired:
            self.signal(SIGKILL)
            self._child.wait(5)
        end({process.pid: process for process in (*family, *_family(self.pid))}.values())

    def tail(self, lines: int = 15) -> str:
        """The last lines of its log, for an error message."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""


def _family(leader: int) -> Iterator[psutil.Process]:
    """All that descends from a process or is in the session that it leads, without itself."""
    with contextlib.suppress(psutil.NoSuchProcess):
        yield from psutil.Process(leader).children(recursive=True)
    for process in psutil.process_iter():
        try:
            if process.pid != leader and os.getsid(process.pid) == leader:
                yield process
        except (ProcessLookupError, PermissionError):
            continue


def end(processes: Iterable[psutil.Process], patience: float = 1) -> None:
    """Kills helpers that did not follow their leader within `patience` seconds."""
    deadline, left = time.monotonic() + patience, list(processes)
    while left := [process for process in left if _lives(process)]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    if left:
        psutil.wait_procs(left, timeout=1)


def _lives(process: psutil.Process) -> bool:
    """Whether it runs still; a zombie only waits for whoever inherited it."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


_given: set[int] = set()


def _ports() -> range:
    """Those that may be given out: who runs several at once gives each a part, `LAPOR_PORTS`."""
    first, last = os.environ.get("LAPOR_PORTS", PORTS).split("-")
    return range(int(first), int(last) + 1)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now and that was not given out before.

    It lies below those that the kernel gives to outgoing connections, which could take it before
    whoever asked listens.
    """
    while True:
        port = secrets.choice(_ports())
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            if port not in _given:
                _given.add(port)
                return port


def answers(port: int) -> bool:
    """Whether something accepts connections on a port of 127.0.0.1."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def wait_until(ready: Callable[[], bool], process: Process, seconds: float) -> None:
    """Returns as soon as `ready`; Failed, with the log's end, when it dies or time is up."""
    deadline = time.monotonic() + seconds
    while not ready():
        if not process.running:
            raise Failed(f"{process.name} ended with code {process.exit_code}:\n{process.tail()}")
        if time.monotonic() > deadline:
            raise Failed(f"{process.name} was not ready after {seconds:.0f} s:\n{process.tail()}")
        time.sleep(0.05)
