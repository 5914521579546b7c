"""Starts what depends on each other in order, each as soon as it may, and brings back what dies.

One thread and one loop: every unit is asked whether it is ready, again and again.
"""

import time
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from deploy.local.process import Failed, Process

TICK = 0.05  # seconds
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds before a dead process is started again
CALM = 60.0  # seconds of running after which its past is forgotten

Say = Callable[[str], None]
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # whatever the machine uses


@dataclass
class Unit:
    """One process: ready when `ready` says so or, for a step, when it has ended well."""

    process: Process
    ready: Callable[[], bool] | None = None
    after: tuple[str, ...] = ()
    patience: float = 60  # seconds to become ready
    then: Callable[[], None] = lambda: None  # runs once, when it is ready
    started_at: float = field(default=0.0, init=False)
    _restarts: int = field(default=0, init=False)
    _again_at: float = field(default=0.0, init=False)

    @property
    def name(self) -> str:
        return self.process.name

    @property
    def is_step(self) -> bool:
        return self.ready is None

    def start(self) -> None:
        self.started_at = time.monotonic()
        self.process.start()

    def is_ready(self) -> bool:
        """Whether those that wait for it may start; Failed when it never will be."""
        runs = self.process.running  # asked first: it may end between two questions
        if self.is_step and self.process.exit_code == 0:
            return True
        if not runs:
            raise Failed(
                f"{self.name} ended with code {self.process.exit_code}:\n{self.process.tail()}"
            )
        if self.ready and self.ready():
            return True
        if time.monotonic() - self.started_at > self.patience:
            late = f"{self.name} was not ready in {self.patience:.0f} s"
            raise Failed(f"{late}: see {self.process.log}\n{self.process.tail(5)}")
        return False

    def tend(self, say: Say) -> None:
        """Starts it again when it died, after a pause that doubles while it keeps dying."""
        now = time.monotonic()
        if self.is_step or self.process.running:
            if self._restarts and now - self.started_at > CALM:
                self._restarts = 0
            return
        if not self._again_at:
            pause = min(FIRST_PAUSE * 2**self._restarts, LONGEST_PAUSE)
            self._again_at, self._restarts = now + pause, self._restarts + 1
            code = self.process.exit_code
            say(f"{self.name} ended with code {code}; starting it again in {pause:.1f} s")
        elif now >= self._again_at:
            self._again_at = 0.0
            self.start()


def bring_up(units: Iterable[Unit], say: Say = lambda _: None, also: Iterable[str] = ()) -> None:
    """Returns when all are ready; Failed if one is not. `also` names what is ready already."""
    waiting, starting, ready = list(units), list[Unit](), set(also)
    known = ready | {unit.name for unit in waiting}
    if unknown := {name for unit in waiting for name in unit.after} - known:
        raise Failed(f"nothing is called {', '.join(sorted(unknown))}")
    while waiting or starting:
        for unit in [unit for unit in waiting if ready.issuperset(unit.after)]:
            waiting.remove(unit)
            starting.append(unit)
            unit.start()
        for unit in [unit for unit in starting if unit.is_ready()]:
            starting.remove(unit)
            ready.add(unit.name)
            unit.then()
            say(f"{unit.name} is ready after {time.monotonic() - unit.started_at:.1f} s")
        time.sleep(TICK)


def stop(processes: Iterable[Process]) -> None:
    """Stops all at once: asks every one first, then waits for each."""
    chosen = list(processes)
    for process in chosen:
        process.signal(process.stop_signal)
    for process in chosen:
        process.stop()


def http_ready(port: int, path: str = "/health/ready") -> Callable[[], bool]:
    """A check that a page on 127.0.0.1 answers with success."""

    def check() -> bool:
        try:
            with DIRECT.open(f"http://127.0.0.1:{port}{path}", timeout=1) as answer:
                return int(answer.status) == 200
        except OSError:
            return False

    return check
