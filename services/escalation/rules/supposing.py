"""Other limits, rungs, weeks or days, as a document that supposes them; and the rules that follow.

The document is a JSON object with any of the lists `limits`, `ladder`, `weeks` and `days`. A limit,
rung or week without `effective_from` is supposed to have been so always: it takes the place of
every one for the same clock (and kind, class or level), or calendar. With a day, it stands beside
the others from that day on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from marshmallow import fields, validate

from chassis.errors import FieldError, Invalid
from chassis.schemas import Strict
from services.escalation.domain import Rule, Rung
from services.escalation.models import REGENCY
from services.escalation.rules.almanac import LocalWeek
from services.escalation.rules.regime import Regime
from services.escalation.rules.rulebook import (
    CODE,
    DayFields,
    LimitFields,
    RungFields,
    WeekFields,
    one_of,
    wrong_limit,
    wrong_rung,
)
from services.escalation.watch.workdays import Calendar, DayRule, Decreed, Limit, Unit, Week

ALWAYS = date.min
FEW = validate.Length(max=100)


class SupposedLimit(LimitFields):
    """A limit, from a day on or always."""

    effective_from = fields.Date(load_default=ALWAYS, format="iso")


class SupposedRung(RungFields):
    """A rung, from a day on or always."""

    effective_from = fields.Date(load_default=ALWAYS, format="iso")


class SupposedWeek(WeekFields):
    """A calendar's week, from a day on or always."""

    calendar = fields.String(load_default=REGENCY, validate=CODE)
    effective_from = fields.Date(load_default=ALWAYS, format="iso")


class SupposedDay(DayFields):
    """A day of a calendar, off or worked."""

    rule = one_of((DayRule.OFF, DayRule.WORKED), required=True)
    calendar = fields.String(load_default=REGENCY, validate=CODE)


class Supposed(Strict):
    """Other limits, rungs, weeks or days than those in force. One without `effective_from` takes
    the place of every one for the same clock (and kind, class or level) or calendar; with a day it
    stands beside the others from that day on."""

    limits = fields.List(fields.Nested(SupposedLimit), load_default=list, validate=FEW)
    ladder = fields.List(fields.Nested(SupposedRung), load_default=list, validate=FEW)
    weeks = fields.List(fields.Nested(SupposedWeek), load_default=list, validate=FEW)
    days = fields.List(fields.Nested(SupposedDay), load_default=list, validate=FEW)


def suppose(regime: Regime, document: Mapping[str, Any]) -> Regime:
    """The rules with what a (loaded) document supposes. Raises Invalid for what fits nowhere."""
    if wrong := list(_wrong(regime, document)):
        raise Invalid("the document supposes what cannot be", errors=wrong)
    rules, ladder = regime.rules, regime.ladder
    for number, limit in enumerate(document["limits"], start=1):
        rules = _with_limit(rules, limit, max((r.id for r in rules), default=0) + number)
    for rung in document["ladder"]:
        ladder = _with_rung(ladder, rung)
    weeks = regime.almanac.weeks
    for week in document["weeks"]:
        weeks = _with_week(weeks, week)
    known = replace(regime.almanac, weeks=weeks)
    calendars = dict(known.under(regime.version) if document["weeks"] else regime.calendars)
    for day in document["days"]:
        calendars[day["calendar"]] = _with_day(calendars[day["calendar"]], day)
    return replace(regime, calendars=calendars, rules=rules, ladder=ladder)


def _wrong(regime: Regime, document: Mapping[str, Any]) -> Iterator[FieldError]:
    for name, check in (("limits", wrong_limit), ("ladder", wrong_rung)):
        for place, row in enumerate(document[name]):
            for error in check(row):
                yield FieldError(
                    field=f"{name}.{place}.{error['field']}",
                    rule=error["rule"],
                    message=error["message"],
                )
    for name in ("weeks", "days"):
        for place, row in enumerate(document[name]):
            if row["calendar"] not in regime.calendars:
                field, message = f"{name}.{place}.calendar", "There is no such calendar."
                yield FieldError(field=field, rule="unknown", message=message)


def _with_limit(rules: tuple[Rule, ...], new: Mapping[str, Any], id: int) -> tuple[Rule, ...]:
    about = new["clock"], new["kind"], new["klass"]
    if new["effective_from"] == ALWAYS:
        rules = tuple(r for r in rules if (r.clock, r.kind, r.klass) != about)
    limit = Limit(new["days"], Unit(new["unit"]))
    return (*rules, Rule(id, *about, limit, new["effective_from"], "supposed"))


def _with_rung(ladder: tuple[Rung, ...], new: Mapping[str, Any]) -> tuple[Rung, ...]:
    about = new["clock"], new["klass"], new["level"]
    if new["effective_from"] == ALWAYS:
        ladder = tuple(r for r in ladder if (r.clock, r.klass, r.level) != about)
    return (*ladder, Rung(*about, new["after_days"], new["brought_to"], new["effective_from"]))


def _with_week(weeks: tuple[LocalWeek, ...], new: Mapping[str, Any]) -> tuple[LocalWeek, ...]:
    """In the order of their days; of two from one day the later holds."""
    since, code = new["effective_from"], new["calendar"]
    if since == ALWAYS:
        weeks = tuple(week for week in weeks if week.calendar != code)
    week = Week(since, frozenset(new["weekdays"]), new["national_days"], new["joint_leave"])
    return tuple(sorted((*weeks, LocalWeek(code, week, 0)), key=lambda one: one.week.since))


def _with_day(calendar: Calendar, new: Mapping[str, Any]) -> Calendar:
    day = new["day"]
    decreed = Decreed(new["name"], "supposed")
    if new["rule"] == DayRule.WORKED:
        return replace(calendar, worked={**calendar.worked, day: decreed})
    worked = {on: said for on, said in calendar.worked.items() if on != day}
    return replace(calendar, off={**calendar.off, day: decreed}, worked=worked)
