"""Rows: cases and their files, agencies and places, the rules that people change, officers.

No column says who a reporter is. Officers are staff, named by their function.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from services.routing.life import (
    OPEN,
    ORDERS,
    Action,
    ArchiveReason,
    Class,
    Clock,
    Closing,
    Confidentiality,
    Kind,
    OmbudsmanAnswer,
    Outcome,
    Role,
    Status,
)
from services.routing.models.columns import ONLY_ADDED_TO, Base, word
from services.routing.models.officers import (
    Deed,
    Denial,
    Device,
    Officer,
    OfficerEvent,
    Session,
    Throttle,
)
from services.routing.models.ombudsman import Answered, OmbudsmanWords
from services.routing.models.trail import TrailLink, TrailMark

__all__ = [
    "ONLY_ADDED_TO",
    "About",
    "Acknowledgement",
    "Agency",
    "AgencyEvent",
    "AgencyRole",
    "Answered",
    "Base",
    "Case",
    "CaseEvent",
    "Category",
    "Channel",
    "Deadline",
    "Deed",
    "Denial",
    "Device",
    "District",
    "Limit",
    "NameSource",
    "Note",
    "Officer",
    "OfficerEvent",
    "OmbudsmanWords",
    "Reply",
    "Rule",
    "Session",
    "Throttle",
    "TrailLink",
    "TrailMark",
]


class About(StrEnum):
    """What an officer's words to the reporter are about."""

    FOLLOW_UP = "follow_up"
    ANSWER = "answer"
    DATA_REQUEST = "data_request"
    CANCELLATION = "cancellation"
    ARCHIVE = "archive"
    FORWARDING = "forwarding"
    RECALL = "recall"
    OUTSIDE_WORD = "outside_word"
    RECLASSIFICATION = "reclassification"
    PROTECTION = "protection"


class Channel(StrEnum):
    """How a report came in."""

    WEB = "web"
    PAPER = "paper"
    PHONE = "phone"
    WALK_IN = "walk_in"
    SMS = "sms"


class AgencyRole(StrEnum):
    """What an agency is to the complaint system, beside handling its own cases."""

    HANDLER = "handler"
    COORDINATOR = "coordinator"
    ARBITER = "arbiter"
    SUPERVISOR = "supervisor"


class AgencyKind(StrEnum):
    """What an agency is by law. The seed refuses any other."""

    SECRETARIAT = "secretariat"
    INSPECTORATE = "inspectorate"
    DINAS = "dinas"
    BADAN = "badan"
    SATUAN = "satuan"
    KECAMATAN = "kecamatan"
    RSUD = "rsud"
    BUMD = "bumd"


class NameSource(StrEnum):
    """Whether the name was seen in a public source; an administrator confirms the others."""

    CONFIRMED = "confirmed"
    UNCONFIRMED = "unconfirmed"


class Agency(Base):
    """An office of the regency that can have a case."""

    __tablename__ = "agency"

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[str]
    name_source: Mapped[NameSource] = word(NameSource)
    role: Mapped[AgencyRole] = word(AgencyRole)
    active: Mapped[bool] = mapped_column(server_default=sa.true())


class AgencyEvent(Base):
    """What an administrator changed of an agency, and when; only ever added to. `changes` holds the
    values before and after."""

    __tablename__ = "agency_event"
    __table_args__ = ONLY_ADDED_TO

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    agency: Mapped[str] = mapped_column(sa.ForeignKey("agency.code"))
    by: Mapped[UUID] = mapped_column(sa.ForeignKey("officer.id"))
    at: Mapped[datetime]
    recorded_at: Mapped[datetime] = mapped_column(server_default=sa.func.clock_timestamp())
    changes: Mapped[dict[str, Any]] = mapped_column(JSONB)


class District(Base):
    """A kecamatan, by its national code."""

    __tablename__ = "district"

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    villages: Mapped[int]


class Category(Base):
    """What reports are about, in two levels."""

    __tablename__ = "category"

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    parent: Mapped[str]
    sp4n_topic: Mapped[str]
    default_agency: Mapped[str] = mapped_column(sa.ForeignKey("agency.code"))


