"""Accounts of officers, who are staff and named by their function; their sessions and deeds."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from services.routing.life import Role
from services.routing.models.columns import ONLY_ADDED_TO, Base, word


class Deed(StrEnum):
    """What is remembered of an account."""

    CREATED = "created"
    SIGNED_IN = "signed_in"
    SIGNED_OUT = "signed_out"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a word, not a password
    PASSWORD_RESET = "password_reset"  # noqa: S105
    DISABLED = "disabled"


class Officer(Base):
    """An account. `password_hash` is argon2id in PHC form."""

    __tablename__ = "officer"
    __table_args__ = (
        sa.CheckConstraint(
            "role IN ('coordinator', 'liaison', 'arbiter', 'supervisor', 'administrator')",
            name="role_of_staff",
        ),
        sa.CheckConstraint("role = 'administrator' OR agency IS NOT NULL", name="has_agency"),
        sa.CheckConstraint("username = lower(username)", name="username_lower"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(unique=True)
    role: Mapped[Role] = word(Role)
    agency: Mapped[str | None] = mapped_column(sa.ForeignKey("agency.code"))
    password_hash: Mapped[str]
    must_change_password: Mapped[bool] = mapped_column(server_default=sa.true())
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class Session(Base):
    """A signed-in officer; the row is deleted when it ends. Only the token's SHA-256 is kept. Other
    services know the session by its `grant_id`, which tells nothing. `failures`: passwords in a row
    that were said within it and were not the officer's."""

    __tablename__ = "session"
    __table_args__ = (sa.Index("session_officer", "officer_id"),)

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    officer_id: Mapped[UUID] = mapped_column(sa.ForeignKey("officer.id"))
    grant_id: Mapped[UUID] = mapped_column(server_default=sa.func.gen_random_uuid())
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    failures: Mapped[int] = mapped_column(server_default=sa.text("0"))
    blocked_until: Mapped[datetime] = mapped_column(server_default=sa.func.now())


class Throttle(Base):
    """Failed sign-ins in a row, by the first two bytes of the SHA-256 of the name that was typed,
    known or not: it may have been a password."""

    __tablename__ = "sign_in_throttle"

    username_hash: Mapped[bytes] = mapped_column(primary_key=True)
    failures: Mapped[int]
    blocked_until: Mapped[datetime]


class Device(Base):
    """From where an officer has signed in, and the failures in a row from there. Only the SHA-256
    of its secret is kept, which proves nothing: the password is asked for all the same."""

    __tablename__ = "device"
    __table_args__ = (sa.Index("device_officer", "officer_id"),)

    device_hash: Mapped[bytes] = mapped_column(primary_key=True)
    officer_id: Mapped[UUID] = mapped_column(sa.ForeignKey("officer.id"))
    given_at: Mapped[datetime]
    used_at: Mapped[datetime]
    failures: Mapped[int]
    blocked_until: Mapped[datetime]


class OfficerEvent(Base):
    """What happened to an account and by whom; only ever added to."""

    __tablename__ = "officer_event"
    __table_args__ = (sa.Index("officer_event_officer", "officer_id", "at"), ONLY_ADDED_TO)

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    officer_id: Mapped[UUID] = mapped_column(sa.ForeignKey("officer.id"))
    by: Mapped[UUID | None] = mapped_column(sa.ForeignKey("officer.id"))
    deed: Mapped[Deed] = word(Deed)
    at: Mapped[datetime]
    recorded_at: Mapped[datetime] = mapped_column(server_default=sa.func.clock_timestamp())


class Denial(Base):
    """What a signed-in officer was refused; only ever added to. `times` is 1, or how many more of
    the kind there were in the minute before, whichever case they named. `number` refers to no row:
    the record of a denial waits for nobody who holds the case."""

    __tablename__ = "denial"
    __table_args__ = (
        sa.Index("denial_at", "at"),
        sa.CheckConstraint("times > 0", name="counted"),
        ONLY_ADDED_TO,
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    at: Mapped[datetime]
    recorded_at: Mapped[datetime] = mapped_column(server_default=sa.func.clock_timestamp())
    officer_id: Mapped[UUID] = mapped_column(sa.ForeignKey("officer.id"))
    method: Mapped[str]
    route: Mapped[str]
    status: Mapped[int]
    number: Mapped[str | None]
    times: Mapped[int]
