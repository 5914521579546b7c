"""Calendars beside the nation's days off: whose they are, their weeks, their own days."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from services.escalation.models.columns import MOMENT, ONLY_ADDED_TO, Base, one_of
from services.escalation.watch.workdays import DayRule

REGENCY = "regency"


class ServiceCalendar(Base):
    """A calendar: the regency's, or that of a service unit with a week of its own. No zone: where
    the system stands (`TIME_ZONE`)."""

    __tablename__ = "service_calendar"
    __table_args__ = (
        sa.CheckConstraint("code ~ '^[a-z][a-z0-9-]{1,39}$'", name="code_readable"),
        sa.CheckConstraint(f"(code = '{REGENCY}') = (zone IS NULL)", name="zone_named"),
        ONLY_ADDED_TO,
    )

    code: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    name: Mapped[str] = mapped_column(sa.Text)
    zone: Mapped[str | None] = mapped_column(sa.Text)
    decree: Mapped[str] = mapped_column(sa.Text)


class CalendarWeek(Base):
    """A calendar's week from a day on (0 is Monday), and whether the nation's days off are its
    own. Of two from the same day the later row holds. `regime`: the version that it came with."""

    __tablename__ = "calendar_week"
    __table_args__ = (
        sa.CheckConstraint(
            "cardinality(weekdays) >= 1 AND weekdays <@ ARRAY[0, 1, 2, 3, 4, 5, 6]",
            name="weekdays_known",
        ),
        ONLY_ADDED_TO,
    )

    id: Mapped[int] = mapped_column(sa.Identity(always=True), primary_key=True)
    calendar: Mapped[str] = mapped_column(sa.ForeignKey("service_calendar.code"))
    weekdays: Mapped[list[int]] = mapped_column(ARRAY(sa.Integer))
    national_days: Mapped[bool]
    joint_leave: Mapped[bool]
    effective_from: Mapped[date]
    decree: Mapped[str] = mapped_column(sa.Text)
    regime: Mapped[int] = mapped_column(sa.BigInteger, server_default=sa.FetchedValue())


class LocalDay(Base):
    """What a decree made of one day in one calendar: off, worked all the same, or (`national`) as
    if there had been no local decree. Of several for a day the latest row holds; none is ever
    changed. `regime`: the version that it came with."""

    __tablename__ = "local_day"
    __table_args__ = (
        one_of("rule", DayRule),
        sa.Index("local_day_of", "calendar", "day"),
        ONLY_ADDED_TO,
    )

    id: Mapped[int] = mapped_column(sa.Identity(always=True), primary_key=True)
    calendar: Mapped[str] = mapped_column(sa.ForeignKey("service_calendar.code"))
    day: Mapped[date]
    rule: Mapped[str] = mapped_column(sa.Text)
    name: Mapped[str] = mapped_column(sa.Text)
    decree: Mapped[str] = mapped_column(sa.Text)
    at: Mapped[datetime] = mapped_column(MOMENT, server_default=sa.func.now())
    regime: Mapped[int] = mapped_column(sa.BigInteger, server_default=sa.FetchedValue())


class CalendarAssignment(Base):
    """An agency works by a calendar from a day on. Of two from the same day the later row holds.
    A clock keeps the calendar that it began with."""

    __tablename__ = "calendar_assignment"
    __table_args__ = ONLY_ADDED_TO

    id: Mapped[int] = mapped_column(sa.Identity(always=True), primary_key=True)
    agency: Mapped[str] = mapped_column(sa.Text)
    calendar: Mapped[str] = mapped_column(sa.ForeignKey("service_calendar.code"))
    effective_from: Mapped[date]
    decree: Mapped[str] = mapped_column(sa.Text)
