"""What the Ombudsman reads: the feed, page after page. Its proofs stand in `witness`."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Semaphore
from typing import Any

import falcon
from sqlalchemy.orm import Session

from chassis import web
from chassis.database import Transactions
from chassis.errors import Invalid, Unauthorized
from chassis.idempotency import Dumped
from chassis.logs import log
from chassis.tokens import bearer
from services.escalation import metrics, schemas
from services.escalation.config import Settings
from services.escalation.ombudsman import acknowledging, epochs, feed

NO_KEY = "this needs the Ombudsman's key"
LOOK_AGAIN = 0.25  # seconds between looks of one who waits
_PLACE = re.compile(r"([1-9]\d{0,9}):(0|[1-9]\d{0,17})")


def cursor(stream: str, epoch: int, position: int) -> str:
    """A place in the feed as clients carry it; what is in it is nobody's business."""
    return base64.urlsafe_b64encode(f"{stream}:{epoch}:{position}".encode()).decode().rstrip("=")


def place(stream: str, given: str, field: str = "after") -> tuple[int, int]:
    """Epoch and position of a cursor. Raises Invalid for one that we did not give out."""
    if not given:
        return 1, 0
    try:
        text = base64.b64decode(given + "=" * (-len(given) % 4), b"-_", validate=True).decode()
    except ValueError:
        text = ""
    its_stream, _, rest = text.partition(":")
    if its_stream != stream or not (found := _PLACE.fullmatch(rest)):
        raise Invalid("this is no cursor of that stream", field, "cursor")
    return int(found[1]), int(found[2])


class Page(Dumped):
    """A page of entries, as text already."""

    def __init__(self, shown: list[feed.Shown], cursor: str, more: bool) -> None:
        super().__init__()
        events = ",\n".join(entry.text for entry in shown)
        self.text = f'{{"events": [{events}], "cursor": "{cursor}", "more": {json.dumps(more)}}}'


def spell(answer: Any) -> str:
    """An answer as JSON; a page is that already."""
    return answer.text if isinstance(answer, Page) else json.dumps(answer, ensure_ascii=False)


class Ombudsman:
    """Lets in who bears the Ombudsman's key."""

    def __init__(self, settings: Settings, db: Transactions) -> None:
        self.db = db
        self._digests = settings.ombudsman_digests()

    def admit(self, req: falcon.Request) -> None:
        """Raises Unauthorized; takes as long for a wrong key as for a right one."""
        key = bearer(req, NO_KEY)
        given = hashlib.sha256(key.strip().encode("utf-8", "replace")).digest()
        known = [hmac.compare_digest(given, digest) for digest in self._digests]
        if not any(known):
            raise Unauthorized(NO_KEY)

    @contextmanager
    def reading(self, stream: str) -> Iterator[Session]:
        """A transaction; a reader who holds another feed than ours raises the alarm."""
        try:
            with self.db.begin() as tx:
                yield tx
        except (epochs.Ahead, acknowledging.Forked) as error:
            metrics.FORKS.labels(stream, error.how).inc()
            log.error("feed_forked", name=error.how)
            raise


class Feed(Ombudsman):
    """`/v1/ombudsman/feed`"""

    def __init__(self, settings: Settings, db: Transactions) -> None:
        super().__init__(settings, db)
        # Who waits holds a thread (and no connection): at most half of them do.
        self._seats = Semaphore(max(1, settings.http_threads // 2))

    @web.operation(
        "Entries after a cursor, in order and without a gap; waits for one if told to",
        query=schemas.FeedQuery,
        answers={200: schemas.Feed, 304: None},
        errors=(401, 409),
        security="ombudsman",
    )
    def on_get(self, req: falcon.Request, query: dict[str, Any]) -> web.Answer:
        """From the beginning, without a cursor. `wait` holds the answer back for so many seconds at
        most, until something is there. 304 to an `If-None-Match` with the `ETag` of the answer that
        this one would repeat. Refused (422): what is no cursor of this stream (rule `cursor`).
        Refused (409) by its `code`: one beyond the end after a restore, for as long as no epoch was
        opened (`ahead`: ask again later), or one that the restore has taken (`lost_future`: read on
        from /v1/ombudsman/epochs)."""
        self.admit(req)
        stream, limit = query["stream"], query["limit"]
        epoch, position = place(stream, query["after"])
        found = self._wait(stream, epoch, position, limit, query["wait"])
        shown, more = found[:limit], len(found) > limit
        if shown:
            epoch, position = shown[-1].epoch, shown[-1].position
        tag = f'"{len(shown)}-{cursor(stream, epoch, position)}-{more:d}"'
        if tag in (req.get_header("If-None-Match") or "").split(", "):
            return web.Answer(None, 304, {"ETag": tag})
        after = cursor(stream, epoch, position)
        return web.Answer(Page(shown, after, more), headers={"ETag": tag})

    def _wait(
        self, stream: str, epoch: int, position: int, limit: int, seconds: int
    ) -> list[feed.Shown]:
        """What is there; while nothing is, looks again until `seconds` are over."""
        found = self._read(stream, epoch, position, limit)
        if found or not seconds or not self._seats.acquire(blocking=False):
            return found
        try:
            until = time.monotonic() + seconds
            while not found and time.monotonic() < until:
                time.sleep(LOOK_AGAIN)
                found = self._read(stream, epoch, position, limit)
            return found
        finally:
            self._seats.release()

    def _read(self, stream: str, epoch: int, position: int, limit: int) -> list[feed.Shown]:
        """One more than `limit`, to know whether there is more."""
        with self.reading(stream) as tx:
            epochs.check(tx, stream, epoch, position)
            return feed.read(tx, stream, epoch, position, limit + 1)
