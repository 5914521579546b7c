"""Whose days count, as an administrator sees and decrees them: calendars, their weeks, their days,
and which agency works by which."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import falcon
import sqlalchemy as sa
from marshmallow import fields, validate
from sqlalchemy.orm import Session

from chassis import web
from chassis.clock import Clock
from chassis.database import Transactions
from chassis.errors import NotAllowed, NotFound
from chassis.schemas import Count, Strict, Text
from services.escalation.config import Settings
from services.escalation.models import (
    Amendment,
    CalendarAssignment,
    CalendarDay,
    CalendarWeek,
    CalendarYear,
    LocalDay,
    ServiceCalendar,
)
from services.escalation.rules import agencies
from services.escalation.rules.amending import (
    Amended,
    Change,
    Decree,
    Effective,
    Preview,
    Rules,
    effective,
)
from services.escalation.rules.rulebook import CODE, DayFields, WeekFields, one_of
from services.escalation.rules.showing import Dated, Decided, by_whom, shown
from services.escalation.watch.workdays import DayRule

ZONES = ("Asia/Jakarta", "Asia/Pontianak", "Asia/Makassar", "Asia/Jayapura")
DAY_STATES = ("in_force", "superseded")
KINDS = ("public", "joint_leave", "local")


class NewWeek(Effective, WeekFields):
    """A calendar's week by decree."""


class NewCalendar(NewWeek):
    """A calendar and its first week."""

    code = fields.String(required=True, validate=CODE)
    name = Text(100, lines=False, required=True)
    zone = one_of(ZONES, required=True)


class NewDay(Decree, DayFields):
    """What a decree makes of a day. `national` takes back what a local decree had made of it."""


class NewAgency(Effective):
    """An agency that works by a calendar from a day on. `agency`: its code in the list of
    agencies."""

    agency = fields.String(required=True, validate=agencies.CODE)


class WeekShown(Dated, WeekFields):
    """A week that is, will be or was in force."""


class AgencyShown(Dated):
    """An agency that works, will work or worked by it."""

    agency = fields.String(required=True)


class CalendarShown(Decided):
    """A calendar with every week that it ever had and every agency that was ever given it, newest
    first."""

    code = fields.String(required=True)
    name = fields.String(required=True)
    zone = fields.String(required=True)
    decree = fields.String(required=True)
    weeks = fields.List(fields.Nested(WeekShown), required=True)
    agencies = fields.List(fields.Nested(AgencyShown), required=True)


class CalendarsShown(Strict):
    """Every calendar."""

    calendars = fields.List(fields.Nested(CalendarShown), required=True)


class NationalShown(Strict):
    """A day off of the nation, which holds where the calendar's week keeps it."""

    day = fields.Date(required=True)
    name = fields.String(required=True)
    kind = one_of(KINDS, required=True)
    basis = fields.String(required=True)


class LocalShown(Decided, DayFields):
    """What a local decree made of a day; the latest word about it is in force."""

    id = fields.Integer(required=True)
    decree = fields.String(required=True)
    state = one_of(DAY_STATES, required=True)


class DaysShown(Strict):
    """A year's days. Without `decree`, its joint leave is not decreed yet; a year that is not
    `held` has no days at all, and no limit may run into it."""

    calendar = fields.String(required=True)
    year = fields.Integer(required=True)
    held = fields.Boolean(required=True)
    decree = fields.String(required=True, allow_none=True)
    national = fields.List(fields.Nested(NationalShown), required=True)
    local = fields.List(fields.Nested(LocalShown), required=True)


class Year(Strict):
    """Which year; this one, unless it is said."""

    year = Count(load_default=None, validate=validate.Range(2000, 2100))


