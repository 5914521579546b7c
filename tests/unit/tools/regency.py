"""A regency that chains and signs whatever it is told to, and answers as it is told to."""

from __future__ import annotations

import base64
import json
import threading
import time
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
AT = "2027-01-04T02:00:00Z"


class Regency:
    """Two chains by one key. `answers`: by the path below /v1/ombudsman/, statuses and bodies that
    are given in turn, the last one for ever; `odd`: by the path, who writes the answer itself in
    place of that; `pages`: pages of `feed` or `checkpoints` that are shown for ever, by that and
    the stream; `pulses`: what is shown as such, by the stream; `endless`: whether monitoring grows
    whenever it is read; `asked`: the methods and paths that were asked for."""

    def __init__(self) -> None:
        self.key = OKPKey.generate_key("Ed25519")
        self.kid = self.key.thumbprint()
        self.entries: dict[str, list[dict[str, Any]]] = {"monitoring": [], "handovers": []}
        self.answers: dict[str, list[tuple[int, bytes]]] = {}
        self.odd: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.pages: dict[tuple[str, str], dict[str, Any]] = {}
        self.pulses: dict[str, Any] = {}
        self.asked: list[str] = []
        self.endless = False
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
        said |= {"position": position, "data": {"n": position}, "time": now(), **other}
        digest = sha256(bytes.fromhex(before) + rfc8785.dumps(said)).digest()
        proof = {"prevhash": before, "hash": digest.hex(), "kid": self.kid}
        chain.append({**said, **proof, "signature": self._signed(digest)})
        return chain[-1]

    def checkpoint(self, stream: str = "monitoring") -> dict[str, Any]:
        """The signed word that the stream ends here."""
        last = self.entries[stream][-1]
        place = {name: last[name] for name in ("epoch", "position", "hash")}
        said = {"stream": stream, **place, "time": AT, "kid": self.kid}
        return {**said, "signature": self._signed(rfc8785.dumps(said))}

    def beat(self, stream: str, seconds: float = 0) -> dict[str, Any]:
        """Shows the signed word that the stream ends here, as of so many seconds from now."""
        none = {"epoch": 1, "position": 0, "hash": GENESIS}
        last = self.entries[stream][-1] if self.entries[stream] else none
        place = {name: last[name] for name in none}
        said = {"type": "feed.pulse", "stream": stream, **place, "time": at(seconds)}
        said["kid"] = self.kid
        self.pulses[stream] = {**said, "signature": self._signed(rfc8785.dumps(said))}
        return self.pulses[stream]

    def _signed(self, message: bytes) -> str:
        return base64url(self.key.private_key.sign(message))  # type: ignore[union-attr,call-arg]

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
        if method == "POST":
            return 200, json.dumps(self._taken(name, json.loads(body))).encode()
        return 200, json.dumps(self._usual(name, asked)).encode()

    def _taken(self, name: str, sent: dict[str, Any]) -> dict[str, Any]:
        """What is told of something that has taken effect."""
        if name == "acknowledgements":
            place = {"epoch": 1, "position": int(sent["cursor"])}
            return {"stream": sent["stream"], **place, "at": AT}
        return {"number": sent["number"], "answer": sent["answer"], "at": AT}

    def _usual(self, name: str, asked: dict[str, str]) -> dict[str, Any]:
        if page := self.pages.get((name, asked.get("stream", ""))):
            return page
        if name == "feed":
            endless = self.endless and asked["stream"] == "monitoring"
            if endless:
                self.append()
            chain = self.entries[asked["stream"]]
            before = int(asked.get("after", 0))
            end = min(len(chain), before + self.largest_page)
            return {
                "events": chain[before:end],
                "cursor": str(end),
                "more": endless or end < len(chain),
            }
        if name == "checkpoints":
            pulse = self.pulses.get(asked["stream"])
            return {"checkpoints": [], "cursor": "", "more": False, "pulse": pulse}
        return {"keys": self.keys, "epochs": lambda: {"epochs": []}}.get(name, dict)()


def now() -> str:
    return at(0)


def at(seconds: float) -> str:
    """The moment that is so many seconds from now."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


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
        serving = threading.Thread(target=server.serve_forever, args=(0.02,))
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            serving.join()
