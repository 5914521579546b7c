"""How long it takes to find an entry of the Ombudsman's feed that was changed near its end: for the
tool that shares no code with us, and for our own command; and to read all of it as the client does.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bench.feed import fill
from deploy.local import outside
from deploy.local.environment import ROOT
from deploy.local.system import System

TOOL = ROOT / "tools" / "verify-feed" / "verify_feed.py"
BEFORE_END = 10  # how far from the end the entry is that was changed
END = "SELECT position FROM feed_stream WHERE stream = 'monitoring'"
GUARD = "ALTER TABLE feed_entry {} TRIGGER append_only"
CYCLE = (
    "UPDATE feed_entry SET entry = jsonb_set(entry, '{{data,cycle}}', '{}')"
    " WHERE stream = 'monitoring' AND position = {}"
)


def run(system: System, count: int) -> list[str]:
    """Markdown lines."""
    fill(system, count)
    with tempfile.TemporaryDirectory() as folder:
        proof = Proof(system, Path(folder))
        proof.measure()
    return [
        "| what | seconds |",
        "|---|---|",
        *(f"| {what} | {seconds:.1f} |" for what, seconds in proof.took.items()),
        "",
        f"{proof.end:,} entries; changed is the one {BEFORE_END} before the end. Each names it.",
    ]


class Proof:
    """The checks, one after the other. Each must say what it should."""

    def __init__(self, system: System, folder: Path) -> None:
        self._system, self._folder, self.took = system, folder, dict[str, float]()
        [(self.end,)] = system.psql("escalation", END)
        self._place = self.end - BEFORE_END
        self._url = f"http://127.0.0.1:{system.ports['escalation'][0]}"

    def measure(self) -> None:
        """All of them."""
        saved, edited = self._folder / "saved.jsonl", self._folder / "edited.jsonl"
        (self._folder / "bearer").write_text(self._system.ombudsman_key)
        (self._folder / "keys").write_bytes(httpx.get(f"{self._url}/v1/ombudsman/keys").content)
        asked = ("--url", self._url, "--bearer", self._folder / "bearer", "--save", saved)
        holds, broken = f"{self.end} entries hold", f"broken at {self._place} (hash)"

        self._time("the tool, over HTTP, all holds", lambda: self._tool(*asked), holds)
        self._edit(saved, edited)
        self._time("the tool, from a file, all holds", lambda: self._tool(saved), holds)
        self._time("the tool, from a file, one entry changed", lambda: self._tool(edited), broken)
        self._time("`verify-feed`, all holds", self._command, holds)
        with self._changed():
            self._time("`verify-feed`, one row changed", self._command, broken)
        keys = {"bearer": self._system.ombudsman_key, **self._system.ombudsman_keys}
        with outside.office(self._url, keys) as office:
            last = f"monitoring {self.end} "
            self._time("the client, all of it", lambda: office.run("follow", "--once"), last)

    def _time(self, what: str, check: Callable[[], str], says: str) -> None:
        began = time.monotonic()
        said = check()
        self.took[what] = time.monotonic() - began
        print(f"  {what}: {self.took[what]:.1f} s", flush=True)
        if says not in said:
            raise AssertionError(f"{what}: {said[-500:]}")

    def _tool(self, *words: object) -> str:
        return self._run(str(TOOL), "--keys", str(self._folder / "keys"), *map(str, words))

    def _command(self) -> str:
        return self._run("-m", "services.escalation", "verify-feed")

    def _run(self, *words: str) -> str:
        environment = self._system.process("escalation-worker").env
        ran = subprocess.run(
            [sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        return ran.stdout + ran.stderr

    def _edit(self, saved: Path, edited: Path) -> None:
        lines = saved.read_text().splitlines(keepends=True)
        entry = json.loads(lines[self._place - 1])
        entry["data"]["cycle"] = 2
        lines[self._place - 1] = json.dumps(entry) + "\n"
        edited.write_text("".join(lines))

    @contextmanager
    def _changed(self) -> Iterator[None]:
        """Somebody who may do everything in the database has changed one row."""
        for statement in (GUARD.format("DISABLE"), CYCLE.format(2, self._place)):
            self._system.psql("escalation", statement)
        yield
        for statement in (CYCLE.format(1, self._place), GUARD.format("ENABLE")):
            self._system.psql("escalation", statement)
