"""Waiting for what must come true, with an end; never a fixed sleep."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def eventually(
    look: Callable[[], Found],
    what: str = "",
    seconds: float = 15,
    *,
    every: float = 0.02,
    since: float | None = None,
) -> Found:
    """The first true thing that `look` returns; fails, saying what was seen last. Of a promise that
    runs `since` a moment of the steady clock, a look that begins too late sees nothing."""
    deadline = (time.monotonic() if since is None else since) + seconds
    while True:
        late = since is not None and time.monotonic() >= deadline
        seen = look()
        if seen and not late:
            return seen
        assert time.monotonic() < deadline, f"{what or look} not within {seconds} s; last: {seen!r}"
        time.sleep(every)
