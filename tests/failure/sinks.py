"""Every place where something of a reporter could end up, by name: `database/notify/message`.

Names are stable, so that a canary can say where it may be: `files/...` (all that the system keeps,
logs among it), `database/...`, `tap/...`, `metrics/...`, `mails/...`, `feed/...`, `processes/...`,
`commands/...`, `prometheus/...`, `pokes/...`, `broker/...`.
"""

import io
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from email import message_from_bytes
from email.message import Message
from email.policy import default
from pathlib import Path

import httpx
import psutil
import pypdf

from deploy.local.environment import ROOT
from deploy.local.postgres import program
from deploy.local.prometheus import Prometheus
from deploy.local.system import System
from tests.failure.canaries import Sink
from tests.harness.waiting import eventually
from tests.harness.wiretap import Caught
from tests.service.escalation.receiver import Receiver

COMMANDS = (
    "notify parked list", "routing parked list", "intake parked list", "escalation parked list",
    "notify rewrap", "escalation verify-feed", "routing openapi", "intake seed", "routing seed",
    "notify parked show 00000000-0000-0000-0000-000000000000",
    "intake replay --since 2100-01-01T00:00:00Z", "intake recount", "routing say-desks",
)  # fmt: skip


def of_system(system: System) -> Iterator[Sink]:
    """All that can be read of a running system without asking its API."""
    yield from files(system)
    yield from databases(system)
    yield from metrics(system)
    yield from mails(system)
    yield from feed(system)
    yield from processes(system)


def files(system: System) -> Iterator[Sink]:
    """Every file but the mails: logs, state, what is kept for a while, broker and database."""
    lent = system.folder / "postgres" / "elsewhere"
    home = Path(lent.read_text()) if lent.exists() else system.folder / "postgres" / "home"
    data = home / "data" if home.exists() else system.folder / "postgres" / "data"
    folders = _folders(system)
    for root in {system.folder, data}:
        for file in root.rglob("*"):
            if not file.is_file() or file.is_symlink() or system.folder / "mails" in file.parents:
                continue
            if data not in file.parents:
                yield f"files/{file.relative_to(system.folder)}", file
            elif root == data:
                kind, *rest = file.relative_to(data).parts
                if kind == "base":
                    rest = [folders.get(rest[0], rest[0]), *rest[1:]]
                yield "/".join(("files/postgres", kind, *rest)), file


def _folders(system: System) -> dict[str, str]:
    """Which folder of the server's data is whose."""
    return dict(system.postgres.psql("SELECT oid::text, datname FROM pg_database"))


def databases(system: System) -> Iterator[Sink]:
    """Every row of every table as text and as bytes, what the planner keeps of them, and a
    backup."""
    for service in system.services:
        system.psql(service, "ANALYZE")
        tables = system.psql(service, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in tables:
            rows = system.psql(service, f'SELECT t::text FROM "{table}" t')
            yield f"database/{service}/{table}", "\n".join(row for (row,) in rows).encode()
            yield f"database/{service}/{table}", _bytes(system, service, table)
        planner = system.psql(service, "SELECT s::text FROM pg_stats s WHERE schemaname = 'public'")
        yield f"database/{service}/pg_stats", str(planner).encode()
        yield f"database/{service}/backup", _backup(system, service)
    yield from sessions(system)


def sessions(system: System) -> Iterator[Sink]:
    """What the server shows of who is at work, statements included."""
    active = "SELECT coalesce(datname, 'none'), a::text FROM pg_stat_activity a"
    for name, row in system.postgres.psql(active):
        yield f"database/{name}/pg_stat_activity", row.encode()


def _bytes(system: System, service: str, table: str) -> bytes:
    columns = system.psql(
        service,
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_name = %s AND data_type = 'bytea'",
        [table],
    )
    found = b""
    for (column,) in columns:
        for (held,) in system.psql(service, f'SELECT "{column}" FROM "{table}"'):
            found += bytes(held or b"") + b"\n"
    return found


def _backup(system: System, service: str) -> bytes:
    """As it leaves the machine: with comments, defaults and all."""
    dump = program(Path("/nowhere"), "pg_dump")
    command = [dump, "-h", "127.0.0.1", "-p", str(system.postgres.port), "-U", "postgres", service]
    password = (system.folder / "postgres" / "administrator-password").read_text()
    told = {"PATH": os.defpath, "PGPASSWORD": password}
    return subprocess.run(command, env=told, capture_output=True, check=True).stdout


def metrics(system: System) -> Iterator[Sink]:
    """What every process measures."""
    for name, port in system.scrape_targets().items():
        answer = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=15, trust_env=False)
        yield f"metrics/{name}", str(answer.headers).encode() + answer.content


def mails(system: System) -> Iterator[Sink]:
    """Each mail in pieces: its envelope, every header, and its text, raw and read."""
    for file in sorted((system.folder / "mails").glob("*.eml")):
        envelope, _, content = file.read_bytes().partition(b"\n")
        yield "mails/envelope", envelope
        yield from _pieces(content)


def _pieces(content: bytes) -> Iterator[Sink]:
    head, _, text = content.partition(b"\r\n\r\n")
    yield "mails/text", text
    mail: Message = message_from_bytes(content, policy=default)
    for part in mail.walk():
        if isinstance(payload := part.get_payload(decode=True), bytes):
            yield "mails/text", payload
    for name, value in mail.items():
        yield f"mails/header/{name}", str(value).encode("utf-8", "replace")
    for line in head.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ").split(b"\r\n"):
        name, _, _ = line.partition(b":")
        yield f"mails/header/{name.decode('ascii', 'replace')}", line


