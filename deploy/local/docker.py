"""The containers' way of running the system, through `docker compose`."""

import os
import shutil
import subprocess

from deploy.local.environment import ROOT
from deploy.local.process import Failed

PATIENCE = 10  # seconds for an engine to say that it is there
OF_PROJECT = "com.docker.compose.project"  # the label that Compose gives what it makes


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


def made(project: str) -> bool:
    """Whether a project of this name has containers, running or not."""
    return bool(_said("ps", "--all", "--quiet", "--filter", f"label={OF_PROJECT}={project}"))


def is_production() -> bool:
    """Whether what docker-compose.yml and the file `.env` describe is no demonstration, or may be
    none: who cannot tell takes it for one that people rely on."""
    told = _said("compose", "config")
    return told is None or "LAPOR_ENV: production\n" in told


def _quiet(*words: str) -> bool:
    return _said(*words) is not None


def _said(*words: str) -> str | None:
    """What `docker WORDS` printed; None if it failed."""
    try:
        run = subprocess.run(
            ["docker", *words],  # noqa: S607
            capture_output=True, text=True, timeout=PATIENCE, check=False, cwd=ROOT,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return run.stdout if run.returncode == 0 else None
