"""Every place where something of a reporter could end up, by name: `database/notify/message`.

Names are stable, so that a canary can say where it may be; `kinds.KINDS` lists them all.
"""

import io
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from email import message_from_bytes
from email.message import Message
from email.policy import default
from pathlib import Path
from typing import Any

import httpx
import psutil
import pypdf

from deploy.local.plain import PLAIN
from deploy.local.process import Process
from deploy.local.prometheus import Prometheus
from deploy.local.system import KINDS, System
from tests.failure import stored
from tests.failure.canaries import Sink
from tests.harness.programs import run_command
from tests.harness.waiting import eventually
from tests.harness.wiretap import Caught
from tests.service.escalation.receiver import Receiver

PLAINLY: dict[str, Any] = {"timeout": 15, "trust_env": False, "verify": PLAIN}
COMMANDS = (
    "notify parked list", "routing parked list", "intake parked list", "escalation parked list",
    "notify rewrap", "escalation verify-feed", "routing openapi", "intake seed", "routing seed",
    "notify parked show 00000000-0000-0000-0000-000000000000",
    "intake replay --since 2100-01-01T00:00:00Z", "intake recount", "routing say-desks",
)  # fmt: skip
POKED = (
    "INSERT INTO feed_target (url, proposed_by, proposed_at, confirmed_by, confirmed_at)"
    " VALUES (%s, gen_random_uuid(), now(), gen_random_uuid(), now())"
)


def of_system(system: System) -> Iterator[Sink]:
    """All that can be read of a running system without asking its API."""
    yield from stored.files(system)
    yield from stored.databases(system)
    yield from metrics(system)
    yield from health(system)
    yield from mails(system)
    yield from feed(system)
    yield from processes(system)


def metrics(system: System) -> Iterator[Sink]:
    """What every process measures."""
    for name, port in system.scrape_targets().items():
        answer = httpx.get(f"http://127.0.0.1:{port}/metrics", **PLAINLY)
        yield f"metrics/{name}", str(answer.headers).encode() + answer.content


def health(system: System) -> Iterator[Sink]:
    """What every process tells of itself to whoever asks whether it is well."""
    for service in system.services:
        for kind, port in zip(KINDS, system.ports[service][1:], strict=True):
            for path in ("health/live", "health/ready", "nowhere"):
                url = f"http://127.0.0.1:{port}/{path}"
                answer = httpx.get(url, **PLAINLY)
                yield f"health/{service}-{kind}", str(answer.headers).encode() + answer.content


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
    """What the Ombudsman reads: both streams to their ends, their checkpoints, and each dossier."""
    key = {"Authorization": f"Bearer {system.ombudsman_key}"}
    with httpx.Client(
        base_url=f"{system.url}/api/v1/ombudsman/",
        headers=key,
        trust_env=False,
        timeout=20,
        verify=PLAIN,
    ) as office:
        for stream in ("monitoring", "handovers"):
            for what in ("feed", "checkpoint", "checkpoints", "epochs"):
                yield from _pages(office, what, stream)
        for (number,) in system.psql("escalation", "SELECT number FROM dossier"):
            for accepted in ("application/json", "application/pdf"):
                answer = office.get(f"dossiers/{number}", headers={"Accept": accepted})
                assert answer.headers["content-type"] == accepted, answer.text
                yield f"feed/dossier/{accepted}", str(answer.headers).encode() + answer.content
                if accepted == "application/pdf":
                    yield f"feed/dossier/{accepted}", _written(answer.content)


def _pages(office: httpx.Client, what: str, stream: str) -> Iterator[Sink]:
    """Page after page, if there are any."""
    asked = {"stream": stream}
    while True:
        answer = office.get(what, params=asked)
        assert answer.status_code == 200, answer.text
        yield f"feed/{stream}", str(answer.headers).encode() + answer.content
        told = answer.json()
        if not told.get("more"):
            return
        asked["after"] = told["cursor"]


