"""The trail: proof that what officers did, and were refused, was not changed afterwards.

The rows of `PROVED` are hashed one by one into links, each bound to the one before:

    hash = SHA-256(hash of the link before (32 zero bytes for the first) || RFC 8785 form of it)

Whoever owns the database can rewrite rows and links alike. What they cannot reach is the hash that
each link tells when it is made: escalation puts it on the feed, and the Ombudsman keeps it.

A number is given to a row before its transaction commits, so rows do not come in the order of their
numbers. The newest number is marked; what is up to it is linked `SETTLED` later, when every
transaction of that moment has ended.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import rfc8785
import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.events import rfc3339
from chassis.outbox import emit
from services.routing import events
from services.routing.models import TrailLink, TrailMark

# Each table with what is proved of its rows. A link names the columns that its rows were hashed by.
PROVED = {
    "case_event": (
        "number", "at", "recorded_at", "action", "role", "officer_id", "agency", "why", "refused",
        "changes",
    ),
    "officer_event": ("officer_id", "by", "deed", "at", "recorded_at"),
    "agency_event": ("agency", "by", "at", "recorded_at", "changes"),
    "denial": (
        "at", "recorded_at", "officer_id", "method", "route", "status", "number", "times",
    ),
}  # fmt: skip
NOTED = "recorded_at"  # when a row came, as the database says
# Which columns links were made with. A column that comes later makes another set; these stay.
USED = {name: (frozenset(columns),) for name, columns in PROVED.items()}
BEFORE_ALL = -(2**63)  # a number before every row's
GENESIS = bytes(32)
SETTLED = timedelta(minutes=10)  # longer than any transaction lasts
MOST = 1_000  # rows of a table in one link

_LOCK = sa.text("SELECT pg_try_advisory_xact_lock(hashtext('routing.trail'))")
_PLAIN = sa.text("SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO'")  # as rows are spelled
_AGE = sa.text("SELECT extract(epoch FROM clock_timestamp() - min(at)) FROM trail_mark")
_NOW = sa.text(
    "SELECT clock_timestamp() AS at, CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS next"
)
_REACHED = sa.text("SELECT pg_snapshot_xmax(pg_current_snapshot()) >= CAST(:horizon AS xid8)")
_ENDED = sa.text("SELECT pg_snapshot_xmin(pg_current_snapshot()) >= CAST(:horizon AS xid8)")


@dataclass(frozen=True)
class Broken:
    """The first link that does not hold, and what is wrong with it."""

    position: int
    what: str


def extend(tx: Session, settled: timedelta = SETTLED) -> bool:
    """Adds the link that is due, if one is, and tells its hash; whether another is due at once."""
    if not tx.execute(_LOCK).scalar_one():
        return False  # another worker is at it
    tx.execute(_PLAIN)
    mark, now = tx.get(TrailMark, True), tx.execute(_NOW).one()
    if mark is None or mark.at > now.at or not _is_whole(mark) or not _is_of_here(tx, mark):
        tx.merge(_mark(tx))
        return False
    if mark.at > now.at - settled or not tx.scalar(_ENDED, {"horizon": mark.horizon}):
        return False
    full = _link(tx, mark, now.at)
    if not full:
        tx.merge(_mark(tx))
    return full


def _is_whole(mark: TrailMark) -> bool:
    """Whether it knows every table: a version before this may have had fewer."""
    return mark.through.keys() >= PROVED.keys()


def _is_of_here(tx: Session, mark: TrailMark) -> bool:
    """Whether this database has reached the mark's transactions: one that was restored into another
    server may have hardly begun."""
    return bool(tx.scalar(_REACHED, {"horizon": mark.horizon}))


def age(tx: Session) -> float:
    """For how many seconds what is done has waited for its link."""
    return float(tx.scalar(_AGE) or 0)


def _mark(tx: Session) -> TrailMark:
    """The newest numbers, and then the transactions: those that have a number are among them."""
    newest = {name: sa.select(sa.func.max(_id)).select_from(sa.table(name)) for name in PROVED}
    through = {name: tx.scalar(found) or 0 for name, found in newest.items()}
    now = tx.execute(_NOW).one()
    return TrailMark(one=True, through=through, horizon=now.next, at=now.at)


def _link(tx: Session, mark: TrailMark, at: datetime) -> bool:
    """Links what is new up to the mark; whether that was more than one link holds."""
    last = tx.scalars(sa.select(TrailLink).order_by(TrailLink.position.desc()).limit(1)).first()
    before = _through(last.entry if last else None)
    marked_at = _marked_at(last.entry if last else None)
    tables: dict[str, Any] = {}
    for name, columns in PROVED.items():
        rows = list(_hashes(tx, name, columns, before[name], mark.through[name], MOST))
        full = len(rows) == MOST  # what follows then came after the mark before, too
        tables[name] = {
            "columns": list(columns),
            "rows": rows,
            "through": rows[-1][0] if full else mark.through[name],
            "marked_at": marked_at[name] if full else _moment(mark.at),
        }
    count = sum(len(table["rows"]) for table in tables.values())
    if not count:
        return False
    position, prev_hash = (last.position, last.hash) if last else (0, GENESIS)
    entry = {"position": position + 1, "at": _moment(at), "tables": tables}
    hash = digest(prev_hash, entry)
    tx.add(TrailLink(position=position + 1, prev_hash=prev_hash, hash=hash, entry=entry))
    emit(tx, events.trail_extended(position + 1, hash, count, at))
    return any(len(table["rows"]) == MOST for table in tables.values())


def verify(tx: Session, witnessed: Mapping[int, bytes] | None = None) -> tuple[int, Broken | None]:
    """Checks every link against its rows, and against the hashes that others kept of some: how many
    rows hold, and the first thing that does not. That the end is missing only a witness shows."""
    tx.execute(_PLAIN)
    kept, held, before = dict(witnessed or {}), 0, None
    ordered = sa.select(TrailLink).order_by(TrailLink.position)
    for link in tx.scalars(ordered.execution_options(yield_per=10)):
        expected = before.position + 1 if before else 1
        if wrong := _wrong_link(link, before, expected, kept.pop(expected, link.hash)):
            return held, Broken(expected, wrong)
        for name, proved in link.entry["tables"].items():
            proved_before = before.entry["tables"].get(name, {}) if before else {}
            if wrong := _wrong_row(tx, name, proved, proved_before):
                return held, Broken(expected, f"{name} {wrong}")
            held += len(proved["rows"])
        before = link
    if kept:
        return held, Broken(min(kept), "the link was witnessed and is missing")
    return held, None


def _wrong_link(
    link: TrailLink, before: TrailLink | None, position: int, witnessed: bytes
) -> str | None:
    prev_hash = before.hash if before else GENESIS
    if link.position != position:
        return "the link is missing"
    if link.prev_hash != prev_hash or not _is_hashed(link):
        return "the link was changed"
    if link.hash != witnessed:
        return "another link was witnessed"
    if not _is_link(link, before):
        return "no link that was ever made"
    return None


def _is_hashed(link: TrailLink) -> bool:
    try:
        return link.hash == digest(link.prev_hash, link.entry)
    except (TypeError, ValueError, rfc8785.CanonicalizationError):  # nothing that we ever wrote
        return False


def _is_link(link: TrailLink, before: TrailLink | None) -> bool:
    """Whether it says what a link says, and no earlier than the one before: forgers hash well."""
    try:
        at, tables = datetime.fromisoformat(link.entry["at"]), link.entry["tables"]
        reached, since = _through(before and before.entry), before and before.entry["at"]
        return (
            (since is None or at >= datetime.fromisoformat(since))
            and tables.keys() >= (before.entry["tables"].keys() if before else set())
            and all(frozenset(tables[name]["columns"]) in USED[name] for name in tables)
            and all(tables[name]["through"] >= reached[name] for name in tables)
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return False


def _wrong_row(
    tx: Session, name: str, proved: Mapping[str, Any], before: Mapping[str, Any]
) -> str | None:
    """The first row of a table that is not as it was linked."""
    after, through = before.get("through", BEFORE_ALL), proved["through"]
    marked_at = before.get("marked_at")
    known = dict(proved["rows"])
    for id, hash in _hashes(tx, name, proved["columns"], after, through):
        if id not in known:
            return f"{id} was added"
        if known.pop(id) != hash:
            return f"{id} was changed"
    if known:
        return f"{min(known)} is missing"
    if marked_at:
        since = datetime.fromisoformat(marked_at) - SETTLED
        noted = sa.column(NOTED, sa.DateTime(timezone=True))
        found = sa.select(sa.func.min(_id)).select_from(sa.table(name))
        early = tx.scalar(found.where(_id > after, _id <= through, noted < since))
        return None if early is None else f"{early} was noted before its time"
    return None


def digest(prev_hash: bytes, entry: Mapping[str, Any]) -> bytes:
    """The hash that binds a link to all before it."""
    return hashlib.sha256(prev_hash + rfc8785.dumps(dict(entry))).digest()


_id = sa.column("id", sa.BigInteger)


def _hashes(
    tx: Session, name: str, columns: Any, after: int, through: int, most: int | None = None
) -> Iterator[list[Any]]:
    """Number and hash of each row after one number up to another, as the database spells it."""
    spelled = [sa.cast(sa.column(column), sa.Text).label(column) for column in columns]
    found = sa.select(_id, *spelled).select_from(sa.table(name)).order_by(_id).limit(most)
    for row in tx.execute(found.where(_id > after, _id <= through)).mappings():
        told = rfc8785.dumps({column: row[column] for column in columns})
        yield [row["id"], hashlib.sha256(told).hexdigest()]


def _through(entry: Mapping[str, Any] | None) -> dict[str, int]:
    """How far the tables were linked: one that came later begins at its beginning."""
    reached = {name: table["through"] for name, table in entry["tables"].items()} if entry else {}
    return dict.fromkeys(PROVED, BEFORE_ALL) | reached


def _marked_at(entry: Mapping[str, Any] | None) -> dict[str, str | None]:
    """When the tables were last marked, if that is known."""
    tables = entry["tables"] if entry else {}
    known = {name: table.get("marked_at") for name, table in tables.items()}
    return dict.fromkeys(PROVED) | known


def _moment(at: datetime) -> str:
    return rfc3339(at.astimezone(UTC))
