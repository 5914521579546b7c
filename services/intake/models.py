"""Intake's rows: reports without their reporters, and what was told about them."""

from __future__ import annotations

from datetime import date, datetime, tzinfo
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from services.intake.admission import Name
from services.intake.domain import FORMERLY_WITHIN, Confidentiality, Kind, Status

INSTANT = sa.DateTime(timezone=True)


def one_of(column: str, words: Any) -> sa.CheckConstraint:
    """A column that holds one of an enum's words."""
    listed = ", ".join(f"'{word}'" for word in words)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=f"{column}_is_known")


class Base(DeclarativeBase):
    """Intake's tables."""


class Report(Base):
    """What was submitted, and where it stands as far as intake was told."""

    __tablename__ = "report"
    __table_args__ = (
        one_of("kind", Kind),
        one_of("confidentiality", Confidentiality),
        one_of("status", Status),
    )

    number: Mapped[str] = mapped_column(primary_key=True)
    code_hash: Mapped[bytes]  # HMAC-SHA-256 of number and tracking code
    kind: Mapped[str]
    title: Mapped[str]
    text: Mapped[str]
    event_date: Mapped[date]
    district: Mapped[str]
    place: Mapped[str | None]
    agency: Mapped[str | None]
    category: Mapped[str | None]
    confidentiality: Mapped[str]
    hidden_from_public: Mapped[bool]
    contact_given: Mapped[bool | None]  # as asked last; never what. Null: not known
    channel: Mapped[str]
    received_at: Mapped[datetime] = mapped_column(INSTANT)
    status: Mapped[str] = mapped_column(server_default=Status.UNVERIFIED)
    status_since: Mapped[datetime] = mapped_column(INSTANT)
    reopen_until: Mapped[datetime | None] = mapped_column(INSTANT)  # as routing said when it ended
    cycle: Mapped[int | None]  # its round; null while nobody has said
    consented_at: Mapped[datetime | None] = mapped_column(INSTANT)
    consent_form: Mapped[bool] = mapped_column(server_default=sa.false())  # with identity and words
    sealed_to: Mapped[str | None]  # the key's id by which the Ombudsman was given all the words
    handed_over_at: Mapped[datetime | None] = mapped_column(INSTANT)
    deadlines: Mapped[list[Deadline]] = relationship()

    def taken_up_until(self) -> datetime:
        """Until when it may be taken up again, if it is over."""
        return self.reopen_until or self.status_since + FORMERLY_WITHIN


class LostReport(Base):
    """A report that was accepted and went with a restore (`recounting`). Nothing is known of it but
    that routing has a case of this number."""

    __tablename__ = "lost_report"

    number: Mapped[str] = mapped_column(primary_key=True)
    noted_at: Mapped[datetime] = mapped_column(INSTANT)


class TimelineEntry(Base):
    """One thing that the reporter may know happened."""

    __tablename__ = "timeline_entry"
    __table_args__ = (sa.Index("timeline_entry_number", "number", "at"),)

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    number: Mapped[str] = mapped_column(sa.ForeignKey("report.number"))
    at: Mapped[datetime] = mapped_column(INSTANT)
    what: Mapped[str]
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB)
    reply_id: Mapped[str | None]
    text: Mapped[str | None]  # the reporter's own words


class Reply(Base):
    """What an officer wrote to the reporter; travels apart from the fact that it was written.
    `evidence`: `title` and `sha256` of each file that was named with it."""

    __tablename__ = "reply"

    reply_id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(sa.ForeignKey("report.number"), index=True)
    about: Mapped[str]
    text: Mapped[str]
    evidence: Mapped[list[dict[str, str]]] = mapped_column(JSONB, server_default=sa.text("'[]'"))
    at: Mapped[datetime] = mapped_column(INSTANT)


class Deadline(Base):
    """What was promised, as escalation counts it; both ends are null while it is paused.
    `ends_on`: the day of `due_at` in the zone of the unit that must keep it."""

    __tablename__ = "deadline"

    number: Mapped[str] = mapped_column(sa.ForeignKey("report.number"), primary_key=True)
    clock: Mapped[str] = mapped_column(primary_key=True)
    cycle: Mapped[int] = mapped_column(primary_key=True)
    due_at: Mapped[datetime | None] = mapped_column(INSTANT)
    ends_on: Mapped[date | None]
    passed_at: Mapped[datetime | None] = mapped_column(INSTANT)

    def last_day(self, zone: tzinfo) -> date | None:
        """The day on whose end it ends; that of `zone` if escalation did not say which."""
        return self.ends_on or (self.due_at and self.due_at.astimezone(zone).date())


class Promise(Base):
    """The dates that a report received on a day is promised, by kind where they differ."""

    __tablename__ = "promise"

    received_on: Mapped[date] = mapped_column(primary_key=True)
    verify_by: Mapped[date]
    follow_up_by: Mapped[date]
    settle_by: Mapped[dict[str, str]] = mapped_column(JSONB)


class ReceiptKey(Base):
    """The public half of a key that receipts were signed with, as a JWK, and since when it is
    shown."""

    __tablename__ = "receipt_key"
    __table_args__ = {"info": {"append_only": True}}  # noqa: RUF012 - as SQLAlchemy has it

    kid: Mapped[str] = mapped_column(primary_key=True)
    jwk: Mapped[dict[str, str]] = mapped_column(JSONB)
    shown_at: Mapped[datetime] = mapped_column(INSTANT)


class Pepper(Base):
    """Which pepper codes are given out with: one row, of which nobody finds the pepper."""

    __tablename__ = "pepper"
    __table_args__ = {"info": {"append_only": True}}  # noqa: RUF012 - as SQLAlchemy has it

    proof: Mapped[bytes] = mapped_column(primary_key=True)


class Code(Base):
    """A district, agency or category that a report may name."""

    __tablename__ = "code"
    __table_args__ = (one_of("list", ("district", "agency", "category")),)

    list: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]


class AdmissionRule(Base):
    """What the law asks of a case before the Ombudsman takes it, from a day on; `years` is how old
    an event may be."""

    __tablename__ = "admission_rule"
    __table_args__ = (one_of("rule", Name), sa.CheckConstraint("years > 0", name="years_positive"))

    rule: Mapped[str] = mapped_column(primary_key=True)
    effective_from: Mapped[date] = mapped_column(primary_key=True)
    years: Mapped[int | None]
    basis: Mapped[str]
