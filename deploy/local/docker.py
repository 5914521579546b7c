"""The containers' way of running the system, through `docker compose`."""

import os
import shutil
import subprocess

from deploy.local.environment import ROOT
from deploy.local.process import Failed

PATIENCE = 10  # seconds for an engine to say that it is there


def answers() -> bool:
    """Whether a Docker engine with Compose can be used from here."""
    if not shutil.which("docker"):
        return False
    return _quiet("info") and _quiet("compose", "version")


def compose(*words: str, environment: dict[str, str] | None = None) -> None:
    """Runs `docker compose WORDS` on the screen; Failed when it does."""
    told = {**os.environ, **(environment or {})}
    command = ["docker", "compose", *words]
    if subprocess.run(command, cwd=ROOT, env=told, check=False).returncode:
        raise Failed(
            f"`{' '.join(command)}` failed.\n"
            "Its last words are above. `./lapor up --mode local` runs without containers."
        )


def _quiet(*words: str) -> bool:
    try:
        run = subprocess.run(
            ["docker", *words],  # noqa: S607
            capture_output=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return False
    return run.returncode == 0
