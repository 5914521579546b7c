"""The nation's days off, as an administrator enters decrees: which is a year's joint one, and what
any makes of days that the imported calendar does not know, or knows otherwise.

An import leaves alone a year whose joint decree was entered, and each day that was.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import falcon
import sqlalchemy as sa
from marshmallow import fields, validate
from sqlalchemy.orm import Session

from chassis import web
from chassis.errors import FieldError, Invalid
from chassis.schemas import Count, Flag, Strict, Text
from services.escalation.models import CalendarDay, CalendarYear
from services.escalation.rules.amending import Amended, Change, Decree, Preview, Rules, refuse
from services.escalation.rules.national import JOINT_LEAVE, PUBLIC
from services.escalation.rules.rulebook import one_of

MOST = 60  # days that one decree changes


class NationalDay(Strict):
    """A day off of the whole country."""

    day = fields.Date(required=True, format="iso")
    kind = one_of((PUBLIC, JOINT_LEAVE), required=True)
    name = Text(100, lines=False, required=True)


class NewNationalDecree(Decree):
    """A decree about a year's days: whether it is the joint one, which is the basis of them all;
    the days off that it adds or changes, and those that it takes back."""

    joint = Flag(required=True)
    year = Count(required=True, strict=True, validate=validate.Range(2000, 2100))
    days = fields.List(
        fields.Nested(NationalDay), load_default=list, validate=validate.Length(max=MOST)
    )
    taken_back = fields.List(
        fields.Date(format="iso"), load_default=list, validate=validate.Length(max=MOST)
    )


class NationalDecrees(Rules):
    """`/v1/national-decrees`"""

    @web.operation(
        "Enter a national decree about a year's days",
        body=NewNationalDecree,
        query=Preview,
        answers={201: Amended, 200: Amended},
        errors=(401, 403),
        idempotent="optional",
        security="officer",
    )
    def on_post(
        self, req: falcon.Request, body: dict[str, Any], query: dict[str, Any], key: Any
    ) -> web.Answer:
        """After the joint one, no limit that runs into the year is provisional. What is decreed of
        a day holds in every calendar that keeps the nation's days. Refused (422): what changes
        nothing (rule `change`), a day of another year (`year`) or named twice (`unique`), a year
        whose days are not imported (`held`), or whose joint leave nobody has named yet
        (`joint_leave`), what is taken back and is no day off (`known`), and a day that is past
        without `retroactive` (`not_past`)."""
        refuse(_wrong(body))
        moved = [(one["day"], "days") for one in body["days"]]
        moved += [(day, "taken_back") for day in body["taken_back"]]
        since, field = min(moved, default=(self.today(), "days"))
        detail = _detail(body)

        def add(tx: Session) -> CalendarYear:
            year = _known(tx, body["year"])
            if body["joint"]:
                detail["replaces"] = year.decree
            return _enter(tx, year, body)

        change = Change("nation", body["decree"], body["retroactive"], since, field, add, detail)
        return self.amend(req, change, key, **query)


def _wrong(body: Mapping[str, Any]) -> list[FieldError]:
    """What a decree may not say: nothing, a day of another year, or of one day two things."""
    told = [(f"days.{n}.day", one["day"]) for n, one in enumerate(body["days"])]
    told += [("taken_back", day) for day in body["taken_back"]]
    wrong: list[FieldError] = []
    if not told and not body["joint"]:
        wrong.append(FieldError(field="days", rule="change", message="nothing would change"))
    seen: set[date] = set()
    for field, day in told:
        if day.year != body["year"]:
            message = "this day is of another year"
            wrong.append(FieldError(field=field, rule="year", message=message))
        if day in seen:
            message = "this day is named twice"
            wrong.append(FieldError(field=field, rule="unique", message=message))
        seen.add(day)
    return wrong


def _detail(body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "year": body["year"],
        "joint": body["joint"],
        "days": [one | {"day": one["day"].isoformat()} for one in body["days"]],
        "taken_back": [day.isoformat() for day in body["taken_back"]],
    }


def _known(tx: Session, number: int) -> CalendarYear:
    """Raises Invalid for a year without days."""
    year = tx.get(CalendarYear, number)
    if year is None:
        raise Invalid("the calendar holds no days of this year: import them first", "year", "held")
    return year


def _enter(tx: Session, year: CalendarYear, body: Mapping[str, Any]) -> CalendarYear:
    """Raises Invalid for a year whose joint leave nobody has named, and for a day taken back that
    is none."""
    span = date(year.year, 1, 1), date(year.year, 12, 31)
    of_year = sa.select(CalendarDay).where(CalendarDay.day.between(*span))
    known = {row.day: row for row in tx.scalars(of_year)}
    for day in body["taken_back"]:
        if day not in known:
            raise Invalid("this is no day off of the nation's", "taken_back", "known")
        tx.delete(known.pop(day))
    for row in known.values():
        if body["joint"] and (row.imported or row.basis == year.decree):
            row.basis = body["decree"]
    for one in body["days"]:
        row = known.setdefault(one["day"], CalendarDay(day=one["day"]))
        row.name, row.kind = one["name"], one["kind"]
        row.basis, row.imported = body["decree"], False
        tx.add(row)
    if body["joint"]:
        year.decree, year.entered = body["decree"], True
        if not any(row.kind == JOINT_LEAVE for row in known.values()):
            raise Invalid("nobody has named this year's days of joint leave", "days", "joint_leave")
    return year
