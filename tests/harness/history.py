"""What clients did and what they were told, as JSON lines; the checker reads nothing else of them.

Each try of a request is an `invoke`, then one of `ok` (done), `fail` (refused: it had no effect)
or `unknown` (no answer, or that of somebody who could not know: it may have had its effect).
"""

import json
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock


@dataclass(frozen=True)
class Line:
    """One line. `at` is of the monotonic clock; `number` is the report's, once it is known."""

    kind: str
    client: str
    operation: str
    key: str
    at: float
    number: str = ""
    status: int = 0


class History:
    """Writes lines into a file; many threads may."""

    def __init__(self, file: Path) -> None:
        self.file, self._lock = file, Lock()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()

    def say(
        self, kind: str, client: str, operation: str, key: str, number: str = "", status: int = 0
    ) -> None:
        with self._lock, self.file.open("a") as out:
            line = Line(kind, client, operation, key, time.monotonic(), number, status)
            out.write(json.dumps(asdict(line)) + "\n")

    def lines(self) -> list[Line]:
        with self._lock:
            return read(self.file)


def read(file: Path) -> list[Line]:
    """Every line of a history, oldest first."""
    return [Line(**json.loads(line)) for line in file.read_text().splitlines()]


@dataclass(frozen=True)
class Call:
    """All tries with one key: `ok` if any was, else `unknown` if any is, else `fail`."""

    operation: str
    key: str
    number: str
    outcome: str
    began: float
    ended: float
    tries: int


def calls(lines: Iterable[Line]) -> list[Call]:
    """The calls of a history, in the order in which they ended."""
    by_key: dict[tuple[str, str], list[Line]] = defaultdict(list)
    for line in lines:
        by_key[line.operation, line.key].append(line)
    return sorted((_call(tries) for tries in by_key.values()), key=lambda call: call.ended)


def _call(lines: list[Line]) -> Call:
    first, kinds = lines[0], [line.kind for line in lines]
    told = next((line for line in lines if line.kind == "ok"), lines[-1])
    open_ones = kinds.count("invoke") * 2 > len(kinds)  # a try without its end
    outcome = "ok" if "ok" in kinds else "unknown" if open_ones or "unknown" in kinds else "fail"
    number = next((line.number for line in lines if line.number), "")
    tries = kinds.count("invoke")
    return Call(first.operation, first.key, number, outcome, first.at, told.at, tries)
