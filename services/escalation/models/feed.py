"""The Ombudsman's feed: its entries, its end, its keys, and what waits for a place in it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.escalation.models.columns import MOMENT, ONLY_ADDED_TO, Base, one_of

STREAMS = ("monitoring", "handovers")


class FeedStream(Base):
    """The end of each stream of the feed. Whoever appends holds this row's lock. `origin` names the
    database in which its places are given: in any other it was restored."""

    __tablename__ = "feed_stream"
    __table_args__ = (one_of("stream", STREAMS),)

    stream: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    epoch: Mapped[int]
    position: Mapped[int] = mapped_column(sa.BigInteger)
    hash: Mapped[bytes]
    origin: Mapped[str] = mapped_column(sa.Text)


class FeedEntry(Base):
    """An entry of the feed; never changed or removed (a trigger and the service's rights see to
    it)."""

    __tablename__ = "feed_entry"
    __table_args__ = ONLY_ADDED_TO

    stream: Mapped[str] = mapped_column(sa.ForeignKey("feed_stream.stream"), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    prev_hash: Mapped[bytes]
    hash: Mapped[bytes]
    signature: Mapped[bytes]
    kid: Mapped[str] = mapped_column(sa.ForeignKey("feed_key.kid"))
    entry: Mapped[dict[str, Any]] = mapped_column(JSONB)
    appended_at: Mapped[datetime] = mapped_column(MOMENT)


class FeedCheckpoint(Base):
    """The signed word that a stream stood so at a moment; never changed or removed."""

    __tablename__ = "feed_checkpoint"
    __table_args__ = ONLY_ADDED_TO

    stream: Mapped[str] = mapped_column(sa.ForeignKey("feed_stream.stream"), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    hash: Mapped[bytes]
    at: Mapped[datetime] = mapped_column(MOMENT)
    signature: Mapped[bytes]
    kid: Mapped[str] = mapped_column(sa.ForeignKey("feed_key.kid"))


class FeedPulse(Base):
    """The signed word that a stream still ended so at a moment; the newest of each alone."""

    __tablename__ = "feed_pulse"

    stream: Mapped[str] = mapped_column(sa.ForeignKey("feed_stream.stream"), primary_key=True)
    epoch: Mapped[int]
    position: Mapped[int] = mapped_column(sa.BigInteger)
    hash: Mapped[bytes]
    at: Mapped[datetime] = mapped_column(MOMENT)
    signature: Mapped[bytes]
    kid: Mapped[str] = mapped_column(sa.ForeignKey("feed_key.kid"))


class FeedKey(Base):
    """The public half of every key that ever signed, or will: shown since. Old ones verify old
    entries."""

    __tablename__ = "feed_key"
    __table_args__ = ONLY_ADDED_TO

    kid: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    jwk: Mapped[dict[str, str]] = mapped_column(JSONB)
    since: Mapped[datetime] = mapped_column(MOMENT)


class FeedKeyUse(Base):
    """Since when a key signs; it does until another does, and never again."""

    __tablename__ = "feed_key_use"
    __table_args__ = ONLY_ADDED_TO

    id: Mapped[int] = mapped_column(sa.Identity(always=True), primary_key=True)
    kid: Mapped[str] = mapped_column(sa.ForeignKey("feed_key.kid"), unique=True)
    since: Mapped[datetime] = mapped_column(MOMENT)


class FeedKeyWithdrawal(Base):
    """A key that was shown, has never signed, and never will."""

    __tablename__ = "feed_key_withdrawal"
    __table_args__ = ONLY_ADDED_TO

    kid: Mapped[str] = mapped_column(sa.ForeignKey("feed_key.kid"), primary_key=True)
    at: Mapped[datetime] = mapped_column(MOMENT)


class FeedEpoch(Base):
    """An epoch that followed another, and the last entry of that one."""

    __tablename__ = "feed_epoch"
    __table_args__ = ONLY_ADDED_TO

    stream: Mapped[str] = mapped_column(sa.ForeignKey("feed_stream.stream"), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    before_epoch: Mapped[int]
    before_position: Mapped[int] = mapped_column(sa.BigInteger)
    before_hash: Mapped[bytes]
    opened_at: Mapped[datetime] = mapped_column(MOMENT)
    opened_by: Mapped[str] = mapped_column(sa.Text)


class FeedAcknowledgement(Base):
    """Up to here the Ombudsman has said that it has the feed, and with which hash."""

    __tablename__ = "feed_acknowledgement"
    __table_args__ = ONLY_ADDED_TO

    stream: Mapped[str] = mapped_column(sa.ForeignKey("feed_stream.stream"), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    hash: Mapped[bytes]
    at: Mapped[datetime] = mapped_column(MOMENT)


class FeedBroadcast(Base):
    """How far a stream is on the broker too. Whoever sends holds this row's lock."""

    __tablename__ = "feed_broadcast"

    stream: Mapped[str] = mapped_column(sa.ForeignKey("feed_stream.stream"), primary_key=True)
    epoch: Mapped[int]
    position: Mapped[int] = mapped_column(sa.BigInteger)


