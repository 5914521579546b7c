"""A feed as a publisher makes it, honest or not, with no database; and a site that shows it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc.jwk import OKPKey

from services.escalation.ombudsman import chain
from services.escalation.ombudsman.signing import Signer

Documents = list[dict[str, Any]]
SIGNER = Signer("ours", OKPKey.generate_key("Ed25519"))
KEYS = json.dumps({"keys": [SIGNER.public()]})


class Published:
    """One stream, signed by the publisher's key. Another `word` is another feed."""

    def __init__(self, count: int, word: str = "so", stream: str = "monitoring") -> None:
        self.stream, self.word = stream, word
        self.events: Documents = []
        self.places = list(range(100, count + 1, 100))
        self.grow(count)

    def grow(self, count: int) -> None:
        """So many entries more."""
        for _ in range(count):
            self.append({"word": self.word})

    def append(self, data: dict[str, Any], **other: Any) -> None:
        """One entry, signed whatever it says."""
        before = bytes.fromhex(self.events[-1]["hash"]) if self.events else chain.GENESIS
        position = len(self.events) + 1
        entry = {
            "specversion": "1.0", "id": f"{self.word} {position}", "type": "feed.breach.opened.v1",
            "source": f"/escalation/feed/{self.stream}", "epoch": 1, "position": position,
            "data": data, **other,
        }  # fmt: skip
        hash = chain.digest(before, entry)
        proof = {"prevhash": before.hex(), "hash": hash.hex(), "signature": _signed(hash)}
        self.events.append({**entry, **proof, "kid": SIGNER.kid})

    def end(self, position: int) -> dict[str, Any]:
        """The signed end, when it was there."""
        last = self.events[position - 1]
        proof = {name: last[name] for name in ("epoch", "position", "hash", "signature", "kid")}
        return {"stream": self.stream, **proof, "cursor": "x"}

    def checkpoint(self, position: int) -> dict[str, Any]:
        """The signed checkpoint of a place."""
        hash = self.events[position - 1]["hash"]
        said = {
            "stream": self.stream, "epoch": 1, "position": position, "hash": hash,
            "time": f"2026-11-02T02:00:{position % 60:02}Z", "kid": SIGNER.kid,
        }  # fmt: skip
        return {**said, "signature": _signed(chain.canonical(said))}

    def pulse(self, position: int) -> dict[str, Any]:
        """The signed pulse, when the end was there."""
        said = {"type": "feed.pulse", **self.checkpoint(position)}
        del said["signature"]
        return {**said, "signature": _signed(chain.canonical(said))}

    def checkpoints(self) -> Documents:
        """All of them."""
        return [self.checkpoint(place) for place in self.places]


def _signed(message: bytes) -> str:
    return base64.urlsafe_b64encode(SIGNER.sign(message)).decode().rstrip("=")


Answer = Callable[[str, str], Documents]


def of(feed: Published) -> Answer:
    """What an honest site answers."""
    return showing(feed.events, feed.checkpoints())


def showing(events: Documents, checkpoints: Documents) -> Answer:
    """What a site answers that shows these of any stream."""
    return lambda what, _: events if what == "feed" else checkpoints


@contextmanager
def site(answer: Answer) -> Iterator[str]:
    """Shows what `answer` has for `feed` or `checkpoints` of a stream; its address."""

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            what, query = asked.path.rpartition("/")[2], parse_qs(asked.query)
            found = answer(what, query["stream"][0])
            page = {"events" if what == "feed" else what: found, "cursor": "x", "more": False}
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(page).encode())

        def log_message(self, *_: Any) -> None:
            pass

    with serving(Door) as address:
        yield address


class Patient(ThreadingHTTPServer):
    """Says nothing of those who go before the end."""

    def handle_error(self, *_: Any) -> None:
        pass


@contextmanager
def serving(door: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Its address, until the block ends."""
    server = Patient(("127.0.0.1", 0), door)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
