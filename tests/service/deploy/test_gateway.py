"""The gateway passes each path to its service, keeps limits, and tells nobody about anybody."""

import json
import re
import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Semaphore, Thread
from typing import Any

import httpx
import psutil
import pytest

from chassis.idempotency import HEADER
from deploy.local.environment import ROOT
from deploy.local.gateway import Upstream, gateway
from deploy.local.process import Process, answers, free_port, wait_until
from services.escalation.ombudsman import webhooks
from tests.harness.waiting import eventually

SERVICES = ("intake", "routing", "escalation")
CANARY = "rahasia-7QK2"
LARGEST = 65_536  # bytes of a body
LONG = 50_000_000
READY = "/health/ready"
TELLING = """
X-Forwarded-For X-Forwarded-Host X-Forwarded-Proto X-Real-IP X-Client-IP X-Requested-With
Forwarded True-Client-IP Client-IP Fastly-Client-IP Fastly-Ssl CF-Connecting-IP CF-IPCountry
CloudFront-Viewer-Address CloudFront-Viewer-City Remote-Addr Ssl-Client-Cert Cdn-Loop Via From
User-Agent Accept-Language Accept-Charset Cookie Referer Origin DNT Sec-CH-UA Sec-CH-UA-Platform
Sec-Fetch-Site Sec-GPC Device-Memory Viewport-Width DPR Save-Data Traceparent Tracestate Priority
Proxy-Authorization A-Name-That-Nobody-Knows
""".split()  # noqa: SIM905 - as a list it would be a line for each
READ = {
    "Accept", "Authorization", "Content-Type", HEADER, "If-None-Match", "Tracking-Code",
    *(name.title() for name in (webhooks.ID, webhooks.SIGNATURE, webhooks.TIMESTAMP)),
}  # fmt: skip
OF_THE_GATEWAY = {"Host", "User-Agent", "Accept-Encoding"}


class Quiet(ThreadingHTTPServer):
    """A server that does not mind who hangs up, as the gateway does on a large body."""

    def handle_error(self, *_: Any) -> None: ...


class Busy(Quiet):
    """A server of two threads, as an API has few: who keeps both waiting stops it."""

    threads = 2

    def __init__(self, *given: Any) -> None:
        self._pool = ThreadPoolExecutor(self.threads)
        super().__init__(*given)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._pool.submit(self.process_request_thread, request, client_address)

    def server_close(self) -> None:
        super().server_close()
        self._pool.shutdown()


class Echo(BaseHTTPRequestHandler):
    """Answers with what it got."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        got = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        service = self.server.service  # type: ignore[attr-defined]
        if self.path != READY:  # that is the gateway's own question, once a second
            self.server.asked = True  # type: ignore[attr-defined]
        said = {"service": service, "path": self.path, "bytes": len(got)}
        body = json.dumps({**said, "headers": dict(self.headers)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_: Any) -> None: ...


class Recovering(Echo):
    """Says whether its server is ready, and counts how often the gateway has looked."""

    def do_GET(self) -> None:
        if self.path != READY:
            super().do_GET()
            return
        self.send_response(200 if self.server.ready else 503)  # type: ignore[attr-defined]
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.server.looks.release()  # type: ignore[attr-defined]


class Long(Echo):
    """Answers at a length that no buffer takes."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(LONG))
        self.end_headers()
        self.wfile.write(b"x" * LONG)


class Brief(Echo):
    """Leaves its thread after every answer."""

    protocol_version = "HTTP/1.0"


@dataclass
class Door:
    """A running gateway before three services that echo."""

    process: Process
    client: httpx.Client
    services: dict[str, ThreadingHTTPServer]
    port: int
    metrics_port: int


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    folder: Path = tmp_path_factory.mktemp("gateway")
    services, threads, port, metrics_port = {}, [], free_port(), free_port()
    for service in SERVICES:
        server = Quiet(("127.0.0.1", 0), Echo)
        server.service = service  # type: ignore[attr-defined]
        threads.append(Thread(target=server.serve_forever, args=(0.02,)))
        threads[-1].start()
        services[service] = server
    upstreams = {s: Upstream(e.server_port, e.server_port) for s, e in services.items()}
    process = gateway(folder, port, metrics_port, upstreams)
    process.start()
    wait_until(lambda: answers(port), process, 10)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20) as client:
        yield Door(process, client, services, port, metrics_port)
    process.stop()
    for server in services.values():
        server.shutdown()
        server.server_close()
    for thread in threads:
        thread.join()