class FeedTarget(Base):
    """Where pokes go (None: nowhere): proposed by one administrator, confirmed by another.
    `handed_by`: who had held the proposer's account, by a first password; None: not known."""

    __tablename__ = "feed_target"
    __table_args__ = (
        sa.CheckConstraint("confirmed_by <> proposed_by", name="confirmed_by_another"),
        sa.CheckConstraint(
            "(confirmed_by IS NULL) = (confirmed_at IS NULL)", name="confirmed_whole"
        ),
    )

    id: Mapped[int] = mapped_column(sa.Identity(always=True), primary_key=True)
    url: Mapped[str | None] = mapped_column(sa.Text)
    proposed_by: Mapped[UUID]
    handed_by: Mapped[list[UUID] | None] = mapped_column(ARRAY(sa.Uuid))
    proposed_at: Mapped[datetime] = mapped_column(MOMENT)
    confirmed_by: Mapped[UUID | None]
    confirmed_at: Mapped[datetime | None] = mapped_column(MOMENT)

    @property
    def host(self) -> str | None:
        """All of the address that is told: its path may be a secret of the receiver's."""
        return urlsplit(self.url).hostname if self.url else None


class FeedPoke(Base):
    """Says that a stream has moved, until it is taken; one is open for each stream."""

    __tablename__ = "feed_poke"
    __table_args__ = (
        one_of("outcome", ("delivered", "expired", "withdrawn")),
        sa.CheckConstraint(
            "(next_try_at IS NULL) = (outcome IS NOT NULL)", name="open_or_settled"
        ),
        sa.Index(
            "feed_poke_open", "stream", unique=True,
            postgresql_where=sa.text("next_try_at IS NOT NULL"),
        ),
        sa.Index("feed_poke_place", "stream", "epoch", "position"),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True)
    stream: Mapped[str] = mapped_column(sa.ForeignKey("feed_stream.stream"))
    epoch: Mapped[int]
    position: Mapped[int] = mapped_column(sa.BigInteger)
    made_at: Mapped[datetime] = mapped_column(MOMENT)
    next_try_at: Mapped[datetime | None] = mapped_column(MOMENT)
    attempts: Mapped[int]
    settled_at: Mapped[datetime | None] = mapped_column(MOMENT)
    outcome: Mapped[str | None] = mapped_column(sa.Text)


class FeedPending(Base):
    """What will be appended once it is committed; positions are given only then."""

    __tablename__ = "feed_pending"

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    stream: Mapped[str] = mapped_column(sa.ForeignKey("feed_stream.stream"))
    event_id: Mapped[UUID] = mapped_column(unique=True)
    type: Mapped[str] = mapped_column(sa.Text)
    subject: Mapped[str] = mapped_column(sa.Text)
    time: Mapped[datetime] = mapped_column(MOMENT)
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    written_at: Mapped[datetime] = mapped_column(MOMENT)
