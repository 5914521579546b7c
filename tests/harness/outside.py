"""The reference client of the Ombudsman, run as its people run it: a process of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from deploy.local.environment import ROOT
from tests.harness.forking import forks

LIBRARIES = ("httpx", "joserfc.jwe", "joserfc.jwk", "joserfc.registry", "rfc8785", "argparse")
PATIENCE = 120  # seconds
PROGRAM = ROOT / "tools" / "ombudsman-client" / "client.py"


class Outside:
    """One Ombudsman's office with its folder and the keys that it was given. The program is started
    by `under`, if that is any. The regency goes by a test's clock, the office by the machine's."""

    under: tuple[str, ...] = ()
    silent_after = 10**6  # hours

    def __init__(self, folder: Path, url: str, secrets: Path, program: Path = PROGRAM) -> None:
        self.folder, self.program = folder, program
        keys = ("--bearer", secrets / "ombudsman-bearer-key")
        keys += ("--signing-key", secrets / "ombudsman-signing-key.json")
        keys += ("--opening-key", secrets / "ombudsman-private-key.json")
        keys += ("--silent-after", self.silent_after)
        assert self.run("init", "--url", url, *keys) == 0

    def start(self, *words: object) -> subprocess.Popen[str]:
        """The program, running."""
        told = [*self.under, sys.executable, str(self.program), "--state", str(self.folder)]
        told += map(str, words)
        piped = subprocess.PIPE
        return subprocess.Popen(told, stdout=piped, stderr=piped, text=True, env={"TZ": "UTC"})

    def run(self, *words: object) -> int:
        """Runs it to its end; what it printed stays in `said`."""
        if self.under:
            running = self.start(*words)
            out, errors = running.communicate(timeout=PATIENCE)
            self.said = out + errors
            return running.returncode
        with TemporaryDirectory() as folder:
            told, said = ["--state", str(self.folder), *map(str, words)], Path(folder)
            program = forks(*LIBRARIES).start(
                self.program, told, env={"TZ": "UTC"}, out=said / "out", errors=said / "errors"
            )
            code = program.wait(PATIENCE)
            self.said = "".join((said / name).read_text() for name in ("out", "errors"))
        return code

    def pin(self) -> int:
        """Trusts whatever is shown, as after a telephone call that found it right."""
        if self.run("pin"):
            return 1
        shown = [line.split()[1] for line in self.said.splitlines() if line.startswith("NEW  ")]
        return self.run("pin", *shown)

    def read(self, name: str) -> Any:
        """A document of the folder."""
        return json.loads((self.folder / name).read_text())

    def documents(self, folder: str) -> list[Any]:
        """The documents of a part of the folder."""
        return [json.loads(file.read_text()) for file in sorted((self.folder / folder).iterdir())]

    def entries(self, stream: str = "monitoring") -> list[dict[str, Any]]:
        """The entries that it keeps; half a line at the end is none."""
        file = self.folder / f"{stream}.jsonl"
        lines = file.read_text().split("\n")[:-1] if file.exists() else []
        return [json.loads(line) for line in lines]


def waits_for_a_lock(program: subprocess.Popen[str]) -> bool:
    """As the kernel tells it."""
    locks = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return any(words[1] == "->" and str(program.pid) in words for words in locks)


def changed(folder: Path, *edits: tuple[str, str, str]) -> Path:
    """A copy of the program with something written instead of what stands in a file."""
    shutil.copytree(PROGRAM.parent, folder)
    for name, old, new in edits:
        source = (folder / name).read_text()
        assert old in source, "the mistake has no place any more"
        (folder / name).write_text(source.replace(old, new))
    return folder / PROGRAM.name
