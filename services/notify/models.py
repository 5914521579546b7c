"""Rows: reporters (sealed), the messages to them, and a ledger of every try to send one.

No column holds an identity in clear and no index stands on one.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.notify.domain import About, Reply

REPORTER_STATES = ("expected", "unreachable", "held", "erased")
MESSAGE_STATES = ("due", "sending", "delivered", "failed", "overtaken")
REASONS = ("no_address", "rejected", "expired")
OUTCOMES = (
    "delivered", "rejected", "unavailable", "hindered", "unreadable", "withheld", "unknown",
)  # fmt: skip


def one_of(column: str, words: tuple[str, ...] | type[About] | type[Reply]) -> sa.CheckConstraint:
    """A closed set, spelled as words."""
    listed = ", ".join(f"'{word!s}'" for word in words)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


class Base(DeclarativeBase):
    """Notify's own tables; the chassis' stand beside them."""

    metadata = sa.MetaData(naming_convention={"ck": "%(table_name)s_%(constraint_name)s"})


class Reporter(Base):
    """Who filed a report: `expected` until the contact arrives, `unreachable` when none will.

    `reach` (address, language) and `identity` (name, telephone, home) are sealed under `data_key`,
    which is wrapped by key-encryption key `kek` (`keyring`). `erased`: the key is destroyed.
    `opened`: the case was heard of; a contact may come before it. `since`: when the address was
    replaced last.
    """

    __tablename__ = "reporter"
    __table_args__ = (
        one_of("state", REPORTER_STATES),
        sa.CheckConstraint(
            "(state = 'held') = (num_nulls(kek, data_key, reach, identity) = 0)"
            " AND num_nulls(kek, data_key, reach, identity) IN (0, 4)",
            name="sealed_whole",
        ),
        sa.Index("reporter_kek", "kek", postgresql_where=sa.text("kek IS NOT NULL")),
        sa.Index("reporter_expected", "number", postgresql_where=sa.text("state = 'expected'")),
    )

    number: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    state: Mapped[str] = mapped_column(sa.Text)
    opened: Mapped[bool] = mapped_column(server_default=sa.false())
    mailable: Mapped[bool] = mapped_column(server_default=sa.false())
    kek: Mapped[int | None]
    data_key: Mapped[bytes | None]
    reach: Mapped[bytes | None]
    identity: Mapped[bytes | None]
    since: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))


class Post(Base):
    """Where a post of the government is written to, sealed as a reporter's contact is."""

    __tablename__ = "post"
    __table_args__ = (sa.Index("post_kek", "kek"),)

    place: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    kek: Mapped[int]
    data_key: Mapped[bytes]
    reach: Mapped[bytes]


class FormerReach(Base):
    """Where one message goes though its reporter's address is another since, sealed as that was
    kept: destroyed when the message is settled."""

    __tablename__ = "former_reach"
    __table_args__ = (
        sa.Index("former_reach_number", "number"),
        sa.Index("former_reach_kek", "kek"),
    )

    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(sa.Text)
    kek: Mapped[int]
    data_key: Mapped[bytes]
    reach: Mapped[bytes]


class Message(Base):
    """One piece of news for one reporter, or with a `place` for a post; `facts` are dates and words
    of closed sets only. It is not sent before `not_before`: nobody is woken at night, and what was
    `put_off` waits for room in its mailbox. `overtaken`: it waited, and what it would have told was
    said not to be so, or not any more; `taken_back`: that was said while it was being sent. `kid`:
    of the private key that its Message-ID is made with. `former`: it goes, or went, where the
    reporter's news went formerly."""

    __tablename__ = "message"
    __table_args__ = (
        sa.UniqueConstraint(
            "number",
            "about",
            "cause",
            "place",
            name="message_once",
            postgresql_nulls_not_distinct=True,
        ),
        one_of("about", About),
        sa.CheckConstraint(
            "(place IS NULL) = (about NOT IN ('post_reminded', 'post_raised'))", name="for_one"
        ),
        one_of("state", MESSAGE_STATES),
        one_of("reason", REASONS),
        sa.CheckConstraint(
            "(state IN ('due', 'sending')) = (next_at IS NOT NULL)", name="open_has_time"
        ),
        sa.CheckConstraint("(state = 'failed') = (reason IS NOT NULL)", name="failed_has_reason"),
        sa.Index(
            "message_settled", "settled_at", postgresql_where=sa.text("settled_at IS NOT NULL")
        ),
        sa.Index("message_next", "next_at", postgresql_where=sa.text("next_at IS NOT NULL")),
        sa.Index(
            "message_unheard",
            "about",
            postgresql_where=sa.text("reason IN ('rejected', 'expired')"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(sa.Text)
    about: Mapped[str] = mapped_column(sa.Text)
    place: Mapped[str | None] = mapped_column(sa.Text)
    cause: Mapped[UUID]
    cycle: Mapped[int | None]
    facts: Mapped[dict[str, str]] = mapped_column(JSONB)
    correlationid: Mapped[str] = mapped_column(sa.Text)
    state: Mapped[str] = mapped_column(sa.Text)
    reason: Mapped[str | None] = mapped_column(sa.Text)
    attempts: Mapped[int] = mapped_column(server_default=sa.text("0"))
    next_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    put_off: Mapped[bool] = mapped_column(server_default=sa.false())
    taken_back: Mapped[bool] = mapped_column(server_default=sa.false())
    kid: Mapped[str | None] = mapped_column(sa.Text)
    former: Mapped[bool] = mapped_column(server_default=sa.false())
    not_before: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    written_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    settled_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))


class Attempt(Base):
    """One try to send a message, written before it is made; no `outcome` yet: it is being made,
    or the process died meanwhile and nobody knows (`unknown`, once the next try begins). `unknown`
    with reply `none`: the text was sent whole, and the server did not answer. `hindered`: the
    server took nothing, or nothing from us; `unreadable`: no key here opens the address."""

    __tablename__ = "attempt"
    __table_args__ = (one_of("outcome", OUTCOMES), one_of("reply", Reply))

    message_id: Mapped[UUID] = mapped_column(sa.ForeignKey("message.id"), primary_key=True)
    n: Mapped[int] = mapped_column(primary_key=True)
    started_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    ended_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    outcome: Mapped[str | None] = mapped_column(sa.Text)
    reply: Mapped[str | None] = mapped_column(sa.Text)
