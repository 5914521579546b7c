"""What proves the feed: its keys, its end, and the checkpoints that the Ombudsman keeps."""

from __future__ import annotations

import base64
from typing import Any

import falcon

from chassis import web
from chassis.database import Transactions
from services.escalation import checkpoints, feed, schemas
from services.escalation.models import FeedEntry, FeedStream
from services.escalation.ombudsman import Ombudsman, cursor, place


class Keys:
    """`/v1/ombudsman/keys`"""

    def __init__(self, db: Transactions) -> None:
        self.db = db

    @web.operation("The public keys that the feed was signed with", answers={200: schemas.Keys})
    def on_get(self, req: falcon.Request) -> dict[str, Any]:
        with self.db.begin() as tx:
            return {"keys": [row.jwk for row in feed.keys(tx)]}


class End(Ombudsman):
    """`/v1/ombudsman/checkpoint`"""

    @web.operation(
        "The signed end of a stream, for the Ombudsman to keep",
        query=schemas.StreamQuery,
        answers={200: schemas.End},
        security="ombudsman",
    )
    def on_get(self, req: falcon.Request, query: dict[str, Any]) -> dict[str, Any]:
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
        security="ombudsman",
    )
    def on_get(self, req: falcon.Request, query: dict[str, Any]) -> dict[str, Any]:
        self.admit(req)
        stream, limit = query["stream"], query["limit"]
        at = place(stream, query["after"])
        with self.db.begin() as tx:
            found = checkpoints.read(tx, stream, at, limit + 1)
        shown, more = found[:limit], len(found) > limit
        if shown:
            at = shown[-1].epoch, shown[-1].position
        listed = [{**one.document(), "signature": _base64(one.signature)} for one in shown]
        return {"checkpoints": listed, "cursor": cursor(stream, *at), "more": more}


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")
