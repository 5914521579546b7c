"""The Ombudsman's feed: two streams of entries, gapless, chained and signed (`chain`).

What shall be appended is written to `feed_pending` in the transaction of its cause. One appender at
a time gives positions, and only to what is committed: so no reader can pass a position that a
slower transaction fills later. Pending rows are picked by being there, never by `id > last`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from sqlalchemy.orm import Session

from chassis.failpoints import failpoint
from chassis.outbox import emit
from services.escalation import events
from services.escalation.models import Dossier, FeedEntry, FeedPending, FeedStream
from services.escalation.ombudsman import chain, checkpoints, pulses, signing
from services.escalation.ombudsman.signing import Signer, Signers

BATCH = 100
HANDED_OVER = "feed.case.handed_over.v1"
ANSWERED = "feed.case.answered.v1"
ERASED = "feed.case.erased.v1"
CONSENT_ENDED = "feed.case.consent_ended.v1"
TRAIL = "feed.trail.extended.v1"
RECEIPT_KEY = "feed.receipt_key.shown.v1"
_LOCK = sa.text("SELECT pg_try_advisory_xact_lock(hashtext('escalation.feed.' || :stream))")
_WAIT = sa.text("SELECT pg_advisory_xact_lock(hashtext('escalation.feed.' || :stream))")
# What no copy of the rows takes along: the cluster, its history, and the table as it was made.
_HERE = sa.text("""
SELECT (SELECT system_identifier FROM pg_control_system())
    || ':' || left(pg_walfile_name(pg_current_wal_lsn()), 8)
    || ':' || 'feed_stream'::regclass::oid
""")
_AWAITS = sa.text(f"""
SELECT EXISTS (SELECT 1 FROM feed_stream WHERE origin <> ({_HERE}))
""")  # noqa: S608 - a constant
_DUE = sa.text("""
SELECT s.stream FROM feed_stream s
LEFT JOIN LATERAL (SELECT epoch, position FROM feed_checkpoint c WHERE c.stream = s.stream
                   ORDER BY epoch DESC, position DESC LIMIT 1) covered ON true
LEFT JOIN feed_pulse pulse ON pulse.stream = s.stream
CROSS JOIN LATERAL (
    SELECT count(*) AS entries, min(appended_at) AS since FROM (
        SELECT e.appended_at FROM feed_entry e WHERE e.stream = s.stream
        AND (e.epoch, e.position) > (coalesce(covered.epoch, 0), coalesce(covered.position, 0))
        ORDER BY e.epoch, e.position LIMIT :full) AS first
) uncovered
WHERE s.origin <> :here
   OR EXISTS (SELECT FROM feed_pending p WHERE p.stream = s.stream)
   OR uncovered.entries = :full OR uncovered.since <= :since
   OR pulse.at IS NULL OR pulse.at <= :before OR pulse.at >= :behind
ORDER BY s.stream DESC
""")


class Restored(RuntimeError):
    """The database was restored and no epoch has been opened: the places after the last entry may
    have been read already, with other entries."""


def write(
    tx: Session, stream: str, type: str, subject: str, data: Mapping[str, Any], now: datetime
) -> None:
    """Has an entry appended once `tx` has committed."""
    tx.add(pending(stream, type, subject, data, now))
    tx.flush()


def pending(
    stream: str, type: str, subject: str, data: Mapping[str, Any], now: datetime
) -> FeedPending:
    """What becomes an entry."""
    return FeedPending(
        stream=stream,
        event_id=uuid4(),
        type=type,
        subject=subject,
        time=now,
        data=dict(data),
        written_at=now,
    )


def locked(tx: Session, stream: str, *, restored: bool = False) -> FeedStream:
    """The end of a stream, once nobody else appends to it. Raises Restored, unless that is why it
    is asked for."""
    tx.execute(_WAIT, {"stream": stream})
    return _end(tx, stream, restored=restored)


def is_restored(tx: Session, end: FeedStream) -> bool:
    """Whether the places up to this end were given in another database, and no epoch was opened in
    this one."""
    return end.origin != here(tx)


def awaits_epoch(tx: Session) -> bool:
    """Whether any stream is so: whoever restored the database has not said so yet."""
    return bool(tx.scalars(_AWAITS).one())


def here(tx: Session) -> str:
    """What tells this database from any that it is restored to."""
    return str(tx.execute(_HERE).scalar_one())


def due(tx: Session, signers: Signers, now: datetime) -> list[str]:
    """The streams that have something to append, a checkpoint or a pulse to sign or an epoch to ask
    for. It locks nothing: a lock is written to the disk, and this is asked twice a second for ever.
    Raises KeyMissing."""
    signers.current(tx, now)
    asked = {"here": here(tx), "full": chain.CHECKPOINT_EVERY, "since": now - checkpoints.LONGEST}
    asked |= {"before": now - pulses.EVERY, "behind": now + pulses.EVERY}
    return list(tx.scalars(_DUE, asked))


def append(tx: Session, stream: str, signers: Signers, now: datetime) -> int:
    """Appends committed entries of a stream, `BATCH` at most, and signs checkpoints and the pulse
    as they are due; returns how many entries. A hand-over goes alone: it is also told on the bus,
    and holds only its own case's place there. Raises Restored, and KeyMissing."""
    if not tx.execute(_LOCK, {"stream": stream}).scalar_one():
        return 0
    end, signer = _end(tx, stream), signers.current(tx, now)
    batch = 1 if stream == "handovers" else BATCH
    waiting = sa.select(FeedPending).where(FeedPending.stream == stream)
    found = tx.scalars(waiting.order_by(FeedPending.id).limit(batch)).all()
    for row in found:
        append_one(tx, end, row, signer, now)
        tx.delete(row)
    tx.flush()
    checkpoints.cover(tx, stream, signer, now)
    failpoint("feed.before_commit")
    return len(found)


