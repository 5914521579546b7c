"""What is decreed about rules and posts is told on the monitoring stream: whoever lengthens a limit
does it before the Ombudsman's eyes. So does who would send its pokes to another host. That an
officer was refused is told too, but not who, nor what. Nothing of it can be rewritten unseen.

`record` is the SHA-256 of the RFC 8785 form of the row. Who decided, or was refused, is in it by
the random id of an account; the name of an operator who imported is not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from itertools import chain as chain_of
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.database import AS_OF_NOW
from services.escalation.events import rfc3339
from services.escalation.models import (
    Amendment,
    CalendarAssignment,
    CalendarDay,
    CalendarWeek,
    Denial,
    FeedEntry,
    FeedPending,
    FeedTarget,
    LadderRule,
    LimitRule,
    LocalDay,
    PostStanding,
)
from services.escalation.ombudsman import chain, feed
from services.escalation.rules import entered
from services.escalation.rules.defaults import IN_FORCE, LADDER, LIMITS, LOCAL

Row = Amendment | PostStanding | Denial | FeedTarget


class Kind(NamedTuple):
    """What is told of a row once it has a moment `at`: these columns, and the hash of the row
    without what is `unsaid`."""

    model: type[Row]
    type: str
    subject: str
    at: str
    shown: tuple[str, ...]
    unsaid: frozenset[str] = frozenset()


KINDS = (
    Kind(
        Amendment, "feed.rule.amended.v1", "rules", "decided_at",
        ("id", "what", "decree", "retroactive", "detail", "decided_at"), frozenset({"decided_as"}),
    ),
    Kind(
        PostStanding, "feed.post.decreed.v1", "rules", "decided_at",
        (
            "id", "post", "agency", "standing", "effective_from", "effective_until", "decree",
            "decided_at",
        ),
    ),
    Kind(Denial, "feed.access.denied.v1", "access", "at", ("id",)),
    Kind(
        FeedTarget, "feed.target.proposed.v1", "target", "proposed_at",
        ("id", "host", "proposed_at"), frozenset({"confirmed_by", "confirmed_at"}),
    ),
    Kind(
        FeedTarget, "feed.target.confirmed.v1", "target", "confirmed_at",
        ("id", "host", "confirmed_at"),
    ),
)  # fmt: skip
# Where the rows of a kind of amendment stand, and what its detail calls otherwise.
RULES: Mapping[str, Any] = {
    "limit": LimitRule,
    "rung": LadderRule,
    "week": CalendarWeek,
    "assignment": CalendarAssignment,
    "day": LocalDay,
}
ATTRIBUTES = {"class": "klass"}


def tell(tx: Session, row: Row) -> None:
    """Has the last that happened to a row told to the Ombudsman. It waits for nobody's lock."""
    tx.flush()
    tx.refresh(row)
    happened = (kind for kind in KINDS if type(row) is kind.model and getattr(row, kind.at))
    *_, kind = happened
    shown = {name: _plain(getattr(row, name)) for name in kind.shown}
    data = shown | {"record": _record(row, kind)}
    feed.write(tx, "monitoring", kind.type, kind.subject, data, getattr(row, kind.at))


def first_broken(tx: Session) -> str | None:
    """The first row that is not as it was told, was never told, or is gone; then the first rule
    that is not as it was decreed. What was written before the first row of its kind that was told
    is not looked for on the stream. Call it at the beginning of a transaction."""
    tx.execute(AS_OF_NOW)  # what is told may get its place on the stream meanwhile
    found = chain_of(_wrong_rows(tx), _wrong_rules(tx), _wrong_days(tx))
    return next(found, None)


