"""The feed's entries on streams of the broker too, for a consumer that stands beside it.

HTTP stays the source of truth: an entry is sent once it has its place, as the same text, in order
and at least once. Whoever reads knows by epoch and position what it has had. A broker that is away
holds nothing up; the streams catch up when it is back.
"""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urlsplit, urlunsplit

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.database import Transactions
from chassis.failpoints import failpoint
from chassis.wire import InDoubt, Publisher
from services.escalation.models import FeedBroadcast
from services.escalation.ombudsman import feed

HOST = "ombudsman"  # the virtual host of the streams: whoever reads them enters no other
EXCHANGE = "feed"
BATCH = 500
_MORE = sa.text("""
SELECT (SELECT true FROM feed_entry e
        WHERE e.stream = b.stream AND (e.epoch, e.position) > (b.epoch, b.position) LIMIT 1)
FROM feed_broadcast b WHERE b.stream = :stream
""")


class Broadcaster:
    """This process's connection to the streams; made when there is something to send."""

    def __init__(self, uri: str, *, own_host: bool = True) -> None:
        """On a broker with one account for all, the streams stand beside everything else."""
        self._uri = urlunsplit(urlsplit(uri)._replace(path=f"/{HOST}")) if own_host else uri
        self._publisher: Publisher | None = None

    def turn(self, db: Transactions, stream: str) -> int:
        """Sends a batch of what has not been sent; returns its size. On any doubt the connection is
        dropped and the batch sent again later."""
        try:
            with db.begin() as tx:
                if not tx.scalar(_MORE, {"stream": stream}):  # nobody is locked out for nothing
                    return self._wait()
            if self._publisher is None:  # with nothing locked: a broker may take half a minute
                self._publisher = Publisher(self._uri, EXCHANGE)
            with db.begin() as tx:
                return self._send(tx, stream, self._publisher)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Drops the connection."""
        publisher, self._publisher = self._publisher, None
        if publisher:
            with suppress(Exception):
                publisher.close()

    def _send(self, tx: Session, stream: str, publisher: Publisher) -> int:
        held = sa.select(FeedBroadcast).where(FeedBroadcast.stream == stream)
        sent = tx.scalars(held.with_for_update(skip_locked=True)).one_or_none()
        if sent is None:  # another process is at it
            return 0
        found = feed.read(tx, stream, sent.epoch, sent.position, BATCH)
        if not found:  # another process has just sent it
            return self._wait()
        batch = {
            one.position: (stream, f"{one.epoch}:{one.position}", one.text.encode())
            for one in found
        }
        if publisher.publish(batch) != batch.keys():
            raise InDoubt("entries of the feed were refused")
        failpoint("feed.after_broadcast")
        sent.epoch, sent.position = found[-1].epoch, found[-1].position
        return len(found)

    def _wait(self) -> int:
        if self._publisher:
            self._publisher.beat()
        return 0


def again(tx: Session, stream: str) -> None:
    """Has everything sent once more, after the broker lost its streams."""
    tx.execute(
        sa.update(FeedBroadcast).where(FeedBroadcast.stream == stream).values(epoch=0, position=0)
    )