class Calendars(Rules):
    """`/v1/calendars`"""

    @web.operation(
        "Every calendar, with its weeks and who works by it",
        answers={200: CalendarsShown},
        errors=(401, 403),
        security="officer",
    )
    def on_get(self, req: falcon.Request) -> dict[str, Any]:
        """`regency` is the one of all agencies that have no other."""
        self.callers.administrator(req)
        with self.db.begin() as tx:
            made = {
                one.detail["code"]: one
                for one in tx.scalars(sa.select(Amendment).where(Amendment.what == "calendar"))
            }
            weeks = shown(tx, "week", tx.scalars(sa.select(CalendarWeek)), _calendar, self.today())
            assigned = tx.scalars(sa.select(CalendarAssignment))
            given = shown(tx, "assignment", assigned, _agency, self.today())
            return {
                "calendars": [
                    {
                        "code": row.code,
                        "name": row.name,
                        "zone": row.zone or self.settings.zone.key,
                        "decree": row.decree,
                        "weeks": [w for w in weeks if w["calendar"] == row.code],
                        "agencies": [a for a in given if a["calendar"] == row.code],
                    }
                    | by_whom(made.get(row.code))
                    for row in tx.scalars(sa.select(ServiceCalendar).order_by(ServiceCalendar.code))
                ]
            }

    @web.operation(
        "Decree a calendar",
        body=NewCalendar,
        query=Preview,
        answers={201: Amended, 200: Amended},
        errors=(401, 403, 409),
        idempotent="optional",
        security="officer",
    )
    def on_post(
        self, req: falcon.Request, body: dict[str, Any], query: dict[str, Any], key: Any
    ) -> web.Answer:
        """Nobody works by it until an agency is given it. Refused (409) where there is one with
        this code (rule `taken`); and (422) a day that is past without `retroactive`
        (`not_past`)."""
        week = {name: body[name] for name in ("weekdays", "national_days", "joint_leave")}
        named = {name: body[name] for name in ("code", "name", "zone", "decree")}

        def add(tx: Session) -> ServiceCalendar:
            if tx.get(ServiceCalendar, body["code"]) is not None:
                raise NotAllowed("there is a calendar with this code", "code", "taken")
            row = ServiceCalendar(**named)
            tx.add(row)
            tx.flush()
            tx.add(_week(body["code"], body, week))
            return row

        since = body["effective_from"]
        detail = named | week | {"effective_from": since.isoformat()}
        retroactive = body["retroactive"]
        decree = body["decree"]
        change = Change("calendar", decree, retroactive, since, "effective_from", add, detail)
        return self.amend(req, change, key, **query)


class OfCalendar(Rules):
    """What every resource of one calendar has."""

    def known(self, req: falcon.Request, code: str) -> None:
        """Lets an administrator on if there is such a calendar. Raises NotFound."""
        self.callers.administrator(req)
        with self.db.begin() as tx:
            if tx.get(ServiceCalendar, code) is None:
                raise NotFound("there is no such calendar")


class Weeks(OfCalendar):
    """`/v1/calendars/{code}/weeks`"""

    @web.operation(
        "Decree another week for a calendar",
        body=NewWeek,
        query=Preview,
        answers={201: Amended, 200: Amended},
        errors=(401, 403, 404),
        idempotent="optional",
        security="officer",
    )
    def on_post(
        self, req: falcon.Request, code: str, body: dict[str, Any], query: dict[str, Any], key: Any
    ) -> web.Answer:
        """From a day on; days before it stay as the earlier week judges them. Refused (422): a day
        that is past without `retroactive` (rule `not_past`)."""
        self.known(req, code)
        weekdays = sorted(set(body["weekdays"]))
        change = effective("week", CalendarWeek, body, calendar=code, weekdays=weekdays)
        return self.amend(req, change, key, **query)


