"""Other limits, rungs or days, as a document that supposes them; and the rules that follow.

The document is a JSON object with any of the lists `limits`, `ladder` and `days`. A limit or rung
without `effective_from` is supposed to have been so always: it takes the place of every one for the
same clock (and kind, class or level). With a day, it stands beside the others from that day on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from chassis.errors import FieldError, Invalid
from chassis.schemas import Count, Strict, Text, Whole
from services.escalation.clockwork import Clock
from services.escalation.domain import RAISED, Addressee, Rule, Rung
from services.escalation.models import REGENCY
from services.escalation.regime import Regime
from services.escalation.workdays import Calendar, DayOff, DayRule, Limit, Unit

KINDS = ("complaint", "aspiration", "information_request")
CLASSES = ("supervisory", "ordinary")
MOST_DAYS = 1000
CODE = Whole("[a-z][a-z0-9-]{1,39}", error="Invalid code: small letters, digits and hyphens.")
ALWAYS = date.min


def one_of(words: Any, **more: Any) -> fields.String:
    """One word of a closed set."""
    return fields.String(validate=validate.OneOf([str(word) for word in words]), **more)


class LimitFields(Strict):
    """A limit: so many days for a clock. No kind or class: for all of them."""

    clock = one_of(Clock, required=True)
    kind = one_of(KINDS, load_default=None, allow_none=True)
    klass = one_of(CLASSES, data_key="class", load_default=None, allow_none=True)
    days = Count(required=True, validate=validate.Range(1, MOST_DAYS))
    unit = one_of(Unit, required=True)

    @validates_schema
    def fits(self, data: Mapping[str, Any], **_: Any) -> None:
        """Only complaints have a class."""
        if data.get("klass") and data.get("kind") not in (None, "complaint"):
            raise ValidationError({"class": ["Must be empty for this kind: only complaints have"]})


class RungFields(Strict):
    """A rung of the ladder: whom a limit is brought to, `after_days` working days past its end;
    level 0 reminds its holder, before it (negative)."""

    clock = one_of(Clock, required=True)
    klass = one_of(CLASSES, data_key="class", load_default=None, allow_none=True)
    level = Count(required=True, validate=validate.Range(0, 3))
    after_days = Count(required=True, validate=validate.Range(-100, 100))
    brought_to = one_of(Addressee, required=True)

    @validates_schema
    def fits(self, data: Mapping[str, Any], **_: Any) -> None:
        """A reminder comes before the end and goes to the holder; nothing else does either."""
        reminds, wrong = data["level"] == 0, {}
        if reminds != (data["after_days"] < 0):
            wrong["after_days"] = ["Must be below 0 for level 0, and not below 0 for any other"]
        if reminds != (data["brought_to"] == Addressee.HOLDER):
            wrong["brought_to"] = ["Must be holder for level 0, and somebody else for any other"]
        if not reminds and data["clock"] not in RAISED:
            wrong["clock"] = [f"Must be one of: {', '.join(RAISED)}, for a level above 0"]
        if wrong:
            raise ValidationError(wrong)


class DayFields(Strict):
    """What a decree makes of one day in one calendar."""

    day = fields.Date(required=True, validate=validate.Range(date(2000, 1, 1), date(2100, 12, 31)))
    rule = one_of(DayRule, required=True)
    name = Text(100, lines=False, required=True)


class SupposedLimit(LimitFields):
    """A limit, from a day on or always."""

    effective_from = fields.Date(load_default=ALWAYS)


class SupposedRung(RungFields):
    """A rung, from a day on or always."""

    effective_from = fields.Date(load_default=ALWAYS)


class SupposedDay(DayFields):
    """A day of a calendar, off or worked."""

    rule = one_of((DayRule.OFF, DayRule.WORKED), required=True)
    calendar = fields.String(load_default=REGENCY, validate=CODE)


class Supposed(Strict):
    """The whole document."""

    limits = fields.List(fields.Nested(SupposedLimit), load_default=list)
    ladder = fields.List(fields.Nested(SupposedRung), load_default=list)
    days = fields.List(fields.Nested(SupposedDay), load_default=list)


def suppose(regime: Regime, document: Mapping[str, Any]) -> Regime:
    """The rules with what a (loaded) document supposes. Raises Invalid for an unknown calendar."""
    rules, ladder = regime.rules, regime.ladder
    for number, limit in enumerate(document["limits"], start=1):
        rules = _with_limit(rules, limit, max((r.id for r in rules), default=0) + number)
    for rung in document["ladder"]:
        ladder = _with_rung(ladder, rung)
    calendars = dict(regime.calendars)
    for place, day in enumerate(document["days"]):
        known = calendars.get(day["calendar"])
        if known is None:
            wrong = FieldError(
                field=f"days.{place}.calendar", rule="unknown", message="There is no such calendar."
            )
            raise Invalid("the document names a calendar that does not exist", errors=[wrong])
        calendars[day["calendar"]] = _with_day(known, day)
    return replace(regime, calendars=calendars, rules=rules, ladder=ladder)


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


def _with_day(calendar: Calendar, new: Mapping[str, Any]) -> Calendar:
    day = new["day"]
    if new["rule"] == DayRule.WORKED:
        return replace(calendar, worked=calendar.worked | {day})
    off = {**calendar.off, day: DayOff(new["name"], "supposed")}
    return replace(calendar, off=off, worked=calendar.worked - {day})
