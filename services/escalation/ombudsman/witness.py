"""What proves the feed: its keys, its end, and the checkpoints that the Ombudsman keeps."""

from __future__ import annotations

import base64
from typing import Any

import falcon

from chassis import web
from chassis.clock import Clock
from chassis.database import Transactions
from services.escalation import schemas
from services.escalation.config import Settings
from services.escalation.models import FeedEntry, FeedEpoch, FeedPulse, FeedStream
from services.escalation.ombudsman import acknowledging, checkpoints, epochs, pulses, signing
from services.escalation.ombudsman.doors import Ombudsman, cursor, place


class Keys:
    """`/v1/ombudsman/keys`"""

    def __init__(self, db: Transactions) -> None:
        self.db = db

    @web.operation(
        "The public keys that the feed was signed with, and will be", answers={200: schemas.Keys}
    )
    def on_get(self, req: falcon.Request) -> dict[str, Any]:
        """A JWK set (RFC 7517), for everybody."""
        with self.db.begin() as tx:
            return {"keys": [one.document() for one in signing.published(tx)]}


class End(Ombudsman):
    """`/v1/ombudsman/checkpoint`"""

    @web.operation(
        "The signed end of a stream, for the Ombudsman to keep",
        query=schemas.StreamQuery,
        answers={200: schemas.End},
        security="ombudsman",
    )
    def on_get(self, req: falcon.Request, query: dict[str, Any]) -> dict[str, Any]:
        """Where the stream stands at this moment."""
        self.admit(req)
        stream = query["stream"]
        with self.db.begin() as tx:
            end = tx.get_one(FeedStream, stream)
            last = tx.get(FeedEntry, (stream, end.epoch, end.position))
        return {
            "stream": stream,
            "epoch": end.epoch,
            "position": end.position,
            "hash": end.hash.hex(),
            "signature": _base64(last.signature) if last else None,
            "kid": last.kid if last else None,
            "cursor": cursor(stream, end.epoch, end.position),
        }


class Checkpoints(Ombudsman):
    """`/v1/ombudsman/checkpoints`"""

    @web.operation(
        "Signed checkpoints after a cursor, in order: one for 100 entries or ten minutes",
        query=schemas.CheckpointsQuery,
        answers={200: schemas.Checkpoints},
        errors=(401, 409),
        security="ombudsman",
    )
    def on_get(self, req: falcon.Request, query: dict[str, Any]) -> dict[str, Any]:
        """From the beginning, without a cursor. Whoever keeps them can prove what the feed said.
        With them comes the stream's newest pulse: whoever holds the feed back has no fresh one.
        Refused (422): what is no cursor of this stream (rule `cursor`); and (409) as a cursor of
        the feed is (`ahead`, `lost_future`)."""
        self.admit(req)
        stream, limit = query["stream"], query["limit"]
        at = place(stream, query["after"])
        with self.reading(stream) as tx:
            epochs.check(tx, stream, *at)
            found, pulse = checkpoints.read(tx, stream, at, limit + 1), tx.get(FeedPulse, stream)
        shown, more = found[:limit], len(found) > limit
        if shown:
            at = shown[-1].epoch, shown[-1].position
        listed = [{**one.document(), "signature": _base64(one.signature)} for one in shown]
        told = {"checkpoints": listed, "cursor": cursor(stream, *at), "more": more}
        return told | {"pulse": pulse and _pulse(pulse)}


def _pulse(row: FeedPulse) -> dict[str, Any]:
    return {**pulses.document(row), "signature": _base64(row.signature)}


class Epochs(Ombudsman):
    """`/v1/ombudsman/epochs`"""

    @web.operation(
        "The epochs that followed another after the feed was restored",
        query=schemas.StreamQuery,
        answers={200: schemas.Epochs},
        security="ombudsman",
    )
    def on_get(self, req: falcon.Request, query: dict[str, Any]) -> dict[str, Any]:
        """Empty, unless the feed was ever restored from a backup."""
        self.admit(req)
        stream = query["stream"]
        with self.db.begin() as tx:
            return {"epochs": [_epoch(stream, row) for row in epochs.opened(tx, stream)]}


def _epoch(stream: str, row: FeedEpoch) -> dict[str, Any]:
    before = {"epoch": row.before_epoch, "position": row.before_position}
    return {
        "stream": stream,
        "epoch": row.epoch,
        "opened_at": row.opened_at,
        "before": before | {"hash": row.before_hash.hex()},
        "cursor": cursor(stream, row.before_epoch, row.before_position),
    }


class Acknowledgements(Ombudsman):
    """`/v1/ombudsman/acknowledgements`"""

    def __init__(self, settings: Settings, db: Transactions, clock: Clock) -> None:
        super().__init__(settings, db)
        self._clock = clock

    @web.operation(
        "The Ombudsman has everything up to a cursor, and its last entry has this hash",
        body=schemas.Acknowledge,
        answers={200: schemas.Acknowledged},
        errors=(401, 409),
        security="ombudsman",
    )
    def on_post(self, req: falcon.Request, body: dict[str, Any]) -> dict[str, Any]:
        """May be said again. Refused (409) where the entry has another hash here (`forked`), or
        more was acknowledged before (`acknowledged_further`), and as a cursor of the feed is.
        Refused (422): what is no cursor of this stream (rule `cursor`), or of no entry
        (`entry`)."""
        self.admit(req)
        stream, hash = body["stream"], bytes.fromhex(body["hash"])
        epoch, position = place(stream, body["cursor"], "cursor")
        with self.reading(stream) as tx:
            now = self._clock.now()
            at = acknowledging.acknowledge(tx, stream, epoch, position, hash, now)
        return {"stream": stream, "epoch": epoch, "position": position, "at": at}


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")
