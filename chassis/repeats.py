"""What happens again and again is written down by the piece only so often, and counted beyond: who
does a thing by the thousand fills no disk.

Of one kind, `MOST` in a minute have a record of their own. How many more there were comes out with
the first of any kind after that minute; who ends in it, or hears of no other, loses that number.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from threading import Lock
from typing import Generic, TypeVar

MOST = 10
Kind = TypeVar("Kind")


class Repeats(Generic[Kind]):
    """How often each kind came in the minute that runs; of any thread."""

    def __init__(self) -> None:
        self._minute: datetime | None = None
        self._counted: Counter[Kind] = Counter()
        self._lock = Lock()

    def count(self, kind: Kind, at: datetime) -> tuple[bool, list[tuple[Kind, int]]]:
        """Whether this one has a record of its own; and how many had none in a minute before."""
        minute = at.replace(second=0, microsecond=0)
        more: list[tuple[Kind, int]] = []
        with self._lock:
            if minute != self._minute:
                more = [(k, n - MOST) for k, n in self._counted.items() if n > MOST]
                self._minute, self._counted = minute, Counter()
            self._counted[kind] += 1
            return self._counted[kind] <= MOST, more
