"""A whole running system for tests, and words to wait with."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from deploy.local.scenario import Stage
from deploy.local.system import System


@contextmanager
def running(folder: Path, cache: Path, **options: Any) -> Iterator[System]:
    """A system with empty databases, seeded; its processes end with the block."""
    with System(folder, env="test", cache=cache, **options) as system:
        yield system


def stage(system: System) -> Stage:
    """The system as its people see it, for `deploy.local.scenario`."""
    return Stage(
        system.url, system.passwords, system.mails, system.clock.move, system.ombudsman_key,
        system.ombudsman_keys,
    )  # fmt: skip


def client(system: System, **headers: str) -> httpx.Client:
    """Speaks to the system's gateway."""
    return httpx.Client(base_url=f"{system.url}/api", headers=headers, timeout=20, trust_env=False)
