"""Reads some libraries, then forks for each program that it is asked for: see `forking`.

What a program is told, what it reads of its own, what it does and how it ends is as if it were
started anew, but for its command line and the environment that it shows to others, which stay
these.
"""

from __future__ import annotations

import atexit
import ctypes
import json
import os
import resource
import runpy
import sys
import threading
import time
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

from deploy.local.leash import PR_SET_PDEATHSIG

PR_SET_NAME = 15
GREEN = "green"  # in place of a library: sockets and threads are green, as a worker's


def serve(libraries: list[str]) -> None:
    """Until nobody can ask any more."""
    from os import waitpid  # before there is a green one: that would turn a hub, which forks share

    for name in libraries:
        if name == GREEN:
            from chassis.cli import make_green

            make_green()
        else:
            import_module(name)
    for line in sys.stdin:
        asked = json.loads(line)
        if ended := asked.get("ended"):
            answer = os.waitstatus_to_exitcode(waitpid(ended, 0)[1])
        elif not (answer := os.fork()):
            os._exit(_run(asked, is_green=GREEN in libraries))
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


def _run(asked: dict[str, Any], *, is_green: bool) -> int:
    """As the interpreter itself would, from the first line to what is done at the end."""
    _become(asked)
    if is_green:
        from eventlet.hubs import use_hub

        use_hub()  # of its own
    program = asked["program"]
    sys.argv[:], sys.path[0] = [program, *asked["words"]], asked["cwd"]
    code = 0
    try:
        if asked["is_file"]:
            sys.path[0] = str(Path(program).parent)
            runpy.run_path(program, run_name="__main__")
        else:
            runpy.run_module(program, run_name="__main__", alter_sys=True)
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


def _become(asked: dict[str, Any]) -> None:
    """What the leash does, and who starts a process."""
    os.setsid()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    kernel = ctypes.CDLL(None)
    kernel.prctl(PR_SET_PDEATHSIG, asked["signal"])
    named = " ".join((Path(asked["program"]).name.removeprefix("services."), *asked["words"]))
    kernel.prctl(PR_SET_NAME, named.encode()[:15])  # as `top` shows it
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    time.tzset()
    os.dup2(os.open(asked["told"], os.O_RDONLY), 0)
    for descriptor, name in enumerate(("out", "errors"), 1):
        wanted = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        os.dup2(os.open(asked[name], wanted, 0o600), descriptor)


if __name__ == "__main__":
    serve(sys.argv[1:])
