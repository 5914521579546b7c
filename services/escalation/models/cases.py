"""How the clocks of each case ran, what they wake for, and what they found late."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from services.escalation.domain import Desk, What
from services.escalation.models.calendars import REGENCY
from services.escalation.models.columns import MOMENT, ONLY_ADDED_TO, Base, listed, one_of
from services.escalation.watch.clockwork import ASIDE, OVER, Cause, Clock

_OVER = ", ".join(f"'{status}'" for status in sorted(OVER))
_OPEN = f"status NOT IN ({_OVER})"
_ASIDE = ", ".join(f"'{status}'" for status in ASIDE)
_OFFERED = f"offered_at IS NOT NULL AND handed_over_at IS NULL AND status IN ({_ASIDE})"
_RUNS = "stopped_at IS NULL"


# Why an end moved; `promise`: it did not, but a receipt had promised an earlier one.
MOVED_BY = ("paused", "resumed", "reclassified", "calendar", "limit", "promise")


class CaseState(Base):
    """Where a case stands, as routing last said. Whoever changes one of its clocks, or fires one,
    holds this row's lock. `passes_by`: the desks that it complains about, which hear nothing.
    `settle_by`: the last day for S on its receipt, until S begins."""

    __tablename__ = "case_state"
    __table_args__ = (
        sa.Index(
            "case_state_handed_over",
            "handed_over_at",
            postgresql_where=sa.text("handed_over_at IS NOT NULL"),
        ),
        sa.Index("case_state_unheard", "number", postgresql_where=sa.text("unheard_cycle > 0")),
        sa.Index("case_state_open", "number", postgresql_where=sa.text(_OPEN)),
        sa.Index("case_state_aside_offer", "number", postgresql_where=sa.text(_OFFERED)),
        one_of("decider", Desk),
        sa.CheckConstraint(f"passes_by <@ ARRAY[{listed(Desk)}]", name="passes_by_known"),
    )

    number: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    status: Mapped[str] = mapped_column(sa.Text)
    kind: Mapped[str] = mapped_column(sa.Text)
    klass: Mapped[str | None] = mapped_column("class", sa.Text)
    category: Mapped[str | None] = mapped_column(sa.Text)
    agency: Mapped[str | None] = mapped_column(sa.Text)
    decider: Mapped[str] = mapped_column(sa.Text, server_default=Desk.COORDINATOR.value)
    passes_by: Mapped[list[str]] = mapped_column(ARRAY(sa.Text), server_default="{}")
    cycle: Mapped[int] = mapped_column(server_default=sa.text("1"))
    follows: Mapped[bool] = mapped_column(server_default=sa.false())  # merged into another one:
    merged_into: Mapped[str | None] = mapped_column(sa.Text)  # this one; not kept of the oldest
    received_at: Mapped[datetime] = mapped_column(MOMENT)
    reopen_until: Mapped[datetime | None] = mapped_column(MOMENT)  # of one that is set aside
    settle_by: Mapped[date | None]
    unheard_cycle: Mapped[int | None]  # whose answer or question the reporter could not be told of
    offered_at: Mapped[datetime | None] = mapped_column(MOMENT)
    handed_over_at: Mapped[datetime | None] = mapped_column(MOMENT)
    clocks: Mapped[list[ClockRun]] = relationship(order_by="ClockRun.id")


class Consent(Base):
    """The reporter agrees that the Ombudsman takes over. It may arrive before the case does."""

    __tablename__ = "consent"

    number: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    at: Mapped[datetime] = mapped_column(MOMENT)
    admissible_until: Mapped[date | None]  # the last day on which the law lets the case be taken:
    admissible_month: Mapped[str | None] = mapped_column(sa.Text)  # since 2026-11-30 its month only


class ConsentEnd(Base):
    """When a reporter last took a consent back: none from before that holds, however late it is
    heard of."""

    __tablename__ = "consent_end"

    number: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    at: Mapped[datetime] = mapped_column(MOMENT)


class ClockRun(Base):
    """One clock of one round. `due_at`: none while it stands, or while nobody can tell it
    (`problem`, which alarms). `calendar`: the one that it began with, which it keeps. What is in
    force was last asked under `regime`; `told_rule_id` and `told_regime` gave the end that was told
    last, and stay while the clock stands (none: an older row's are `rule_id` and `regime`)."""

    __tablename__ = "clock"
    __table_args__ = (
        one_of("clock", Clock),
        one_of("problem", ("no_limit", "calendar")),
        sa.UniqueConstraint("number", "clock", "cycle", name="clock_once"),
        sa.Index("clock_open", "regime", postgresql_where=sa.text(_RUNS)),
        sa.Index("clock_running", "clock", "number", postgresql_where=sa.text(_RUNS)),
        sa.Index(
            "clock_undecidable",
            "problem",
            postgresql_where=sa.text(f"{_RUNS} AND problem IS NOT NULL"),
        ),
        sa.Index(
            "clock_never_known",
            "regime",
            postgresql_where=sa.text(
                "stopped_at IS NOT NULL AND problem IS NOT NULL AND NOT announced"
            ),
        ),
        sa.Index("clock_provisional", "id", postgresql_where=sa.text(f"{_RUNS} AND provisional")),
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
    told_rule_id: Mapped[int | None]
    told_regime: Mapped[int | None] = mapped_column(sa.BigInteger)
    calendar: Mapped[str] = mapped_column(sa.Text, server_default=REGENCY)
    pauses: Mapped[list[PauseRow]] = relationship(
        order_by="PauseRow.id", lazy="selectin", cascade="save-update, merge, delete, delete-orphan"
    )
    wakes: Mapped[list[Due]] = relationship(
        order_by="Due.id", cascade="save-update, merge, delete, delete-orphan"
    )
    open_breaches: Mapped[list[Breach]] = relationship(
        primaryjoin="and_(ClockRun.id == Breach.clock_id, Breach.closed_at.is_(None))"
    )


class PauseRow(Base):
    """A time in which a clock stood; still does when it has no end. `because`: not kept of the
    oldest."""

    __tablename__ = "pause"
    __table_args__ = (
        sa.CheckConstraint("ended_at >= started_at", name="forward"),
        one_of("because", Cause),
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
    because: Mapped[str | None] = mapped_column(sa.Text)


class Due(Base):
    """What a clock wakes for, and when: fired once, whoever sweeps. `due_at` is the time that was
    promised, however late it is fired; `armed_at`, since when that is known here."""

    __tablename__ = "due"
    __table_args__ = (
        one_of("what", What),
        sa.UniqueConstraint("clock_id", "what", name="due_once"),
        sa.Index("due_unfired", "due_at", "id", postgresql_where=sa.text("fired_at IS NULL")),
        sa.Index("due_number", "number", postgresql_where=sa.text("fired_at IS NULL")),
        sa.Index("due_fired", "fired_at", postgresql_where=sa.text("fired_at IS NOT NULL")),
        sa.Index(
            "due_moved",
            "fired_at",
            postgresql_where=sa.text("fired_at IS NOT NULL AND armed_at > due_at"),
        ),
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    clock_id: Mapped[int] = mapped_column(sa.ForeignKey("clock.id"))
    number: Mapped[str] = mapped_column(sa.Text)
    what: Mapped[str] = mapped_column(sa.Text)
    due_at: Mapped[datetime] = mapped_column(MOMENT)
    armed_at: Mapped[datetime | None] = mapped_column(MOMENT)
    fired_at: Mapped[datetime | None] = mapped_column(MOMENT)


class ClockChange(Base):
    """A due date that moved: from, to, why, and under which regime."""

    __tablename__ = "clock_change"
    __table_args__ = (
        one_of("reason", MOVED_BY),
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
        one_of("how", ("stopped", "paused", "recomputed", "kept")),
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