def _wrong_rows(tx: Session) -> Iterator[str]:
    told = {kind: dict(_told(tx, kind.type)) for kind in KINDS}
    for kind in KINDS:
        said, name = told[kind], kind.model.__tablename__
        since = min((id for k in KINDS if k.model is kind.model for id in told[k]), default=None)
        kept = {row.id: _record(row, kind) for row in _rows(tx, kind)}
        for id, record in kept.items():
            if since is not None and id >= since and said.get(id) != record:
                yield f"{name} {id} {'was changed' if id in said else 'was never told'}"
        for id in sorted(said.keys() - kept.keys()):
            yield f"{name} {id} is gone"


def _rows(tx: Session, kind: Kind) -> Iterator[Row]:
    happened = getattr(kind.model, kind.at).is_not(None)
    found = sa.select(kind.model).where(happened).order_by(kind.model.id)
    yield from tx.scalars(found.execution_options(yield_per=1000))


def _wrong_rules(tx: Session) -> Iterator[str]:
    """What clocks are measured by. A calendar's first week comes with the calendar."""
    for what, model in RULES.items():
        decreed = sa.select(Amendment).where(Amendment.what == what, Amendment.row_id.is_not(None))
        of = {amendment.row_id: amendment for amendment in tx.scalars(decreed)}
        rows, name = tx.scalars(sa.select(model).order_by(model.id)).all(), model.__tablename__
        for row in rows:
            if row.id not in of:
                if not _came_with_the_system(row):
                    yield f"{name} {row.id} was never decreed"
            elif not _is_as_decreed(row, of[row.id]):
                yield f"{name} {row.id} is not as it was decreed"
        for id in sorted(of.keys() - {row.id for row in rows}):
            yield f"{name} {id} is gone"


def _wrong_days(tx: Session) -> Iterator[str]:
    """Of the nation's days those that somebody entered or took back; the others are the package's
    (`import-calendar` shows where they differ)."""
    decreed, name = entered.standing(tx), CalendarDay.__tablename__
    rows = {row.day: row for row in tx.scalars(sa.select(CalendarDay))}
    for day, known in sorted(decreed.items()):
        row = rows.get(day)
        if row is None and known.off:
            yield f"{name} {day} is gone"
        elif row is not None and (row.kind, row.name, row.basis) != known[1:]:
            yield f"{name} {day} is not as it was decreed"
    for day, row in sorted(rows.items()):
        if not row.imported and day not in decreed and row.kind != "local":
            yield f"{name} {day} was never decreed"


def _is_as_decreed(row: Any, amendment: Amendment) -> bool:
    said = amendment.detail.items()
    return row.decree == amendment.decree and all(
        _plain(getattr(row, ATTRIBUTES.get(name, name))) == value for name, value in said
    )


def _came_with_the_system(row: Any) -> bool:
    if isinstance(row, LimitRule):
        limit = row.clock, row.kind, row.klass, row.days, row.unit, row.decree
        return limit in LIMITS and row.effective_from == IN_FORCE
    if isinstance(row, LadderRule):
        rung = row.clock, row.klass, row.level, row.after_days, row.brought_to
        return rung in LADDER and (row.decree, row.effective_from) == (LOCAL, IN_FORCE)
    return isinstance(row, CalendarWeek)


def _told(tx: Session, type: str) -> Iterator[tuple[int, str]]:
    """Number and record of each row that is on the stream, or waits for its place there."""
    said, waits = FeedEntry.entry["data"], FeedPending.data
    entries = sa.select(said).where(
        FeedEntry.stream == "monitoring", FeedEntry.entry["type"].astext == type
    )
    pending = sa.select(waits).where(FeedPending.type == type)
    for data in (*tx.scalars(entries), *tx.scalars(pending)):
        yield data["id"], data["record"]


def _record(row: Row, kind: Kind) -> str:
    columns = sa.inspect(kind.model).column_attrs
    document = {c.key: _plain(getattr(row, c.key)) for c in columns if c.key not in kind.unsaid}
    return hashlib.sha256(chain.canonical(document)).hexdigest()


def _plain(value: Any) -> Any:
    """As it stands in an entry."""
    if isinstance(value, datetime):
        return rfc3339(value.astimezone(UTC))
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, date | UUID) else value
