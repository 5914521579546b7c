"""The only place that reads the time.

`Clock(path)` adds the seconds that stand in the file at `path`, so that a demonstration can move
its days; the configuration refuses such a file in production (`chassis.config`).
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path


class Clock:
    """Tells the time, always aware and in UTC."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path

    def now(self) -> datetime:
        """The time that the rules go by."""
        return self.real() + self.offset()

    def real(self) -> datetime:
        """The machine's own time, never moved: for comparing with another machine's clock."""
        return datetime.now(UTC)

    def offset(self) -> timedelta:
        """How far this run's clock was moved. A missing or empty file means: not at all."""
        if self._path is not None:
            with contextlib.suppress(FileNotFoundError, ValueError, OverflowError):
                return timedelta(seconds=float(self._path.read_text()))
        return timedelta()
