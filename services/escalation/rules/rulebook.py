"""What an administrator may say of a limit, a rung or a day, and what fits together.

Each fault is told by its field and the rule that it breaks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, validate

from chassis.errors import FieldError
from chassis.schemas import Count, Flag, Strict, Text, Whole
from services.escalation.domain import RAISED, Addressee
from services.escalation.watch.clockwork import REPORTERS, Clock
from services.escalation.watch.workdays import DayRule, Unit

COMPLAINT = "complaint"
KINDS = (COMPLAINT, "aspiration", "information_request")
CLASSES = ("supervisory", "ordinary")
MOST_DAYS = 1000
# Those of whose end somebody hears beforehand: H gives the reporter a right, and asks nobody.
REMINDED = (*RAISED, *sorted(REPORTERS))
CODE = Whole("^[a-z][a-z0-9-]{1,39}$", error="Invalid code: small letters, digits and hyphens.")


def one_of(words: Any, **more: Any) -> fields.String:
    """One word of a closed set."""
    return fields.String(validate=validate.OneOf([str(word) for word in words]), **more)


class LimitFields(Strict):
    """A limit: so many days for a clock. Without a kind or class: for the cases that no narrower
    limit in force names, by their kind, their class or both."""

    clock = one_of(Clock, required=True)
    kind = one_of(KINDS, load_default=None, allow_none=True)
    klass = one_of(CLASSES, data_key="class", load_default=None, allow_none=True)
    days = Count(required=True, strict=True, validate=validate.Range(1, MOST_DAYS))
    unit = one_of(Unit, required=True)


class RungFields(Strict):
    """A rung of the ladder: whom a limit is brought to, `after_days` working days past its end;
    level 0 reminds its holder, before it (negative). Without a class: for the cases that have no
    rung of this level for their own."""

    clock = one_of(Clock, required=True)
    klass = one_of(CLASSES, data_key="class", load_default=None, allow_none=True)
    level = Count(required=True, strict=True, validate=validate.Range(0, 3))
    after_days = Count(required=True, strict=True, validate=validate.Range(-100, 100))
    brought_to = one_of(Addressee, required=True)


class WeekFields(Strict):
    """The weekdays that are worked (0 is Monday), and whether the nation's days off are off here
    too."""

    weekdays = fields.List(
        Count(strict=True, validate=validate.Range(0, 6)),
        required=True,
        validate=validate.Length(1, 7),
    )
    national_days = Flag(required=True)
    joint_leave = Flag(required=True)


class DayFields(Strict):
    """What a decree makes of one day in one calendar."""

    day = fields.Date(required=True, format="iso")
    rule = one_of(DayRule, required=True)
    name = Text(100, lines=False, required=True)


def wrong_limit(data: Mapping[str, Any]) -> list[FieldError]:
    """Only complaints have a class."""
    if data["klass"] is None or data["kind"] in (None, COMPLAINT):
        return []
    return [FieldError(field="class", rule="kind", message="Only complaints have a class.")]


def wrong_rung(data: Mapping[str, Any]) -> list[FieldError]:
    """A reminder comes before the end and goes to the holder, a level neither; and only some limits
    are raised, or reminded of, at all."""
    reminds = data["level"] == 0
    rules = {
        "after_days": (
            reminds == (data["after_days"] < 0),
            "Level 0 comes before the end (negative), no other level does.",
        ),
        "brought_to": (
            reminds == (data["brought_to"] == Addressee.HOLDER),
            "Level 0 goes to the holder, no other level does.",
        ),
        "clock": (
            data["clock"] in (REMINDED if reminds else RAISED),
            f"Nobody is reminded of {data['clock']}."
            if reminds
            else f"Above level 0 only {', '.join(RAISED)} are raised.",
        ),
    }
    return [
        FieldError(field=name, rule="level", message=message)
        for name, (holds, message) in rules.items()
        if not holds
    ]
