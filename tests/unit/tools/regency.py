"""A regency that chains and signs whatever it is told to, and answers as it is told to."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import rfc8785
from joserfc.jwk import OKPKey

BELOW = "/v1/ombudsman/"
GENESIS = "00" * 32


class Regency:
    """Two chains by one key. `answers`: by the path below /v1/ombudsman/, statuses and bodies that
    are given in turn, the last one for ever; `odd`: by the path, who writes the answer itself in
    place of that; `asked`: the methods and paths that were asked for."""

    def __init__(self) -> None:
        self.key = OKPKey.generate_key("Ed25519")
        self.kid = self.key.thumbprint()
        self.entries: dict[str, list[dict[str, Any]]] = {"monitoring": [], "handovers": []}
        self.answers: dict[str, list[tuple[int, bytes]]] = {}
        self.odd: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.asked: list[str] = []
        self.largest_page = 2000
        self.signed: list[bytes] = []  # bodies that came with a signature

    def keys(self) -> dict[str, Any]:
        return {"keys": [{**self.key.as_dict(private=False), "kid": self.kid}]}

    def page(self, count: int) -> dict[str, Any]:
        """So many entries more."""
        events = [self.append() for _ in range(count)]
        return {"events": events, "cursor": str(len(self.entries["monitoring"])), "more": False}

    def append(self, stream: str = "monitoring", **other: Any) -> dict[str, Any]:
        """One entry more, with its proof."""
        chain = self.entries[stream]
        position, before = len(chain) + 1, chain[-1]["hash"] if chain else GENESIS
        said = {"source": f"/escalation/feed/{stream}", "type": "x", "subject": "y", "epoch": 1}
        said |= {"position": position, "data": {"n": position}, **other}
        digest = sha256(bytes.fromhex(before) + rfc8785.dumps(said)).digest()
        signature = base64url(self.key.private_key.sign(digest))  # type: ignore[union-attr,call-arg]
        proof = {"prevhash": before, "hash": digest.hex(), "kid": self.kid, "signature": signature}
        chain.append({**said, **proof})
        return chain[-1]

    def hand_over(self, number: str, answer: dict[str, Any]) -> None:
        """An entry that tells of a dossier, and the dossier."""
        digest = sha256(rfc8785.dumps(answer["dossier"])).hexdigest()
        told = {"dossier": {"sha256": digest}}
        self.append("handovers", type="feed.case.handed_over.v1", subject=number, data=told)
        self.answers[f"dossiers/{number}"] = [(200, json.dumps(answer).encode())]

    def answer(self, method: str, path: str, body: bytes, signed: bool) -> tuple[int, bytes]:
        """The status and the body."""
        split = urlsplit(path)
        name = split.path.removeprefix(BELOW)
        self.asked.append(f"{method} {name}")
        if signed:
            self.signed.append(body)
        if told := self.answers.get(name):
            return told.pop(0) if len(told) > 1 else told[0]
        asked = {one: values[0] for one, values in parse_qs(split.query).items()}
        return 200, json.dumps(self._usual(name, asked)).encode()

    def _usual(self, name: str, asked: dict[str, str]) -> dict[str, Any]:
        if name == "feed":
            chain = self.entries[asked["stream"]]
            before = int(asked.get("after", 0))
            end = min(len(chain), before + self.largest_page)
            return {"events": chain[before:end], "cursor": str(end), "more": end < len(chain)}
        if name == "checkpoints":
            return {"checkpoints": [], "cursor": "", "more": False}
        return {"keys": self.keys, "epochs": lambda: {"epochs": []}}.get(name, dict)()


def base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


@contextmanager
def served(regency: Regency) -> Iterator[str]:
    """Its address, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if odd := regency.odd.get(urlsplit(self.path).path.removeprefix(BELOW)):
                self.close_connection = True
                odd(self)
                return
            signed = "webhook-signature" in self.headers
            status, told = regency.answer(self.command, self.path, body, signed)
            self.send_response(status)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        do_GET = do_POST = _answer

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            serving.join()
