"""What tests that break a whole system hold, read and fill: locks, measures, answers, disks."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg2

from deploy import secrets
from deploy.local.plain import PLAIN
from deploy.local.system import System
from tests.harness.programs import run_command
from tests.harness.waiting import eventually
from tests.harness.workload import REPORT


def ask(system: System, path: str = "/reports", body: Any = REPORT, **headers: str) -> Any:
    """The gateway's answer to one request of a client that does not insist."""
    headers.setdefault("Idempotency-Key", str(uuid4()))
    url = f"{system.url}/api/v1{path}"
    return httpx.post(url, json=body, headers=headers, timeout=30, trust_env=False, verify=PLAIN)


def measures(system: System, process: str) -> dict[str, float]:
    """Everything that a process measures, by series: `lapor_inbox_parked{service="intake"}`."""
    port = system.scrape_targets()[process]
    url = f"http://127.0.0.1:{port}/metrics"
    text = httpx.get(url, timeout=10, trust_env=False, verify=PLAIN).text
    found = re.findall(r"^([a-z_]+(?:\{[^}]*\})?) (\S+)$", text, re.MULTILINE)
    return {series: float(value) for series, value in found}


def measured(system: System, service: str, name: str) -> float:
    """One measure of a service's worker that is labelled by its service only."""
    return measures(system, f"{service}-worker")[f'{name}{{service="{service}"}}']


def has_said(system: System, process: str, what: str, since: datetime) -> bool:
    """Whether a process has logged this event since a moment."""
    lines = system.process(process).log.read_text().splitlines()
    said = [json.loads(line) for line in lines if f'"{what}"' in line]
    return any(datetime.fromisoformat(line["timestamp"]) > since for line in said)


def hear(
    system: System, services: Iterable[str], what: str, since: float, at: datetime, within: float
) -> dict[str, float]:
    """After how many seconds each service's worker had said this, since a moment that is told by
    the steady clock and by the wall's; fails when one has not `within` so many."""
    noticed = {}
    for service in services:
        said = partial(has_said, system, f"{service}-worker", what, at)
        eventually(said, f"{service} says {what}", within - (time.monotonic() - since))
        noticed[service] = round(time.monotonic() - since, 1)
    return noticed


def problem(answer: httpx.Response) -> int:
    """The status of an answer that refuses; fails unless it has the shape that all refusals have
    and shows nothing of the inside."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = answer.json()
    assert {"type", "title", "status", "code", "instance"} <= set(body), body
    assert body["status"] == answer.status_code
    assert not re.search(r"psycopg|sqlalchemy|Traceback|SELECT|INSERT|\.py", answer.text)
    if answer.status_code in (429, 503):
        assert int(answer.headers["Retry-After"]) >= 1, answer.headers
    return answer.status_code


def arm(system: System, process: str, **environment: str) -> None:
    """Starts a process anew, to die at a point; not waited for, since it may die on its way up."""
    doomed = system.process(process)
    doomed.stop()
    doomed.env |= environment
    doomed.start()


def command(system: System, service: str, *words: str) -> str:
    """What `python -m services.SERVICE WORDS` says, as an operator would run it."""
    env = system.process(f"{service}-worker").env | {"FAILPOINTS": ""}
    ran = run_command(service, *words, env=env)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@contextmanager
def client_of(system: System, service: str) -> Iterator[Any]:
    """A cursor in an open transaction of a strange client, who has the service's password and
    none of its limits; rolled back at the end unless it committed."""
    password = secrets.read(system.secrets_folder, secrets.DATABASE.format(service))
    connection = psycopg2.connect(
        host="127.0.0.1", port=system.postgres.port, dbname=service, user=service,
        password=password, connect_timeout=5,
    )  # fmt: skip
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        with suppress(psycopg2.Error):
            connection.close()


def waiting_for_locks(system: System, service: str) -> list[str]:
    """The statements that wait for a lock in a service's database."""
    asked = (
        "SELECT query FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
        " ORDER BY query_start"
    )
    return [query for (query,) in system.psql(service, asked, [service])]


def timed(ask: Any) -> tuple[float, Any]:
    """Seconds, and what came."""
    started = time.monotonic()
    answer = ask()
    return time.monotonic() - started, answer


class Disk:
    """A small disk that holds what stood in `folder`, and can be filled and freed."""

    def __init__(self, folder: Path, *, spare: int) -> None:
        """With `spare` megabytes beyond what is there."""
        self.folder, self._ballast = folder, folder / "ballast"
        used = sum(f.stat().st_blocks * 512 for f in folder.rglob("*") if f.is_file())
        self._size = used + spare * 1024 * 1024

    def mount(self) -> None:
        """Moves the folder's content onto the disk; whoever uses it must be stopped."""
        owner = self.folder.stat()
        aside = self.folder.with_name(f"{self.folder.name}.aside")
        self.folder.rename(aside)
        self.folder.mkdir()
        options = f"size={self._size},mode=700,uid={owner.st_uid},gid={owner.st_gid}"
        _run("mount", "-t", "tmpfs", "-o", options, "tmpfs", self.folder)
        _run("cp", "-a", f"{aside}/.", self.folder)
        shutil.rmtree(aside)

    def unmount(self) -> None:
        """Moves it back."""
        aside = self.folder.with_name(f"{self.folder.name}.aside")
        self.free()
        _run("cp", "-a", self.folder, aside)
        eventually(self._is_let_go, f"nobody uses {self.folder} any more")
        self.folder.rmdir()
        aside.rename(self.folder)

    def _is_let_go(self) -> bool:
        """Takes the disk away, unless somebody who was just killed is not gone yet."""
        umount = [str(shutil.which("umount")), str(self.folder)]
        return subprocess.run(umount, check=False).returncode == 0

    def fill(self) -> None:
        """Leaves not one byte."""
        with self._ballast.open("ab", buffering=0) as ballast, suppress(OSError):
            while True:
                ballast.write(bytes(4096))

    def free(self) -> None:
        """Gives the space back."""
        self._ballast.unlink(missing_ok=True)


def _run(program: str, *words: object) -> None:
    subprocess.run([str(shutil.which(program)), *map(str, words)], check=True)