def _end(tx: Session, stream: str, *, restored: bool = False) -> FeedStream:
    # writers hold a key share of this row (feed_pending refers to it) and must not wait for us
    end = tx.get_one(
        FeedStream, stream, with_for_update={"key_share": True}, populate_existing=True
    )
    if not restored and is_restored(tx, end):
        raise Restored("escalation's database was restored: open-epoch, then the feed goes on")
    return end


def append_one(
    tx: Session, end: FeedStream, row: FeedPending, signer: Signer, now: datetime
) -> None:
    """Gives one entry the next place. Whoever calls holds the stream's lock."""
    end.position += 1
    entry = _entry(end, row)
    hash = chain.digest(end.hash, entry)
    tx.add(
        FeedEntry(
            stream=end.stream,
            epoch=end.epoch,
            position=end.position,
            prev_hash=end.hash,
            hash=hash,
            signature=signer.sign(hash),
            kid=signer.kid,
            entry=entry,
            appended_at=now,
        )
    )
    end.hash = hash
    if row.type == HANDED_OVER:
        made = tx.get_one(Dossier, row.subject)  # written with the row
        emit(tx, events.handed_over(made, end.position, now))


def _entry(end: FeedStream, row: FeedPending) -> dict[str, Any]:
    """What is hashed and signed: a CloudEvent with its place in the feed."""
    return {
        "specversion": "1.0",
        "datacontenttype": "application/json",
        "id": str(row.event_id),
        "source": f"/escalation/feed/{end.stream}",
        "type": row.type,
        "subject": row.subject,
        "time": events.rfc3339(row.time.astimezone(UTC)),
        "epoch": end.epoch,
        "position": end.position,
        "data": row.data,
    }


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry as it is shown: its place, and the JSON of the event with its proof."""

    epoch: int
    position: int
    text: str


def read(tx: Session, stream: str, epoch: int, position: int, limit: int) -> list[Shown]:
    """The entries after a place, in order. The database spells the event and nobody reads it on the
    way: it is most of what a cold reader costs."""
    asked = {"stream": stream, "epoch": epoch, "position": position, "limit": limit}
    return [
        Shown(row.epoch, row.position, _text(row)) for row in tx.connection().execute(_READ, asked)
    ]


_READ = sa.text("""
SELECT epoch, position, entry::text AS entry, encode(prev_hash, 'hex') AS prev_hash,
       encode(hash, 'hex') AS hash, signature, kid
FROM feed_entry WHERE stream = :stream AND (epoch, position) > (:epoch, :position)
ORDER BY epoch, position LIMIT :limit
""")


def _text(row: Any) -> str:
    signature = base64.urlsafe_b64encode(row.signature).decode().rstrip("=")
    return (
        f'{row.entry[:-1]}, "prevhash": "{row.prev_hash}", "hash": "{row.hash}",'
        f' "signature": "{signature}", "kid": {json.dumps(row.kid)}}}'
    )


def verify(tx: Session, stream: str) -> tuple[int, chain.Broken | None]:
    """Checks a whole stream against its keys, its checkpoints, its end and its pulse: how many
    entries, and the first that does not hold. A missing end is found by the stream's own row (and
    by whoever witnessed it). All of it must be read as of one moment (`AS_OF_NOW`)."""
    known = {one.kid: key for one in signing.published(tx) if (key := _public(one.jwk))}
    end = tx.get_one(FeedStream, stream)
    position, hash, signed_by = 0, chain.GENESIS, dict[str, None]()

    def remembered() -> Iterator[chain.Link]:
        nonlocal position, hash
        for link in _links(tx, stream):
            yield link
            position, hash = link.position, link.hash
            signed_by[link.kid] = None

    witnesses = checkpoints.each(tx, stream)
    if broken := chain.first_broken(remembered(), known, checkpoints=witnesses):
        return broken.position - 1, broken
    if (position, hash) != (end.position, end.hash):
        return position, chain.Broken(position + 1, "end")
    if not pulses.holds(tx, stream, known, list(signed_by)[:-1]):
        return position, chain.Broken(position, "pulse")
    return position, None


def _links(tx: Session, stream: str) -> Iterator[chain.Link]:
    found = sa.select(FeedEntry).where(FeedEntry.stream == stream)
    ordered = found.order_by(FeedEntry.epoch, FeedEntry.position).execution_options(yield_per=1000)
    for row in tx.scalars(ordered):
        entry = row.entry if isinstance(row.entry, dict) else {}
        place = row.position if entry.get("epoch") == row.epoch else 0  # where no entry stands
        yield chain.Link(place, entry, row.prev_hash, row.hash, row.signature, row.kid)


def _public(jwk: Any) -> Ed25519PublicKey | None:
    """None for what is no key: somebody has changed it, and what it signed does not hold."""
    try:
        public = OKPKey.import_key(dict(jwk)).public_key
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return public if isinstance(public, Ed25519PublicKey) else None
