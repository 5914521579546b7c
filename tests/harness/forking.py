"""Runs a program again and again, each time as a process of its own that has its libraries already:
to read those takes five times as long as most of what the program is asked for.

This file is a program, too: it reads the libraries, then forks once for each line that it is sent.
"""

from __future__ import annotations

import atexit
import json
import os
import random
import runpy
import subprocess
import sys
import threading
import traceback
from importlib import import_module
from pathlib import Path
from select import select

PATIENCE = 120  # seconds
_THREADS = threading.local()  # each its own: one line is answered before the next is read


class Forks:
    """A process that has read some libraries and nothing else."""

    def __init__(self, *libraries: str) -> None:
        piped = subprocess.PIPE
        told = [sys.executable, __file__, *libraries]
        self._process = subprocess.Popen(
            told, stdin=piped, stdout=piped, text=True, env={"TZ": "UTC"}
        )

    def run(self, program: Path, words: list[str], said: Path) -> int:
        """Runs a Python program to its end; what it prints is in `out` and `errors` of a folder.
        Its exit code, negative for the signal that ended it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        told = json.dumps([str(program), words, str(said)])
        self._process.stdin.write(f"{told}\n")
        self._process.stdin.flush()
        ended = select([self._process.stdout], [], [], PATIENCE)[0]
        if not ended or not (code := self._process.stdout.readline()):
            self._process.kill()
            del _THREADS.forks  # the next run has another one
            raise subprocess.TimeoutExpired([str(program), *words], PATIENCE)
        return int(code)


def forks(*libraries: str) -> Forks:
    """This thread's, started when it is first asked for."""
    if not hasattr(_THREADS, "forks"):
        _THREADS.forks = Forks(*libraries)
    made: Forks = _THREADS.forks
    return made


def serve() -> None:
    """Until nobody can send any more."""
    for name in sys.argv[1:]:
        import_module(name)
    for line in sys.stdin:
        program, words, said = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os.setsid()
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            for descriptor, name in enumerate(("out", "errors"), 1):
                os.dup2(os.open(f"{said}/{name}", os.O_WRONLY | os.O_CREAT, 0o600), descriptor)
            os._exit(_run(program, words))
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        sys.stdout.write(f"{code}\n")
        sys.stdout.flush()


def _run(program: str, words: list[str]) -> int:
    """As the interpreter itself would, from the file to what is done at the end."""
    random.seed()
    sys.argv[:], sys.path[0] = [program, *words], str(Path(program).parent)
    code = 0
    try:
        runpy.run_path(program, run_name="__main__")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    serve()
