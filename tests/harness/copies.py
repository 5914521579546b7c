"""A process that runs from a copy of the source with a mistake in it: what a test must catch."""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from deploy.local.environment import ROOT
from deploy.local.plain import PLAIN
from deploy.local.system import System
from tests.harness.waiting import eventually

Edit = tuple[str, str, str]  # the file, what stands there, and what is written instead


@contextmanager
def mistaken(system: System, process: str, folder: Path, edits: Iterable[Edit]) -> Iterator[None]:
    """Runs the process from a copy in `folder` while the block runs, then as it was."""
    move(system, process, copied(folder, edits))
    try:
        yield
    finally:
        move(system, process, ROOT)


def copied(folder: Path, edits: Iterable[Edit]) -> Path:
    """The folder, with a copy of the source that has the mistake in it."""
    for part in ("chassis", "contracts", "services", "data"):
        ignored = shutil.ignore_patterns("*.pyc", "__pycache__")
        shutil.copytree(ROOT / part, folder / part, ignore=ignored)
    for name, old, new in edits:
        source = (folder / name).read_text()
        assert old in source, "the mistake has no place any more"
        (folder / name).write_text(source.replace(old, new))
    return folder


def move(system: System, process: str, where: Path) -> None:
    """From now on it runs from there."""
    system.process(process).cwd = where
    system.restart(process)
    if process.endswith("-api"):  # the gateway looks every two seconds whether it is back
        url = f"{system.url}/api/v1/reports"
        eventually(
            lambda: httpx.get(url, verify=PLAIN, trust_env=False).status_code != 503, process
        )
