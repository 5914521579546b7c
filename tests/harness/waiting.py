"""Waiting for what must come true, with an end; never a fixed sleep."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def eventually(
    look: Callable[[], Found], what: str = "", seconds: float = 15, *, every: float = 0.02
) -> Found:
    """The first true thing that `look` returns; fails, saying what was seen last."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"{what or look} not within {seconds} s; last: {seen!r}"
        time.sleep(every)
