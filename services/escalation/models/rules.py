"""What due dates follow from: calendar, limits, ladder; and what was promised by them."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from services.escalation.domain import RAISED, Addressee
from services.escalation.models.columns import MOMENT, ONLY_ADDED_TO, Base, listed, one_of
from services.escalation.rules.posts import OF_AGENCIES, Standing
from services.escalation.watch.clockwork import Clock
from services.escalation.watch.workdays import Unit


class Regime(Base):
    """One row: its version rises with every change of calendar, limits or ladder (triggers see to
    that). A clock that was measured under an older version is measured again."""

    __tablename__ = "regime"
    __table_args__ = (sa.CheckConstraint("id = 1", name="single"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(sa.BigInteger)


class CalendarYear(Base):
    """A year that the calendar holds; without `decree` its joint leave is not decided yet.
    `entered`: a person entered the decree, so an import leaves the year alone."""

    __tablename__ = "calendar_year"

    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    decree: Mapped[str | None] = mapped_column(sa.Text)
    entered: Mapped[bool] = mapped_column(server_default=sa.false())


class CalendarDay(Base):
    """A day on which nobody works, and by which decree. An import replaces only what came from an
    import (`imported`), never what a person entered. `regime`: since which version it stands so."""

    __tablename__ = "calendar_day"
    __table_args__ = (one_of("kind", ("public", "joint_leave", "local")),)

    day: Mapped[date] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.Text)
    kind: Mapped[str] = mapped_column(sa.Text)
    basis: Mapped[str] = mapped_column(sa.Text)
    imported: Mapped[bool]
    regime: Mapped[int] = mapped_column(sa.BigInteger, server_default=sa.FetchedValue())


class FormerDay(Base):
    """A `CalendarDay` that was changed or taken away: how it stood from the regime's version
    `regime` until `until_regime`, for what was counted by it. The database writes it."""

    __tablename__ = "former_day"
    __table_args__ = ONLY_ADDED_TO

    id: Mapped[int] = mapped_column(sa.Identity(always=True), primary_key=True)
    day: Mapped[date]
    name: Mapped[str] = mapped_column(sa.Text)
    kind: Mapped[str] = mapped_column(sa.Text)
    basis: Mapped[str] = mapped_column(sa.Text)
    regime: Mapped[int] = mapped_column(sa.BigInteger)
    until_regime: Mapped[int] = mapped_column(sa.BigInteger)


class LimitRule(Base):
    """A limit in force from a day on. No kind or class: for all of them. Of two from the same day
    the later row holds."""

    __tablename__ = "limit_rule"
    __table_args__ = (
        one_of("clock", Clock),
        one_of("unit", Unit),
        sa.CheckConstraint("days >= 1", name="days_positive"),
        ONLY_ADDED_TO,
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
    before it (negative). Of two from the same day the later row holds."""

    __tablename__ = "ladder_rule"
    __table_args__ = (
        one_of("clock", Clock),
        sa.CheckConstraint("level BETWEEN 0 AND 3", name="level_known"),
        sa.CheckConstraint("(level = 0) = (after_days < 0)", name="only_reminders_before"),
        sa.CheckConstraint(f"level = 0 OR clock IN ({listed(RAISED)})", name="raised_known"),
        one_of("brought_to", Addressee),
        sa.CheckConstraint("(level = 0) = (brought_to = 'holder')", name="only_holders_reminded"),
        ONLY_ADDED_TO,
    )

    id: Mapped[int] = mapped_column(sa.Identity(always=True), primary_key=True)
    clock: Mapped[str] = mapped_column(sa.Text)
    klass: Mapped[str | None] = mapped_column("class", sa.Text)
    level: Mapped[int]
    after_days: Mapped[int]
    brought_to: Mapped[str] = mapped_column(sa.Text)
    effective_from: Mapped[date]
    decree: Mapped[str] = mapped_column(sa.Text)


class Publication(Base):
    """One row: under which regime and on which local day the promises were last published."""

    __tablename__ = "publication"
    __table_args__ = (sa.CheckConstraint("id = 1", name="single"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    regime: Mapped[int] = mapped_column(sa.BigInteger)
    day: Mapped[date]


class PostStanding(Base):
    """How a post of the ladder stands from a day on (until one, if it is known), by which decree,
    and who entered it. The last word about a day holds; nothing is taken back."""

    __tablename__ = "post_standing"
    __table_args__ = (
        one_of("post", Addressee),
        one_of("standing", Standing),
        sa.CheckConstraint("effective_until >= effective_from", name="forward"),
        sa.CheckConstraint(
            f"agency IS NULL OR post IN ({listed(sorted(OF_AGENCIES))})", name="of_agencies"
        ),
        ONLY_ADDED_TO,
    )

    id: Mapped[int] = mapped_column(sa.Identity(always=True), primary_key=True)
    post: Mapped[str] = mapped_column(sa.Text)
    agency: Mapped[str | None] = mapped_column(sa.Text)
    standing: Mapped[str] = mapped_column(sa.Text)
    effective_from: Mapped[date]
    effective_until: Mapped[date | None]
    decree: Mapped[str] = mapped_column(sa.Text)
    decided_by: Mapped[UUID]
    decided_at: Mapped[datetime] = mapped_column(MOMENT)
