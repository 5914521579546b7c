"""Named places where a test may make a process die, fail or hang. Elsewhere they do nothing.

`FAILPOINTS="relay.after_publish=kill;inbox.before_commit=raise:2"` - an action, and how many times
it happens (default: always). The configuration refuses them in production. Every name that stands
in the code needs a crash test; a guard test says which has none.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

_armed: dict[str, tuple[str, float]] = {}


class Failed(RuntimeError):
    """Raised by a failpoint that a test armed with `raise`."""


def arm(specification: str) -> None:
    """Reads `name=action[:times]` pairs parted by `;`. Raises ValueError for an unknown action."""
    for entry in filter(None, specification.split(";")):
        name, _, action = entry.partition("=")
        action, _, times = action.partition(":")
        if action not in _ACTIONS:
            raise ValueError(f"failpoint {name}: unknown action {action}")
        _armed[name] = (action, float(times or "inf"))


def failpoint(name: str) -> None:
    """Does what the test armed this name with; nothing in any other run."""
    if not _armed or name not in _armed:
        return
    action, times = _armed[name]
    if times < 1:
        return
    _armed[name] = (action, times - 1)
    _ACTIONS[action](name)


def _kill(name: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _raise(name: str) -> None:
    raise Failed(name)


def _sleep(name: str) -> None:
    signal.sigtimedwait((), 70)  # the whole process, as computing would: no other green thread runs


_ACTIONS: dict[str, Callable[[str], None]] = {"kill": _kill, "raise": _raise, "sleep": _sleep}
