"""The Ombudsman as an outside party: its reference client, run as a program that knows nothing of
the system but an address and the keys that it was given."""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from deploy.local.environment import ROOT

PROGRAM = ROOT / "tools" / "ombudsman-client" / "client.py"
SECONDS = 120


class Failed(Exception):
    """The program did not end well; the text is what it said."""


class Outside:
    """An Ombudsman's office with a folder of its own."""

    def __init__(self, folder: Path, url: str, keys: Mapping[str, Path]) -> None:
        self.folder = folder
        given = [word for name, file in keys.items() for word in (f"--{name}", str(file))]
        self.run("init", "--url", url, *given)
        self.run("pin")

    def run(self, *words: str) -> str:
        """Runs the program to its end; what it printed. Raises Failed."""
        told = [sys.executable, str(PROGRAM), "--state", str(self.folder), *words]
        ran = subprocess.run(
            told, capture_output=True, text=True, env={"TZ": "UTC"}, timeout=SECONDS, check=False
        )
        if ran.returncode:
            raise Failed(f"the Ombudsman's client ended with {ran.returncode}: {ran.stderr}")
        return ran.stdout


@contextlib.contextmanager
def office(url: str, keys: Mapping[str, str]) -> Iterator[Outside]:
    """An office that holds these keys; its folder goes with the block."""
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / name for name in keys}
        for name, file in files.items():
            file.write_text(keys[name])
        yield Outside(Path(folder) / "state", url, files)
