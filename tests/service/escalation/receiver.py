"""The Ombudsman's receiver of pokes: answers as it is told, and keeps what it heard."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.service.escalation.tower import Tower

FAMILY, _, _, _, HERE = socket.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)[0]


class Receiver:
    """Answers as it is told (the last one again and again), and keeps what it heard. With a
    certificate it speaks TLS only; `show` changes which."""

    def __init__(self, certificate: Path | None = None) -> None:
        self.statuses, self.heard = [204], list[tuple[dict[str, str], bytes]]()
        self.hanging = threading.Event()
        self.hanging.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.heard.append((dict(self.headers), body))
                outer.hanging.wait(60)
                status = outer.statuses.pop(0) if len(outer.statuses) > 1 else outer.statuses[0]
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        class Server(ThreadingHTTPServer):
            address_family = FAMILY
            daemon_threads = True

        self._server = Server(HERE[:2], Handler)
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) if certificate else None
        if self._tls and certificate:
            self.show(certificate)
            self._server.socket = self._tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def show(self, certificate: Path) -> None:
        """From now on it shows this one."""
        assert self._tls, "it speaks no TLS"
        self._tls.load_cert_chain(certificate)

    @property
    def url(self) -> str:
        scheme = "https" if self._tls else "http"
        return f"{scheme}://localhost:{self._server.server_address[1]}/feed"

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.heard]

    @property
    def moved(self) -> list[str]:
        """The streams that it was told of."""
        return [json.loads(body)["data"]["stream"] for _, body in self.heard]

    def close(self) -> None:
        self.hanging.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def set_target(tower: Tower, url: str | None) -> None:
    """Pokes go there from now on, as if two administrators had said so."""
    tower.database.psql(
        "INSERT INTO feed_target (url, proposed_by, proposed_at, confirmed_by, confirmed_at)"
        " VALUES (%s, gen_random_uuid(), now(), gen_random_uuid(), now())", [url],
    )  # fmt: skip


def outcomes(tower: Tower) -> list[str | None]:
    """How each poke ended, if it has."""
    return [o for (o,) in tower.database.psql("SELECT outcome FROM feed_poke ORDER BY made_at")]