class Rule(Base):
    """Suggests an agency; the first in order of `position` that matches wins. Never edited: it is
    ended (`effective_to`) and a new one is written, so that a decision can still name its rule."""

    __tablename__ = "routing_rule"
    __table_args__ = (
        sa.UniqueConstraint(
            "kind", "class", "category", "district", "effective_from",
            name="routing_rule_once", postgresql_nulls_not_distinct=True,
        ),
        sa.CheckConstraint("effective_to >= effective_from", name="ends_after_it_begins"),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(sa.Identity(always=True), primary_key=True)
    position: Mapped[int]
    kind: Mapped[Kind | None] = word(Kind)
    class_: Mapped[Class | None] = word(Class, "class")
    category: Mapped[str | None] = mapped_column(sa.ForeignKey("category.code"))
    district: Mapped[str | None] = mapped_column(sa.ForeignKey("district.code"))
    agency: Mapped[str] = mapped_column(sa.ForeignKey("agency.code"))
    effective_from: Mapped[date]
    effective_to: Mapped[date | None]
    basis: Mapped[str]


class Limit(Base):
    """A number that a decree may change, with the day from which it holds."""

    __tablename__ = "routing_limit"

    name: Mapped[str] = mapped_column(primary_key=True)
    effective_from: Mapped[date] = mapped_column(primary_key=True)
    value: Mapped[int]
    decree: Mapped[str]


class Acknowledgement(Base):
    """A courtesy that is no follow-up: lower case, words parted by one space."""

    __tablename__ = "acknowledgement"

    phrase: Mapped[str] = mapped_column(primary_key=True)


_OPEN = ", ".join(f"'{status}'" for status in OPEN)
_ORDERS = ", ".join(f"'{answer}'" for answer in ORDERS)


class Case(Base):
    """One report's handling: the columns of `life.Case`, the report's own words, and what the
    worklist shows of the clock that matters now (`due_at`, `ends_on`, `level`). `settle_by`: the
    last day for S on its receipt, if that has one and it is known here. `desks_known`: it was said
    which desk decides and which must hear nothing, or the coordinator decides and all may, as is
    taken for granted."""

    __tablename__ = "cases"
    __table_args__ = (
        sa.CheckConstraint("class IS NULL OR kind = 'complaint'", name="class_of_complaint"),
        sa.CheckConstraint("stars BETWEEN 1 AND 5", name="stars_in_range"),
        sa.CheckConstraint("merged_into <> number", name="not_into_itself"),
        sa.CheckConstraint("NOT agency = ANY (complains_about)", name="not_by_the_accused"),
        sa.Index("cases_worklist", "status", "due_at", "number"),
        sa.Index(
            "cases_open",
            "due_at",
            "number",
            postgresql_where=sa.text(
                f"(merged_into IS NULL AND status IN ({_OPEN})) OR ombudsman IN ({_ORDERS})"
            ),
        ),
        sa.Index("cases_agency", "agency", "status", "due_at"),
        sa.Index("cases_supporting", "supporting", postgresql_using="gin"),
        sa.Index(
            "cases_followers", "merged_into", postgresql_where=sa.text("merged_into IS NOT NULL")
        ),
    )

    number: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[Kind] = word(Kind)
    confidentiality: Mapped[Confidentiality] = word(Confidentiality)
    hidden_from_public: Mapped[bool]
    reachable: Mapped[bool]
    received_at: Mapped[datetime]
    status: Mapped[Status] = word(Status)
    class_: Mapped[Class | None] = word(Class, "class")
    category: Mapped[str | None] = mapped_column(sa.ForeignKey("category.code"))
    agency: Mapped[str | None] = mapped_column(sa.ForeignKey("agency.code"))
    supporting: Mapped[tuple[str, ...]]
    complains_about: Mapped[tuple[str, ...]]
    decider: Mapped[Role] = word(Role)
    merged_into: Mapped[str | None] = mapped_column(sa.ForeignKey("cases.number"))
    awaited_from: Mapped[Status | None] = word(Status, rule="awaited_from")
    cycle: Mapped[int]
    questions: Mapped[int]
    returns: Mapped[int]
    objections: Mapped[int]
    verified_at: Mapped[datetime | None]
    disposed_at: Mapped[datetime | None]
    asked_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    reopen_until: Mapped[datetime | None]
    archive_reason: Mapped[ArchiveReason | None] = word(ArchiveReason)
    outcome: Mapped[Outcome | None] = word(Outcome)
    closed_how: Mapped[Closing | None] = word(Closing)
    stars: Mapped[int | None]

    title: Mapped[str]
    text: Mapped[str]
    event_date: Mapped[date]
    district: Mapped[str]
    place: Mapped[str | None]
    named_agency: Mapped[str | None]
    settle_by: Mapped[date | None]
    channel: Mapped[Channel] = word(Channel)
    opened_at: Mapped[datetime]
    desks_known: Mapped[bool] = mapped_column(server_default=sa.false())

    due_at: Mapped[datetime | None]
    ends_on: Mapped[date | None]
    level: Mapped[int] = mapped_column(server_default=sa.text("0"))
    offered_at: Mapped[datetime | None]
    handed_over_at: Mapped[datetime | None]
    ombudsman: Mapped[OmbudsmanAnswer | None] = word(OmbudsmanAnswer, rule="ombudsman")
    deadlines: Mapped[list[Deadline]] = relationship(order_by="Deadline.cycle")


class CaseEvent(Base):
    """What was done to a case, when, by whom and why; only ever added to. `changes` holds the
    values before and after. `refused`: it was asked for and not done, by that code."""

    __tablename__ = "case_event"
    __table_args__ = (sa.Index("case_event_number", "number", "id"), ONLY_ADDED_TO)

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    number: Mapped[str] = mapped_column(sa.ForeignKey("cases.number"))
    at: Mapped[datetime]
    recorded_at: Mapped[datetime] = mapped_column(server_default=sa.func.clock_timestamp())
    action: Mapped[Action] = word(Action)
    role: Mapped[Role] = word(Role)
    officer_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("officer.id"))
    agency: Mapped[str | None]
    why: Mapped[str | None]
    refused: Mapped[str | None]
    changes: Mapped[dict[str, Any]] = mapped_column(JSONB)