def _written(document: bytes) -> bytes:
    """What stands on the pages of a PDF, in its lines and in one; and what it says of itself."""
    read = pypdf.PdfReader(io.BytesIO(document))
    said = " ".join(page.extract_text() for page in read.pages)
    return f"{said}\n{' '.join(said.split())}\n{read.metadata}".encode()


def processes(system: System) -> Iterator[Sink]:
    """What any user of the machine sees of each process, and what its owner sees."""
    for process in system.processes():
        leader = psutil.Process(process.pid)
        for one in (leader, *leader.children(recursive=True)):
            try:
                yield f"processes/{process.name}/command", "\0".join(one.cmdline()).encode()
                yield f"processes/{process.name}/environment", str(one.environ()).encode()
                yield f"processes/{process.name}/unlinked", _unlinked(one.pid)
            except psutil.NoSuchProcess:
                continue


def _unlinked(process: int) -> bytes:
    """What it holds open and no folder shows any more: a file that has no name, or had one."""
    found = b""
    for handle in Path(f"/proc/{process}/fd").iterdir():
        with suppress(OSError):  # it was closed meanwhile
            if str(handle.readlink()).endswith(" (deleted)") and handle.is_file():
                found += handle.read_bytes() + b"\n"
    return found


def broker(system: System) -> Iterator[Sink]:
    """What the broker tells operators of itself: who is connected, what it was told, what it would
    be told again, and what it counts for each queue and connection."""
    for words in (("report",), ("environment",), ("export_definitions", "-")):
        yield f"broker/{words[0]}", system.broker.ctl(*words).encode()
    if system.broker.metrics:
        url = f"http://127.0.0.1:{system.broker.metrics_port}/metrics/per-object"
        yield "broker/metrics", httpx.get(url, timeout=15, trust_env=False).content


def listen_to_pokes(system: System, receiver: Receiver) -> None:
    """They go to this one from now on, as if two administrators had said so."""
    system.psql("escalation", POKED, [receiver.url])


def poked(receiver: Receiver) -> Iterator[Sink]:
    """What the Ombudsman's receiver was told."""
    for around, body in receiver.heard:
        yield "pokes/headers", repr(around).encode()
        yield "pokes/body", body


def tapped(caught: Iterable[Caught]) -> Iterator[Sink]:
    """What was said on the broker, under where it was sent and what it is about."""
    for one in caught:
        yield f"tap/{one.exchange}/{one.key}", one.body
        yield f"tap/{one.exchange}/{one.key}", repr((one.key, one.around)).encode()


def commands(system: System, words: Iterable[str] = COMMANDS) -> Iterator[Sink]:
    """What an operator is shown."""

    def said(told: str) -> Sink:
        service, *rest = told.split()
        env = system.process(f"{service}-worker").env
        run = run_command(service, *rest, env=env, told="{}")
        return f"commands/{told}", (run.stdout + run.stderr).encode()

    with ThreadPoolExecutor(3) as pool:
        yield from pool.map(said, words)


class Legible(Prometheus):
    """Packs nothing of what it writes down."""

    def _prepared(self, binary: Path) -> Process:
        made = super()._prepared(binary)
        made.command.append("--no-storage.tsdb.wal-compression")
        return made


def watched(prometheus: Prometheus) -> Iterator[Sink]:
    """All series that Prometheus has, with their labels; its files are among the system's."""
    query, every = f"{prometheus.url}/api/v1/series", {"match[]": '{__name__=~".+"}'}

    def series() -> bytes:
        found = httpx.get(query, params=every, trust_env=False, timeout=20, verify=PLAIN).content
        return found if b"lapor_http_request_seconds_bucket" in found else b""

    yield "prometheus/series", eventually(series, "what the services measured", seconds=30)
    for what in ("alerts", "rules"):  # all that a mail to operators is made of
        found = httpx.get(
            f"{prometheus.url}/api/v1/{what}", trust_env=False, timeout=20, verify=PLAIN
        )
        yield f"prometheus/{what}", found.raise_for_status().content


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
