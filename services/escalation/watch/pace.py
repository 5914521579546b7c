"""Whether this machine's clock goes on as time does: one that jumped ahead makes due what is not.

The clock is held against the time since the machine was started, which nobody can set. A process
that has just started knows only the real time of the breaker's last look.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from services.escalation.models import Breaker

# A clock that was put right goes further by less; one that took local time for UTC, by seven hours.
FURTHER = timedelta(hours=2)
# No worker is away for longer, over whatever holidays.
AWAY = timedelta(days=14)


def uptime() -> timedelta:
    """Since the machine was started, its sleep counted too."""
    return timedelta(seconds=time.clock_gettime(time.CLOCK_BOOTTIME))


class _Look(NamedTuple):
    real: datetime
    uptime: timedelta
    released: datetime | None


class Pace:
    """What a process remembers of the last look at which its clock was right."""

    def __init__(self, uptime: Callable[[], timedelta] = uptime) -> None:
        self._uptime = uptime
        self._last: _Look | None = None

    def jumped(self, row: Breaker, real: datetime, *, sure: bool) -> bool:
        """Whether the clock is ahead by a jump that nobody has released. One that was put back is
        right again, if this process saw it jump. `sure`: the database's clock agrees; else this
        look is not remembered, or a clock that was behind would jump when it is put right."""
        look, last = _Look(real, self._uptime(), row.released_through), self._last
        if last is not None and last.released == look.released:
            jumped = (look.real - last.real) - (look.uptime - last.uptime) > FURTHER
        else:
            away = row.looked_at is not None and real - row.looked_at > AWAY
            jumped = row.reason == "clock_jump" or away
        if sure and not jumped:
            self._last = look
        return jumped
