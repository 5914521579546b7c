"""The project's own programs, as they run in production, but for where they have libraries from."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.local.environment import ROOT
from deploy.local.process import Child, Process
from tests.harness.fork_server import GREEN
from tests.harness.forking import forks

# What is read before a program is forked: for an API or a command, for a worker, and for both.
SERVING = ("granian.server", "chassis.web", "chassis.health", "chassis.idempotency")
WORKING = (GREEN, "chassis.worker")
READ = ("argon2", "holidays", "joserfc.jwe", "jsonschema_rs", "rfc8785", "contracts")


class Forked(Process):
    """A program of the project, forked from what has its libraries already, and the chassis. What a
    test runs in another way, or from a copy of the source with a mistake in it, is started anew."""

    def _begin(self) -> Child:
        if self.cwd != ROOT or self.command[:2] != [sys.executable, "-m"]:
            return super()._begin()
        module, *words = map(str, self.command[2:])
        libraries = WORKING if words[:1] == ["worker"] else SERVING
        return forks(*libraries, *READ).start(
            module, words, env=self.env, cwd=self.cwd, out=self.log, death_signal=self.death_signal
        )


def run_command(
    service: str, *words: str, env: Mapping[str, str], told: str | bytes = ""
) -> subprocess.CompletedProcess[str]:
    """What `python -m services.SERVICE WORDS` says to who runs it and tells it `told`. `env` is
    its whole environment. Raises subprocess.TimeoutExpired after five minutes."""
    with TemporaryDirectory() as folder:
        told_in, out, errors = (Path(folder) / name for name in ("told", "out", "errors"))
        told_in.write_bytes(told if isinstance(told, bytes) else told.encode())
        ran = forks(*SERVING, *READ).start(
            f"services.{service}", [*words], env=env, cwd=ROOT, told=told_in, out=out, errors=errors
        )
        code = ran.wait(300)
        return subprocess.CompletedProcess(words, code, out.read_text(), errors.read_text())
