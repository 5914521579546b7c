"""What is decreed about rules and posts is told on the monitoring stream: whoever lengthens a limit
does it before the Ombudsman's eyes, and what was decreed cannot be rewritten unseen.

`record` is the SHA-256 of the RFC 8785 form of the row. Who decided is in it by the random id of an
account; the name of an operator who imported is not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from services.escalation.events import rfc3339
from services.escalation.models import Amendment, FeedEntry, FeedPending, PostStanding
from services.escalation.ombudsman import chain, feed

Row = Amendment | PostStanding
TYPES: Mapping[type[Row], str] = {
    Amendment: "feed.rule.amended.v1",
    PostStanding: "feed.post.decreed.v1",
}
SHOWN: Mapping[type[Row], tuple[str, ...]] = {
    Amendment: ("id", "what", "decree", "retroactive", "detail", "decided_at"),
    PostStanding: (
        "id", "post", "agency", "standing", "effective_from", "effective_until", "decree",
        "decided_at",
    ),
}  # fmt: skip
UNSAID = frozenset({"decided_as"})


def tell(tx: Session, row: Row) -> None:
    """Has a row that was just added told to the Ombudsman."""
    tx.flush()
    tx.refresh(row)
    shown = {name: _plain(getattr(row, name)) for name in SHOWN[type(row)]}
    data = shown | {"record": _record(row)}
    feed.write(tx, "monitoring", TYPES[type(row)], "rules", data, row.decided_at)


def first_broken(tx: Session) -> str | None:
    """The first row that is not as it was told, was never told, or is gone. What was decreed before
    the first one that was told is not looked at."""
    for model, type in TYPES.items():
        told = dict(_told(tx, type))
        for row in tx.scalars(sa.select(model).order_by(model.id)):
            if told and row.id >= min(told) and told.get(row.id) != _record(row):
                how = "was changed" if row.id in told else "was never told"
                return f"{model.__tablename__} {row.id} {how}"
        kept = set(tx.scalars(sa.select(model.id)))
        if gone := told.keys() - kept:
            return f"{model.__tablename__} {min(gone)} is gone"
    return None


def _told(tx: Session, type: str) -> Iterator[tuple[int, str]]:
    """Number and record of each row that is on the stream, or waits for its place there."""
    said, waits = FeedEntry.entry["data"], FeedPending.data
    entries = sa.select(said).where(
        FeedEntry.stream == "monitoring", FeedEntry.entry["type"].astext == type
    )
    pending = sa.select(waits).where(FeedPending.type == type)
    for data in (*tx.scalars(entries), *tx.scalars(pending)):
        yield data["id"], data["record"]


def _record(row: Row) -> str:
    columns = sa.inspect(type(row)).column_attrs
    document = {c.key: _plain(getattr(row, c.key)) for c in columns if c.key not in UNSAID}
    return hashlib.sha256(chain.canonical(document)).hexdigest()


def _plain(value: Any) -> Any:
    """As it stands in an entry."""
    if isinstance(value, datetime):
        return rfc3339(value.astimezone(UTC))
    return str(value) if isinstance(value, date | UUID) else value