@contextmanager
def fronting(door: Door, name: str, server: ThreadingHTTPServer) -> Iterator[tuple[Process, int]]:
    """Another gateway, and its port, before one server that stands for all services."""
    serving, port = Thread(target=server.serve_forever, args=(0.02,)), free_port()
    serving.start()
    upstreams = {s: Upstream(server.server_port, server.server_port) for s in SERVICES}
    process = gateway(door.process.log.parent / name, port, free_port(), upstreams)
    process.start()
    try:
        wait_until(lambda: answers(port), process, 10)
        yield process, port
    finally:
        process.stop()
        server.shutdown()
        server.server_close()
        serving.join()


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/v1/reports", "intake"),
        ("/v1/reports/track", "intake"),
        ("/v1/reports/KTB-12345-67890/objections", "intake"),
        ("/v1/cases", "routing"),
        ("/v1/cases/KTB-12345-67890", "routing"),
        ("/v1/cases/KTB-12345-67890/answer", "routing"),
        ("/v1/officers/sign-in", "routing"),
        ("/v1/agencies", "routing"),
        ("/v1/cases/KTB-12345-67890/deadlines", "escalation"),
        ("/v1/cases/KTB-12345-67890/explain", "escalation"),
        ("/v1/limits", "escalation"),
        ("/v1/ladder", "escalation"),
        ("/v1/amendments", "escalation"),
        ("/v1/what-if", "escalation"),
        ("/v1/national-decrees", "escalation"),
        ("/v1/calendars", "escalation"),
        ("/v1/calendars/regency/days", "escalation"),
        ("/v1/ombudsman/feed", "escalation"),
        ("/v1/ombudsman/keys", "escalation"),
        ("/v1/receipts/keys", "intake"),
    ],
)
def test_each_path_has_its_service(door: Door, path: str, service: str) -> None:
    said = door.client.get(f"/api{path}").json()

    assert (said["service"], said["path"]) == (service, path)


@pytest.mark.parametrize("path", ["/", "/metrics", "/health/ready", "/api", "/apix/v1/reports"])
def test_nothing_else_is_passed_on(door: Door, path: str) -> None:
    answer = door.client.get(path)

    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize("more", [1, 63, 64, 464, 4_464, 34_464, 1_000_000])
def test_a_larger_body_is_refused_before_a_service_is_asked(door: Door, more: int) -> None:
    """It would be refused there too, by who hangs up while the body is still sent: now and then the
    gateway takes that for a service that is away, which a client tries again."""
    fits = door.client.post("/api/v1/reports", content=b"x" * LARGEST)
    door.services["intake"].asked = False  # type: ignore[attr-defined]
    large = door.client.post("/api/v1/reports", content=b"x" * (LARGEST + more))

    assert fits.json()["bytes"] == LARGEST
    assert large.status_code == 413
    assert large.headers["Content-Type"] == "application/problem+json"
    assert large.json()["code"] == "too_large"
    assert not door.services["intake"].asked  # type: ignore[attr-defined]


def test_who_hangs_up_amid_an_answer_is_not_in_the_log(door: Door) -> None:
    """Only a gateway that is still writing names whom it wrote to; one that hears first that they
    have left does not. Which of both is chance, so they hang up until it was writing."""

    def hang_up() -> bool:
        with socket.create_connection(("127.0.0.1", port), 20, ("127.0.0.77", 0)) as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            line.sendall(b"GET /api/v1/reports HTTP/1.1\r\nHost: x\r\n\r\n")
            line.recv(100)
        return "->somebody" in process.log.read_text()

    with fronting(door, "left", Quiet(("127.0.0.1", 0), Long)) as (process, port):
        eventually(hang_up, "it was writing", every=0.1)

    log = process.log.read_text()
    assert "incomplete response" in log
    assert "127.0.0.77" not in log