def feed(system: System) -> Iterator[Sink]:
    """What the Ombudsman reads, both streams, their ends and checkpoints."""
    key = {"Authorization": f"Bearer {system.ombudsman_key}"}
    for stream in ("monitoring", "handovers"):
        for what in ("feed", "checkpoint", "checkpoints", "epochs"):
            url = f"{system.url}/api/v1/ombudsman/{what}?stream={stream}"
            answer = httpx.get(url, headers=key, trust_env=False, timeout=20)
            assert answer.status_code == 200, answer.text
            yield f"feed/{stream}", str(answer.headers).encode() + answer.content
    for (number,) in system.psql("escalation", "SELECT number FROM dossier"):
        for accepted in ("application/json", "application/pdf"):
            answer = httpx.get(
                f"{system.url}/api/v1/ombudsman/dossiers/{number}",
                headers=key | {"Accept": accepted}, trust_env=False, timeout=20,
            )  # fmt: skip
            assert answer.headers["content-type"] == accepted
            yield f"feed/dossier/{accepted}", str(answer.headers).encode() + answer.content
            if accepted == "application/pdf":
                yield "feed/dossier/text", _written(answer.content)


def _written(document: bytes) -> bytes:
    """What stands on the pages of a PDF."""
    pages = pypdf.PdfReader(io.BytesIO(document)).pages
    return " ".join(page.extract_text() for page in pages).encode()


def processes(system: System) -> Iterator[Sink]:
    """What any user of the machine sees of each process, and what its owner sees."""
    for process in system.processes():
        leader = psutil.Process(process.pid)
        for one in (leader, *leader.children(recursive=True)):
            try:
                yield f"processes/{process.name}/command", "\0".join(one.cmdline()).encode()
                yield f"processes/{process.name}/environment", str(one.environ()).encode()
            except psutil.NoSuchProcess:
                continue


def broker(system: System) -> Iterator[Sink]:
    """What the broker tells operators of itself: who is connected, what it was told, what it would
    be told again, and what it counts for each queue and connection."""
    for words in (("report",), ("environment",), ("export_definitions", "-")):
        yield f"broker/{words[0]}", system.broker.ctl(*words).encode()
    if system.broker.metrics:
        url = f"http://127.0.0.1:{system.broker.metrics_port}/metrics/per-object"
        yield "broker/metrics", httpx.get(url, timeout=15, trust_env=False).content


def poked(receiver: Receiver) -> Iterator[Sink]:
    """What the Ombudsman's receiver was told."""
    for around, body in receiver.heard:
        yield "pokes/headers", repr(around).encode()
        yield "pokes/body", body


def tapped(caught: Iterable[Caught]) -> Iterator[Sink]:
    """What was said on the broker, under where it was sent and what it is about."""
    for one in caught:
        yield f"tap/{one.exchange}/{one.key}", one.body
        yield f"tap/{one.exchange}/{one.key}", repr(one.around).encode()


def commands(system: System, words: Iterable[str] = COMMANDS) -> Iterator[Sink]:
    """What an operator is shown."""

    def said(command: str) -> Sink:
        service, *rest = command.split()
        run = subprocess.run(
            [sys.executable, "-m", f"services.{service}", *rest], cwd=ROOT, check=False,
            env=system.process(f"{service}-worker").env, capture_output=True, timeout=60,
        )  # fmt: skip
        return f"commands/{command}", run.stdout + run.stderr

    with ThreadPoolExecutor(3) as pool:
        yield from pool.map(said, words)


def watched(prometheus: Prometheus) -> Iterator[Sink]:
    """All series that Prometheus has, with their labels, and its data as they lie."""
    query, every = f"{prometheus.url}/api/v1/series", {"match[]": '{__name__=~".+"}'}

    def series() -> bytes:
        found = httpx.get(query, params=every, trust_env=False, timeout=20).content
        return found if b"lapor_http_request_seconds_bucket" in found else b""

    yield "prometheus/series", eventually(series, "what the services measured", seconds=30)
    for what in ("alerts", "rules"):  # all that a mail to operators is made of
        found = httpx.get(f"{prometheus.url}/api/v1/{what}", trust_env=False, timeout=20)
        yield f"prometheus/{what}", found.raise_for_status().content
    for file in prometheus.folder.rglob("*"):
        if file.is_file():
            yield "prometheus/data", file


def elsewhere(system: System) -> dict[str, list[str]]:
    """Files that a process of the system holds open for writing outside of the system's folder:
    what is kept there, no sweep of the folder sees."""
    lent = system.folder / "postgres" / "elsewhere"
    homes = {str(system.folder), *([lent.read_text()] if lent.exists() else [])}
    found = defaultdict[str, list[str]](list)
    for process in system.processes():
        leader = psutil.Process(process.pid)
        for one in (leader, *leader.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):  # a helper that ended keeps nothing open
                outside = [f for f in one.open_files() if not f.path.startswith(tuple(homes))]
                found[process.name] += [file.path for file in outside if file.mode != "r"]
    return {name: paths for name, paths in found.items() if paths}
