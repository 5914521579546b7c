"""Rows: what was promised, how the clocks ran, what fell due, and the Ombudsman's feed.

Nothing here leads from a number to a person, and no text of a report comes here.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from services.escalation.clockwork import Clock
from services.escalation.domain import RAISED, Addressee, What
from services.escalation.workdays import Unit

MOMENT = sa.DateTime(timezone=True)
STREAMS = ("monitoring", "handovers")
ONLY_ADDED_TO = {"info": {"append_only": True}}


def one_of(column: str, words: Any) -> sa.CheckConstraint:
    """A closed set, spelled as words."""
    return sa.CheckConstraint(f"{column} IN ({_listed(words)})", name=f"{column}_known")


def _listed(words: Any) -> str:
    return ", ".join(f"'{word!s}'" for word in words)


class Base(DeclarativeBase):
    """Escalation's own tables; the chassis' stand beside them."""

    metadata = sa.MetaData(naming_convention={"ck": "%(table_name)s_%(constraint_name)s"})


class Regime(Base):
    """One row: its version rises with every change of calendar, limits or ladder (triggers see to
    that). A clock that was measured under an older version is measured again."""

    __tablename__ = "regime"
    __table_args__ = (sa.CheckConstraint("id = 1", name="single"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(sa.BigInteger)


class CalendarYear(Base):
    """A year that the calendar holds; without `decree` its joint leave is not decided yet."""

    __tablename__ = "calendar_year"

    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    decree: Mapped[str | None] = mapped_column(sa.Text)


class CalendarDay(Base):
    """A day on which nobody works, and by which decree. An import replaces only what came from an
    import (`imported`), never what a person entered."""

    __tablename__ = "calendar_day"
    __table_args__ = (one_of("kind", ("public", "joint_leave", "local")),)

    day: Mapped[date] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.Text)
    kind: Mapped[str] = mapped_column(sa.Text)
    basis: Mapped[str] = mapped_column(sa.Text)
    imported: Mapped[bool]


class LimitRule(Base):
    """A limit in force from a day on. No kind or class: for all of them."""

    __tablename__ = "limit_rule"
    __table_args__ = (
        one_of("clock", Clock),
        one_of("unit", Unit),
        sa.CheckConstraint("days >= 1", name="days_positive"),
        sa.UniqueConstraint(
            "clock",
            "kind",
            "class",
            "effective_from",
            name="limit_rule_once",
            postgresql_nulls_not_distinct=True,
        ),
    )

    id: Mapped[int] = mapped_column(sa.Identity(always=True), primary_key=True)
    clock: Mapped[str] = mapped_column(sa.Text)
    kind: Mapped[str | None] = mapped_column(sa.Text)
    klass: Mapped[str | None] = mapped_column("class", sa.Text)
    days: Mapped[int]
    unit: Mapped[str] = mapped_column(sa.Text)
    effective_from: Mapped[date]
    decree: Mapped[str] = mapped_column(sa.Text)


class LadderRule(Base):
    """A rung: whom a limit is brought to, so many working days after it passed. Level 0 reminds,
    before it (negative)."""

    __tablename__ = "ladder_rule"
    __table_args__ = (
        one_of("clock", Clock),
        sa.CheckConstraint("level BETWEEN 0 AND 3", name="level_known"),
        sa.CheckConstraint("(level = 0) = (after_days < 0)", name="only_reminders_before"),
        sa.CheckConstraint(f"level = 0 OR clock IN ({_listed(RAISED)})", name="raised_known"),
        one_of("brought_to", Addressee),
        sa.CheckConstraint("(level = 0) = (brought_to = 'holder')", name="only_holders_reminded"),
        sa.UniqueConstraint(
            "clock",
            "class",
            "level",
            "effective_from",
            name="ladder_rule_once",
            postgresql_nulls_not_distinct=True,
        ),
    )

    id: Mapped[int] = mapped_column(sa.Identity(always=True), primary_key=True)
    clock: Mapped[str] = mapped_column(sa.Text)
    klass: Mapped[str | None] = mapped_column("class", sa.Text)
    level: Mapped[int]
    after_days: Mapped[int]
    brought_to: Mapped[str] = mapped_column(sa.Text)
    effective_from: Mapped[date]
    decree: Mapped[str] = mapped_column(sa.Text)


class CaseState(Base):
    """Where a case stands, as routing last said. Whoever changes one of its clocks, or fires one,
    holds this row's lock."""

    __tablename__ = "case_state"
    __table_args__ = (
        sa.Index("case_state_unheard", "number", postgresql_where=sa.text("unheard_cycle > 0")),
    )

    number: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    status: Mapped[str] = mapped_column(sa.Text)
    kind: Mapped[str] = mapped_column(sa.Text)
    klass: Mapped[str | None] = mapped_column("class", sa.Text)
    category: Mapped[str | None] = mapped_column(sa.Text)
    agency: Mapped[str | None] = mapped_column(sa.Text)
    cycle: Mapped[int] = mapped_column(server_default=sa.text("1"))
    follows: Mapped[bool] = mapped_column(server_default=sa.false())  # merged into another one
    received_at: Mapped[datetime] = mapped_column(MOMENT)
    unheard_cycle: Mapped[int | None]  # the round whose answer could not be brought to the reporter
    offered_at: Mapped[datetime | None] = mapped_column(MOMENT)
    handed_over_at: Mapped[datetime | None] = mapped_column(MOMENT)
    clocks: Mapped[list[ClockRun]] = relationship(order_by="ClockRun.id")


