"""The internal port of every process: /health/live, /health/ready and /metrics.

`live`: the process turns. `ready`: it has what it needs to work; the answer names what is missing.
The gateway does not route this port. Each check is measured too, all the time: who is alive and not
ready answers scrapes, and hears of no request that it could fail.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

from chassis import metrics
from chassis.logs import cause, log

PAUSE = 5.0  # seconds from one look to the next

Check = Callable[[], bool]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Says nothing: the scrapes are not news."""


def application(checks: Mapping[str, Check]) -> Callable[..., Iterable[bytes]]:
    """What answers on the internal port."""
    measured: Any = make_wsgi_app()

    def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            scraped: Iterable[bytes] = measured(environ, start)
            return scraped
        if path not in ("/health/live", "/health/ready"):
            return _answer(start, "404 Not Found", {})
        state = {n: check() for n, check in checks.items()} if path.endswith("ready") else {}
        good = all(state.values())
        return _answer(start, "200 OK" if good else "503 Service Unavailable", state)

    return app


def serve(host: str, port: int, checks: Mapping[str, Check]) -> None:
    """Serves in a real thread of its own. Not for a worker: it would block the green threads."""
    server = make_server(host, port, application(checks), _Server, _Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    threading.Thread(target=show, args=(checks,), daemon=True).start()


def show(checks: Mapping[str, Check]) -> None:
    """Shows for ever which checks hold. Not at a scrape: that would wait for a silent database."""
    while True:
        for name, check in checks.items():
            metrics.READY.labels(name).set(_holds(check))
        time.sleep(PAUSE)


def _holds(check: Check) -> bool:
    try:
        return check()
    except Exception as error:  # whatever it is: what was shown last would stand for ever
        log.warning("check_failed", **cause(error))
        return False


def is_listening(host: str, port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=0.5):
            return True
    except OSError:
        return False


def _answer(start: Callable[..., Any], status: str, state: Mapping[str, bool]) -> list[bytes]:
    start(status, [("Content-Type", "application/json")])
    return [json.dumps({"status": status[4:], "checks": dict(state)}).encode()]