def test_slow_bodies_keep_no_thread_of_a_service_waiting(door: Door) -> None:
    server = Busy(("127.0.0.1", 0), Brief)
    server.service = "intake"  # type: ignore[attr-defined]
    serving = Thread(target=server.serve_forever, args=(0.02,))
    serving.start()
    port, healthy = free_port(), door.services["intake"].server_port
    upstreams = {s: Upstream(server.server_port, healthy) for s in SERVICES}
    process = gateway(door.process.log.parent / "slow", port, free_port(), upstreams)
    process.start()
    wait_until(lambda: answers(port), process, 10)

    with ExitStack() as held:
        for _ in range(6 * Busy.threads):
            slow = held.enter_context(socket.create_connection(("127.0.0.1", port)))
            slow.sendall(b"POST /api/v1/reports HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        try:
            said = httpx.get(f"http://127.0.0.1:{port}/api/v1/reports", trust_env=False, timeout=20)
        finally:
            held.close()
            process.stop()
            server.shutdown()
            server.server_close()
            serving.join()

    assert said.json()["service"] == "intake"


def test_a_service_that_is_away_is_a_problem_that_passes(door: Door) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    unused = server.server_port
    server.server_close()
    port = free_port()
    upstreams = {s: Upstream(unused, unused) for s in SERVICES}
    lonely = gateway(door.process.log.parent / "lonely", port, free_port(), upstreams)
    lonely.start()
    wait_until(lambda: answers(port), lonely, 10)

    answer = httpx.post(
        f"http://127.0.0.1:{port}/api/v1/reports?x={CANARY}", json={}, trust_env=False, timeout=20,
        headers={"Tracking-Code": CANARY},
    )  # fmt: skip
    lonely.stop()

    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Retry-After"] == "5"
    assert "127.0.0.1" not in answer.text
    log = lonely.log.read_text()
    assert CANARY not in log
    assert "/v1/reports" not in log


@pytest.mark.alone
def test_who_waits_is_served_by_a_service_that_is_back(door: Door) -> None:
    """It is back just after the gateway had looked: longer than that it is never unknown."""
    server, looks = Quiet(("127.0.0.1", 0), Recovering), Semaphore(0)
    server.service, server.ready, server.looks = "intake", False, looks  # type: ignore[attr-defined]
    with (
        fronting(door, "back", server) as (_, port),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20) as client,
    ):
        ask = partial(client.get, "/api/v1/reports")
        eventually(lambda: ask().status_code == 503, "the gateway knows that nobody is ready")
        while looks.acquire(blocking=False):
            pass
        looked = looks.acquire(timeout=10)
        server.ready = True  # type: ignore[attr-defined]
        back = ask()

    assert (looked, back.status_code) == (True, 200)


def test_every_answer_is_guarded_and_none_names_the_gateway(door: Door) -> None:
    for answer in (door.client.get("/api/v1/agencies"), door.client.get("/nowhere")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "Server" not in answer.headers or "Caddy" not in answer.headers["Server"]
        assert "Via" not in answer.headers


@pytest.mark.parametrize("service", ["intake", "routing", "escalation"])
def test_a_service_is_not_told_who_asks(door: Door, service: str) -> None:
    path = {"intake": "/reports", "routing": "/cases", "escalation": "/ombudsman/feed"}[service]

    told = door.client.get(f"/api/v1{path}", headers=dict.fromkeys(TELLING, CANARY)).json()

    assert told["service"] == service
    assert set(told["headers"]) == OF_THE_GATEWAY | {"Accept"}
    assert told["headers"]["User-Agent"] == "gateway"
    assert CANARY not in str(told)
    assert "127.0.0.1" not in str(told["headers"]).replace(told["headers"]["Host"], "")


def test_a_service_is_told_what_it_reads_and_as_it_was_sent(door: Door) -> None:
    sent = {name: f"{name} {{env.HOME}} {{header.Cookie}} {CANARY}" for name in READ}

    told = door.client.post("/api/v1/reports", content=b"{}", headers=sent).json()["headers"]

    assert {name: told[name] for name in READ} == sent
    assert set(told) - READ == OF_THE_GATEWAY | {"Content-Length"}
    assert told["Content-Length"] == "2"


def test_what_was_not_sent_or_is_empty_arrives_so(door: Door) -> None:
    """An empty Idempotency-Key is refused, so that nobody goes without one unawares."""
    with socket.create_connection(("127.0.0.1", door.port), 20) as line:
        line.sendall(b"GET /api/v1/reports HTTP/1.1\r\nHost: x\r\nIdempotency-Key:\r\n\r\n")
        answer = HTTPResponse(line)
        answer.begin()
        told = json.loads(answer.read())["headers"]

    assert set(told) == OF_THE_GATEWAY | {"Idempotency-Key"}
    assert told["Idempotency-Key"] == ""


def test_every_header_that_a_service_reads_goes_on_to_it() -> None:
    folders = ("chassis", "services")
    sources = [p.read_text() for folder in folders for p in (ROOT / folder).rglob("*.py")]
    named = {n for text in sources for n in re.findall(r"""get_header\(\s*["']([\w-]+)""", text)}

    assert {"If-None-Match", "Tracking-Code"} <= named <= READ


def test_metrics_are_on_a_port_of_their_own_and_name_no_path(door: Door) -> None:
    door.client.get(f"/api/v1/reports/{CANARY}?q={CANARY}")

    text = httpx.get(f"http://127.0.0.1:{door.metrics_port}/metrics", trust_env=False).text

    assert "caddy_http_requests_total" in text
    assert CANARY not in text


def test_it_listens_on_the_loopback_only(door: Door) -> None:
    heard = [c for c in psutil.Process(door.process.pid).net_connections() if c.status == "LISTEN"]

    assert {c.laddr.port for c in heard} >= {door.port, door.metrics_port}
    assert {c.laddr.ip for c in heard} == {"127.0.0.1"}
