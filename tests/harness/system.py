"""A whole running system for tests, which begins with a copy of what one has prepared."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache as once
from pathlib import Path
from typing import Any

import httpx

from deploy.local.plain import PLAIN
from deploy.local.scenario import Stage
from deploy.local.system import System
from tests.harness import sessions
from tests.harness.programs import Forked


class Observed(System):
    """A system whose databases are looked into again and again."""

    def psql(
        self, service: str, sql: str, parameters: Sequence[object] | None = None
    ) -> list[tuple[Any, ...]]:
        """Rows of one statement in a service's database, as administrator."""
        return sessions.ask(self.postgres, service, sql, parameters)


@contextmanager
def running(folder: Path, cache: Path, **options: Any) -> Iterator[System]:
    """A system with empty databases, seeded; its processes end with the block."""
    with begun(folder, cache, **options) as system:
        yield system


def begun(folder: Path, cache: Path, **options: Any) -> System:
    """A system that is still to be started, in a folder beside others of this run. They have the
    same secrets and seeds, made once; where processes are told more, seeding is told it too. Its
    programs are forked, unless `program=Process`: then they show what they were told."""
    told = {"program": Forked, **options}
    if "extra" in options:
        return Observed(folder, env="test", cache=cache, **told)
    model = _prepared(folder.parent / "prepared", cache)
    folder.mkdir(parents=True, exist_ok=True, mode=0o711)
    for part in ("secrets", "postgres"):
        _copy(model / part, folder / part)
    return Observed(folder, env="test", cache=cache, prepared=True, **told)


@once
def _prepared(folder: Path, cache: Path) -> Path:
    System(folder, env="test", cache=cache, program=Forked).prepare()
    return folder


def _copy(what: Path, to: Path) -> None:
    """With its owner: the server's data may be somebody else's."""
    subprocess.run([str(shutil.which("cp")), "-a", what, to], check=True)


def stage(system: System) -> Stage:
    """The system as its people see it, for `deploy.local.scenario`."""
    return Stage(
        system.url, system.passwords, system.mails, system.clock.move, system.ombudsman_key,
        system.ombudsman_keys,
    )  # fmt: skip


def client(system: System, **headers: str) -> httpx.Client:
    """Speaks to the system's gateway."""
    at = f"{system.url}/api"
    return httpx.Client(base_url=at, headers=headers, timeout=20, trust_env=False, verify=PLAIN)
