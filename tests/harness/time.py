"""The one true fake: the clock that processes read (`CLOCK_FILE`)."""

from datetime import UTC, datetime, timedelta
from pathlib import Path


class MovedClock:
    """Moves the time forward (or back) for every process that was told this file."""

    def __init__(self, file: Path | None) -> None:
        assert file is not None
        self._file, self._offset = file, timedelta()

    def move(self, by: timedelta) -> datetime:
        """Moves on, and returns what time it is now."""
        return self.set(self._offset + by)

    def set(self, offset: timedelta) -> datetime:
        """Sets the whole offset from the machine's time."""
        self._offset = offset
        fresh = self._file.with_suffix(".new")
        fresh.write_text(str(offset.total_seconds()))
        fresh.rename(self._file)
        return datetime.now(UTC) + offset

    def reset(self) -> None:
        """Back to the machine's time."""
        self._offset = timedelta()
        self._file.unlink(missing_ok=True)
