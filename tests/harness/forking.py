"""Starts programs again and again, each as a process of its own that has its libraries already: to
read those takes a service as long as all else that it does on its way up, and the Ombudsman's
client five times as long as most of what it is asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import cache as once
from pathlib import Path
from select import select
from signal import SIGTERM, Signals
from typing import Any

from deploy.local.environment import ROOT


class Forks:
    """A process that has read some libraries and nothing else; usable by any thread."""

    def __init__(self, *libraries: str) -> None:
        # On no leash: that would be the calling thread's. It ends when nobody can ask any more.
        told = [sys.executable, "-m", "tests.harness.fork_server", *libraries]
        env, piped = os.environ | {"PYTHONUNBUFFERED": "1"}, subprocess.PIPE
        self._process = subprocess.Popen(
            told, stdin=piped, stdout=piped, text=True, env=env, cwd=ROOT
        )
        self._turn = threading.Lock()

    def start(
        self,
        program: str | Path,
        words: list[str],
        *,
        env: Mapping[str, str],
        cwd: Path | None = None,
        told: Path | None = None,
        out: Path,
        errors: Path | None = None,
        death_signal: Signals = SIGTERM,
    ) -> Fork:
        """Runs a Python program: a file, or a module by name. It reads what is in `told`; what it
        prints is added to `out`, and what it complains of to `errors` if that is elsewhere.
        `death_signal` is what it gets when this process dies."""
        asked = {
            "program": str(program), "is_file": isinstance(program, Path), "words": words,
            "env": dict(env), "cwd": str(cwd or Path.cwd()), "told": str(told or os.devnull),
            "out": str(out), "errors": str(errors or out), "signal": int(death_signal),
        }  # fmt: skip
        return Fork(self, int(self.ask(asked)))

    def ask(self, asked: object) -> Any:
        """One question and its answer. Raises ChildProcessError if nobody answers any more."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._turn:
            with suppress(BrokenPipeError):
                self._process.stdin.write(f"{json.dumps(asked)}\n")
                self._process.stdin.flush()
            answer = self._process.stdout.readline()
        if not answer:
            raise ChildProcessError(f"no programs are forked any more: {self._process.poll()}")
        return json.loads(answer)


@once
def forks(*libraries: str) -> Forks:
    """The one of this process, started when it is first asked for."""
    return Forks(*libraries)


class Fork:
    """A program that was started, to be waited for as a `subprocess.Popen`."""

    def __init__(self, server: Forks, pid: int) -> None:
        self.pid = pid
        self._server, self._code = server, None
        self._descriptor = os.pidfd_open(pid)  # is there even if it has ended: nobody has asked

    def poll(self) -> int | None:
        """Its exit code, negative for the signal that ended it; None while it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, negative for the signal that ended it. Raises subprocess.TimeoutExpired
        after `timeout` seconds."""
        if (code := self._look(timeout)) is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
        return code

    def _look(self, seconds: float | None) -> int | None:
        if self._code is None and select([self._descriptor], [], [], seconds)[0]:
            self._code = self._server.ask({"ended": self.pid})
            os.close(self._descriptor)
        return self._code
