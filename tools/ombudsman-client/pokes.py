"""Hears that a stream has moved: a poke, as Standard Webhooks has it, signed by the feed's key.

A poke says nothing of what is in the feed and proves nothing about it; it only spares us the wait.
One that was sent twice makes us look once more. Whatever ends TLS stands before this port.
"""

import base64
import json
import re
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.exceptions import InvalidSignature
from telling import say

HERE = "127.0.0.1"
TOLERANCE = 300  # seconds between the sender's clock and ours
LARGEST = 4096  # bytes; a poke has some 150
SECONDS = 10  # that a sender may take
MOVED = "feed.moved"
ID, NUMBER = re.compile(r"[A-Za-z0-9_-]{16,64}"), re.compile(r"[0-9]{1,11}")


class NotProven(Exception):
    """Nobody whom we know sent this, or not now."""


def stream_of(headers, body, keys, now):
    """Which stream has moved, as one of the keys signed it within TOLERANCE of now. Raises
    NotProven."""
    id, seconds = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not ID.fullmatch(id) or not NUMBER.fullmatch(seconds):
        raise NotProven("no id and time")
    if abs(now - int(seconds)) > TOLERANCE:
        raise NotProven("another time than ours")
    signed = f"{id}.{seconds}.".encode() + body
    given = headers.get("webhook-signature", "").split(" ")[:10]
    if not any(_holds(key, one, signed) for key in keys for one in given):
        raise NotProven("no key that is pinned signed it")
    told = json.loads(body)
    if told["type"] != MOVED:
        raise NotProven("it is no poke")
    return str(told["data"]["stream"])


def _holds(key, given, signed):
    version, _, text = given.partition(",")
    try:
        key.verify(base64.b64decode(text, validate=True), signed)
    except (InvalidSignature, ValueError):
        return False
    return version == "v1a"


class Pokes:
    """What was heard and not looked after yet."""

    def __init__(self, store):
        self._store, self._heard = store, threading.Event()

    def wait(self, seconds):
        """Returns at the next poke, at once if there was one meanwhile, or after so long."""
        self._heard.wait(seconds)
        self._heard.clear()

    def hear(self, headers, body):
        """The status of our answer."""
        try:
            stream = stream_of(headers, body, self._store.keys().values(), time.time())
        except (NotProven, KeyError, TypeError, ValueError, RecursionError) as why:
            say(f"poke refused: {type(why).__name__} {why}")
            return 401
        say(f"poke: {stream} has moved")
        self._heard.set()
        return 204


@contextmanager
def listening(store, port):
    """Listens on this machine only, as long as the block runs; 0 takes any port."""
    pokes = Pokes(store)

    class Handler(BaseHTTPRequestHandler):
        timeout = SECONDS

        def do_POST(self):
            length = self.headers.get("Content-Length", "")
            if not NUMBER.fullmatch(length) or int(length) > LARGEST:
                self.close_connection = True
                return self._say(413)
            return self._say(pokes.hear(self.headers, self.rfile.read(int(length))))

        def _say(self, status):
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            """Says nothing: what matters is printed."""

    with ThreadingHTTPServer((HERE, port), Handler) as server:
        server.daemon_threads = True
        say(f"listening on http://{HERE}:{server.server_address[1]}")
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        try:
            yield pokes
        finally:
            server.shutdown()
            serving.join()