class Consent(Base):
    """The reporter agrees that the Ombudsman takes over. It may arrive before the case does."""

    __tablename__ = "consent"

    number: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    at: Mapped[datetime] = mapped_column(MOMENT)


class ClockRun(Base):
    """One clock of one round. `due_at`: none while it stands, or while nobody can tell it
    (`problem`, which alarms)."""

    __tablename__ = "clock"
    __table_args__ = (
        one_of("clock", Clock),
        one_of("problem", ("no_limit", "calendar")),
        sa.UniqueConstraint("number", "clock", "cycle", name="clock_once"),
        sa.Index("clock_open", "regime", postgresql_where=sa.text("stopped_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    number: Mapped[str] = mapped_column(sa.ForeignKey("case_state.number"))
    clock: Mapped[str] = mapped_column(sa.Text)
    cycle: Mapped[int]
    started_at: Mapped[datetime] = mapped_column(MOMENT)
    stopped_at: Mapped[datetime | None] = mapped_column(MOMENT)
    set_aside: Mapped[bool] = mapped_column(server_default=sa.false())
    due_at: Mapped[datetime | None] = mapped_column(MOMENT)
    announced: Mapped[bool] = mapped_column(server_default=sa.false())
    provisional: Mapped[bool] = mapped_column(server_default=sa.false())
    passed_at: Mapped[datetime | None] = mapped_column(MOMENT)
    problem: Mapped[str | None] = mapped_column(sa.Text)
    rule_id: Mapped[int | None] = mapped_column(sa.ForeignKey("limit_rule.id"))
    regime: Mapped[int] = mapped_column(sa.BigInteger)
    pauses: Mapped[list[PauseRow]] = relationship(order_by="PauseRow.id", lazy="selectin")
    wakes: Mapped[list[Due]] = relationship(
        order_by="Due.id", cascade="save-update, merge, delete, delete-orphan"
    )
    open_breaches: Mapped[list[Breach]] = relationship(
        primaryjoin="and_(ClockRun.id == Breach.clock_id, Breach.closed_at.is_(None))"
    )


class PauseRow(Base):
    """A time in which a clock stood; still does when it has no end."""

    __tablename__ = "pause"
    __table_args__ = (
        sa.CheckConstraint("ended_at >= started_at", name="forward"),
        sa.Index("pause_clock", "clock_id"),
        sa.Index(
            "pause_open",
            "clock_id",
            unique=True,
            postgresql_where=sa.text("ended_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    clock_id: Mapped[int] = mapped_column(sa.ForeignKey("clock.id"))
    started_at: Mapped[datetime] = mapped_column(MOMENT)
    ended_at: Mapped[datetime | None] = mapped_column(MOMENT)


class Work(StrEnum):
    """What is done for many cases in turn."""

    FIRE = "fire"
    MEASURE = "measure"


class FailedTurn(Base):
    """A case for which some work failed, when last, and not succeeded since. Holds no reference:
    it is written while somebody else may have the case's lock."""

    __tablename__ = "failed_turn"
    __table_args__ = (one_of("work", Work),)

    work: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    number: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    at: Mapped[datetime] = mapped_column(MOMENT)


class Due(Base):
    """What a clock wakes for, and when: fired once, whoever sweeps. `due_at` is the time that was
    promised, however late it is fired."""

    __tablename__ = "due"
    __table_args__ = (
        one_of("what", What),
        sa.UniqueConstraint("clock_id", "what", name="due_once"),
        sa.Index("due_unfired", "due_at", "id", postgresql_where=sa.text("fired_at IS NULL")),
        sa.Index("due_number", "number", postgresql_where=sa.text("fired_at IS NULL")),
        sa.Index("due_fired", "fired_at", postgresql_where=sa.text("fired_at IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    clock_id: Mapped[int] = mapped_column(sa.ForeignKey("clock.id"))
    number: Mapped[str] = mapped_column(sa.Text)
    what: Mapped[str] = mapped_column(sa.Text)
    due_at: Mapped[datetime] = mapped_column(MOMENT)
    fired_at: Mapped[datetime | None] = mapped_column(MOMENT)


class ClockChange(Base):
    """A due date that moved: from, to, why, and under which regime."""

    __tablename__ = "clock_change"
    __table_args__ = (
        one_of("reason", ("paused", "resumed", "reclassified", "calendar", "limit")),
        sa.Index("clock_change_clock", "clock_id"),
        ONLY_ADDED_TO,
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    clock_id: Mapped[int] = mapped_column(sa.ForeignKey("clock.id"))
    at: Mapped[datetime] = mapped_column(MOMENT)
    before: Mapped[datetime | None] = mapped_column(MOMENT)
    after: Mapped[datetime | None] = mapped_column(MOMENT)
    reason: Mapped[str] = mapped_column(sa.Text)
    regime: Mapped[int] = mapped_column(sa.BigInteger)
    clock: Mapped[ClockRun] = relationship()


class Breach(Base):
    """A government limit that passed and was not yet met: open while its clock runs."""

    __tablename__ = "breach"
    __table_args__ = (
        one_of("how", ("stopped", "paused", "recomputed")),
        sa.CheckConstraint("(closed_at IS NULL) = (how IS NULL)", name="closed_somehow"),
        sa.Index(
            "breach_open", "clock_id", unique=True, postgresql_where=sa.text("closed_at IS NULL")
        ),
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    clock_id: Mapped[int] = mapped_column(sa.ForeignKey("clock.id"))
    opened_at: Mapped[datetime] = mapped_column(MOMENT)
    closed_at: Mapped[datetime | None] = mapped_column(MOMENT)
    how: Mapped[str | None] = mapped_column(sa.Text)


class Breaker(Base):
    """One row: how much may fire at once, whether firing is refused and why, and up to which due
    time an operator has released it."""

    __tablename__ = "breaker"
    __table_args__ = (
        sa.CheckConstraint("id = 1", name="single"),
        one_of("reason", ("mass_firing", "clock_skew")),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    most: Mapped[int | None]
    measured_at: Mapped[datetime | None] = mapped_column(MOMENT)
    refused_at: Mapped[datetime | None] = mapped_column(MOMENT)
    reason: Mapped[str | None] = mapped_column(sa.Text)
    due_now: Mapped[int | None]
    released_through: Mapped[datetime | None] = mapped_column(MOMENT)
    released_by: Mapped[str | None] = mapped_column(sa.Text)


class Publication(Base):
    """One row: under which regime and on which local day the promises were last published."""

    __tablename__ = "publication"
    __table_args__ = (sa.CheckConstraint("id = 1", name="single"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    regime: Mapped[int] = mapped_column(sa.BigInteger)
    day: Mapped[date]


class FeedStream(Base):
    """The end of each stream of the feed. Whoever appends holds this row's lock."""

    __tablename__ = "feed_stream"
    __table_args__ = (one_of("stream", STREAMS),)

    stream: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    epoch: Mapped[int]
    position: Mapped[int] = mapped_column(sa.BigInteger)
    hash: Mapped[bytes]


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


class FeedKey(Base):
    """The public half of every key that ever signed; old ones verify old entries."""

    __tablename__ = "feed_key"
    __table_args__ = ONLY_ADDED_TO

    kid: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    jwk: Mapped[dict[str, str]] = mapped_column(JSONB)
    since: Mapped[datetime] = mapped_column(MOMENT)


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
