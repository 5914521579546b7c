"""`./lapor test`: every check of the project, each told as it goes, the exit code honest."""

import os
import subprocess
import sys
import time
from pathlib import Path
from signal import SIGTERM

from deploy.local.environment import ROOT
from deploy.local.process import leashed

PROGRAMS = Path(sys.executable).parent
EVERYDAY = "not slow and not fault"
WITHOUT = {"--all": "", "--faults": "not slow"}
SIDE_BY_SIDE = "not slow and not alone and not patient"
PAIRED = "not slow and not alone and patient"
PROCESSES = 4  # at most; each has a broker and a database server of its own
SLOWEST = ("--durations=30", "--durations-min=5")  # told at the end: where to look for time
WAITING = 4  # also on two cores: each waits for most of its time


def run(arguments: list[str]) -> int:
    """Runs linter, types, import rules and tests; with arguments only pytest, which gets them.

    `--faults` includes what breaks whole systems, `--all` the slow tests too. Answers with 0 only
    if everything passed.
    """
    left_out = next((WITHOUT[word] for word in WITHOUT if word in arguments), EVERYDAY)
    words = [word for word in arguments if word not in WITHOUT]
    if words:
        chosen = [] if not left_out or "-m" in words else ["-m", left_out]
        steps = [("pytest", pytest(*chosen, *words))]
    else:
        steps = [*static(), *tests(left_out)]
    failed = [name for name, command in steps if not _passes(name, command)]
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    return 1 if failed else 0


def tests(left_out: str) -> list[tuple[str, list[str]]]:
    """Most tests on all cores, in two processes more than there are cores: half of their time they
    wait. Then those that mostly wait, more at a time; then those that measure time and the slow
    ones, with nothing beside them. What is not left out is in one of these."""
    chosen, cores = f" and {left_out}" if left_out else "", os.cpu_count() or 1
    steps = [("tests side by side", in_order(cores + 2, SIDE_BY_SIDE + chosen))]
    rest = f"not ({SIDE_BY_SIDE})"
    if left_out != EVERYDAY:  # there, all that waits for long is left out
        steps.append(("tests that wait", together(WAITING, PAIRED + chosen)))
        rest += f" and not ({PAIRED})"
    return [*steps, ("tests alone", pytest(*SLOWEST, "-m", rest + chosen))]


def in_order(processes: int, marked: str) -> list[str]:
    """As `together`, in the order of the files: the slow ones come first."""
    return [*together(processes, marked), "--no-loadscope-reorder"]


def together(processes: int, marked: str) -> list[str]:
    """Pytest in so many processes, a file in one of them, those with the most tests first."""
    spread = ("-n", str(min(PROCESSES, processes)), "--dist", "loadfile")
    return pytest(*SLOWEST, *spread, "-m", marked)


def pytest(*words: str) -> list[str]:
    """Pytest as this environment has it."""
    return [sys.executable, "-m", "pytest", *words]


def static() -> list[tuple[str, list[str]]]:
    """The checks that run nothing of the project."""
    return [
        ("ruff", [str(PROGRAMS / "ruff"), "check"]),
        ("ruff's format", [str(PROGRAMS / "ruff"), "format", "--check", "--quiet"]),
        ("mypy", [str(PROGRAMS / "mypy")]),
        ("import rules", [str(PROGRAMS / "lint-imports")]),
    ]


def _passes(name: str, command: list[str]) -> bool:
    print(f"== {name}", flush=True)
    started = time.monotonic()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}  # lint-imports looks nowhere else
    bound = leashed(command, SIGTERM)  # so that a killed `./lapor test` does not test on
    code = subprocess.run(bound, cwd=ROOT, env=environment, check=False).returncode
    print(f"== {name}: {'ok' if code == 0 else 'FAILED'} ({time.monotonic() - started:.1f} s)")
    return code == 0
