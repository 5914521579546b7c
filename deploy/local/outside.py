"""Outside parties: the Ombudsman's reference client, and whoever is shown a receipt. Each is run as
a program that knows nothing of the system but an address and the keys that it was given."""

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deploy.local.environment import ROOT

PROGRAM = ROOT / "tools" / "ombudsman-client" / "client.py"
VERIFIER = ROOT / "tools" / "verify-receipt" / "verify_receipt.py"
SECONDS = 120


class Failed(Exception):
    """The program did not end well; the text is what it said."""


class Outside:
    """An Ombudsman's office with a folder of its own."""

    def __init__(self, folder: Path, url: str, keys: Mapping[str, Path]) -> None:
        self.folder = folder
        given = [word for name, file in keys.items() for word in (f"--{name}", str(file))]
        # The regency goes by the clock of what is played, the office by the machine's.
        self.run("init", "--url", url, "--silent-after", str(10**6), *given)
        shown = self.run("pin").splitlines()  # a person compares them by telephone
        self.run("pin", *(line.split()[1] for line in shown if line.startswith("NEW  ")))

    def run(self, *words: str) -> str:
        """Runs the program to its end; what it printed. Raises Failed."""
        return _run([PROGRAM, "--state", self.folder, *words])


def verified(receipt: Mapping[str, Any], keys: Mapping[str, Any]) -> str:
    """What the verifier of receipts says first of one, by these keys. Raises Failed."""
    with tempfile.TemporaryDirectory() as folder:
        shown, known = Path(folder) / "receipt.json", Path(folder) / "keys.json"
        shown.write_text(json.dumps(receipt))
        known.write_text(json.dumps(keys))
        return _run([VERIFIER, "--keys", known, shown]).splitlines()[0]


def _run(words: Sequence[object]) -> str:
    """Runs a program to its end; what it printed. Raises Failed."""
    told = [sys.executable, *map(str, words)]
    ran = subprocess.run(
        told, capture_output=True, text=True, env={"TZ": "UTC"}, timeout=SECONDS, check=False
    )
    if ran.returncode:
        said = ran.stdout + ran.stderr
        raise Failed(f"{Path(told[1]).name} ended with {ran.returncode}: {said}")
    return ran.stdout


@contextlib.contextmanager
def office(url: str, keys: Mapping[str, str]) -> Iterator[Outside]:
    """An office that holds these keys; its folder goes with the block."""
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / name for name in keys}
        for name, file in files.items():
            file.write_text(keys[name])
        yield Outside(Path(folder) / "state", url, files)
