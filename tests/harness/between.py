"""Stands between a client and an API over HTTP: passes on, changes an answer, or never answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from deploy.local.plain import PLAIN

Change = Callable[[bytes], bytes]


class Between(ThreadingHTTPServer):
    """`change` gets each answer to a GET. Of who asks for a path that ends with `swallowed` is
    heard what was asked; the answer never comes, and `caught` is set."""

    daemon_threads = True

    def __init__(self, url: str) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.behind, self.change, self.swallowed = url, lambda body: body, ""
        self.caught, self.over = threading.Event(), threading.Event()
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Passing(BaseHTTPRequestHandler):
    server: Between

    def _pass(self) -> None:
        between = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0]
        between.asked.append(f"{self.command} {path}")
        kept = {n: v for n, v in self.headers.items() if n.lower() not in ("host", "connection")}
        plainly = {"timeout": 60, "trust_env": False, "verify": PLAIN}
        with httpx.Client(base_url=between.behind, **plainly) as behind:
            answer = behind.request(self.command, self.path, content=body, headers=kept)
        if between.swallowed and path.endswith(between.swallowed):
            between.caught.set()
            between.over.wait()
            return
        told = between.change(answer.content) if self.command == "GET" else answer.content
        self.send_response(answer.status_code)
        self.send_header("Content-Type", answer.headers.get("content-type", ""))
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    do_GET = do_POST = _pass

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@contextmanager
def between(url: str) -> Iterator[Between]:
    """Serves until the block ends."""
    with Between(url) as made:
        serving = threading.Thread(target=made.serve_forever, args=(0.02,))
        serving.start()
        yield made
        made.over.set()
        made.shutdown()
        serving.join()
