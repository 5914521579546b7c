"""When this machine ran nothing at all: a pause of its own that nobody may blame the system for.

A machine that is only busy still wakes who has slept: what is slow there, is slow.
"""

import sys
from pathlib import Path
from signal import Signals
from typing import Self

from deploy.local.process import Process
from tests.harness.waiting import eventually

# Says when it woke, and how much later than it meant to; the first line says that it is there.
SLEEPER = """
import time
woken = time.monotonic()
print(woken, 0.0, flush=True)  # who stops it from here on is measured
while True:
    before = woken
    time.sleep(0.02)
    woken = time.monotonic()
    late = woken - before - 0.02
    if late > 0.1:
        print(woken, late, flush=True)
"""


class Stalls:
    """A process that sleeps, a little at a time, while the block runs, and is woken late when
    nothing runs."""

    def __init__(self, folder: Path) -> None:
        log = folder / "stalls.log"
        log.unlink(missing_ok=True)
        self._sleeper = Process("sleeper", [sys.executable, "-ISc", SLEEPER], log=log)

    def __enter__(self) -> Self:
        self._sleeper.start()
        eventually(self._told, "the sleeper sleeps")
        return self

    def __exit__(self, *_: object) -> None:
        self._sleeper.stop()

    def during(self, began: float, ended: float) -> float:
        """For how many seconds nothing ran between two moments of the monotonic clock."""
        pauses = [(woken - late, woken) for woken, late in self._told()]
        return sum(max(0.0, min(ended, end) - max(began, start)) for start, end in pauses)

    def ran(self, began: float, ended: float) -> float:
        """For how many seconds the machine ran between them: what may be blamed on the system."""
        return ended - began - self.during(began, ended)

    def signal(self, number: Signals) -> None:
        """Sends the sleeper a signal: stopped, it takes the machine for stalled."""
        self._sleeper.signal(number)

    def _told(self) -> list[tuple[float, float]]:
        lines = self._sleeper.log.read_text().splitlines() if self._sleeper.log.exists() else []
        return [(float(woken), float(late)) for woken, late in map(str.split, lines)]