class Reply(Base):
    """An officer's words to the reporter."""

    __tablename__ = "reply"
    __table_args__ = (sa.Index("reply_number", "number", "at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(sa.ForeignKey("cases.number"))
    about: Mapped[About] = word(About)
    text: Mapped[str]
    at: Mapped[datetime]
    officer_id: Mapped[UUID] = mapped_column(sa.ForeignKey("officer.id"))
    agency: Mapped[str | None]
    evidence: Mapped[list[Evidence]] = relationship(order_by="Evidence.place")


class Evidence(Base):
    """A file that was named with a reply, in its `place` of those; only ever added to. `sha256`, in
    lower-case hexadecimal, is of what is in it."""

    __tablename__ = "evidence"
    __table_args__ = (
        sa.Index("evidence_sha256", "sha256"),
        sa.CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256_is_one"),
        ONLY_ADDED_TO,
    )

    reply_id: Mapped[UUID] = mapped_column(sa.ForeignKey("reply.id"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    title: Mapped[str]
    sha256: Mapped[str]


class Note(Base):
    """The reporter's words after the report itself; `id` is the event that brought them."""

    __tablename__ = "reporter_note"
    __table_args__ = (sa.Index("reporter_note_number", "number", "at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(sa.ForeignKey("cases.number"))
    action: Mapped[Action] = word(Action)
    text: Mapped[str]
    at: Mapped[datetime]


class Deadline(Base):
    """What escalation says of a clock; both ends are null while it is paused. `ends_on`: the day of
    `due_at` in the zone of the unit that must keep it; no `started_at` if it was never told.
    `stood_at`: since when it is paused, `stood_due_at`: its end by then, while nothing but days of
    the pause moves that."""

    __tablename__ = "deadline"

    number: Mapped[str] = mapped_column(sa.ForeignKey("cases.number"), primary_key=True)
    clock: Mapped[Clock] = word(Clock, primary_key=True)
    cycle: Mapped[int] = mapped_column(primary_key=True)
    started_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    ends_on: Mapped[date | None]
    stood_at: Mapped[datetime | None]
    stood_due_at: Mapped[datetime | None]
    approached_at: Mapped[datetime | None]
    passed_at: Mapped[datetime | None]
    cleared_at: Mapped[datetime | None]  # when it was last said that it is not late after all
    level: Mapped[int] = mapped_column(server_default=sa.text("0"))
    brought_to: Mapped[str | None]