class Agencies(OfCalendar):
    """`/v1/calendars/{code}/agencies`"""

    def __init__(self, settings: Settings, db: Transactions, clock: Clock) -> None:
        super().__init__(settings, db, clock)
        self._agencies = agencies.read(settings.data_dir)

    @web.operation(
        "Give an agency this calendar",
        body=NewAgency,
        query=Preview,
        answers={201: Amended, 200: Amended},
        errors=(401, 403, 404),
        idempotent="optional",
        security="officer",
    )
    def on_post(
        self, req: falcon.Request, code: str, body: dict[str, Any], query: dict[str, Any], key: Any
    ) -> web.Answer:
        """For what begins from that day on; a clock keeps the calendar that it began with. Refused
        (422): an agency that is none (rule `known`), and a day that is past without `retroactive`
        (`not_past`)."""
        self.known(req, code)
        agencies.check(body["agency"], self._agencies)
        change = effective("assignment", CalendarAssignment, body, calendar=code)
        return self.amend(req, change, key, **query)


class Days(OfCalendar):
    """`/v1/calendars/{code}/days`"""

    @web.operation(
        "A year's days of a calendar: the nation's and its own",
        query=Year,
        answers={200: DaysShown},
        errors=(401, 403, 404),
        security="officer",
    )
    def on_get(self, req: falcon.Request, code: str, query: dict[str, Any]) -> dict[str, Any]:
        """What was decreed about a day and superseded stays to be seen."""
        self.known(req, code)
        year = query["year"] or self.today().year
        span = date(year, 1, 1), date(year, 12, 31)
        nation = sa.select(CalendarDay).where(CalendarDay.day.between(*span))
        own = sa.select(LocalDay).where(LocalDay.calendar == code, LocalDay.day.between(*span))
        with self.db.begin() as tx:
            held = tx.get(CalendarYear, year)
            return {
                "calendar": code,
                "year": year,
                "held": held is not None,
                "decree": held and held.decree,
                "national": list(tx.scalars(nation.order_by(CalendarDay.day))),
                "local": _local(tx, [*tx.scalars(own.order_by(LocalDay.day, LocalDay.id))]),
            }

    @web.operation(
        "Decree a day off, a day that is worked, or take such a decree back",
        body=NewDay,
        query=Preview,
        answers={201: Amended, 200: Amended},
        errors=(401, 403, 404),
        idempotent="optional",
        security="officer",
    )
    def on_post(
        self, req: falcon.Request, code: str, body: dict[str, Any], query: dict[str, Any], key: Any
    ) -> web.Answer:
        """The latest word about a day holds, for every clock that runs over it. Refused (422): a
        day that is past without `retroactive` (rule `not_past`)."""
        self.known(req, code)
        values = {name: body[name] for name in ("day", "rule", "name", "decree")}
        now = self.clock.now()

        def add(tx: Session) -> LocalDay:
            row = LocalDay(calendar=code, at=now, **values)
            tx.add(row)
            return row

        day = body["day"]
        detail = {"calendar": code, "rule": body["rule"], "name": body["name"]}
        detail["day"] = day.isoformat()
        change = Change("day", body["decree"], body["retroactive"], day, "day", add, detail)
        return self.amend(req, change, key, **query)


def _week(code: str, body: Mapping[str, Any], week: Mapping[str, Any]) -> CalendarWeek:
    return CalendarWeek(
        **{**week, "weekdays": sorted(set(week["weekdays"]))},
        calendar=code,
        effective_from=body["effective_from"],
        decree=body["decree"],
    )


def _local(tx: Session, rows: list[LocalDay]) -> list[dict[str, Any]]:
    latest = {row.day: row.id for row in rows}
    told = sa.select(Amendment).where(Amendment.what == "day")
    found = tx.scalars(told.where(Amendment.row_id.in_([row.id for row in rows])))
    decided = {one.row_id: one for one in found}
    return [
        {
            "id": row.id,
            "day": row.day,
            "rule": DayRule(row.rule),
            "name": row.name,
            "decree": row.decree,
            "state": "in_force" if latest[row.day] == row.id else "superseded",
        }
        | by_whom(decided.get(row.id))
        for row in rows
    ]


def _calendar(row: CalendarWeek) -> str:
    return row.calendar


def _agency(row: CalendarAssignment) -> str:
    return row.agency
