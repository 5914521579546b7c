"""The limits of one case, each with the days that led to its end: to its reporter, and to officers
who may see the case."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import falcon
import sqlalchemy as sa
from marshmallow import fields, validate
from sqlalchemy.orm import Session, selectinload

from chassis import web
from chassis.clock import Clock
from chassis.database import AS_OF_NOW, Transactions
from chassis.errors import NotFound
from chassis.schemas import Count, Strict
from services.escalation.callers import Callers
from services.escalation.config import Settings
from services.escalation.domain import Rule
from services.escalation.models import CaseState, ClockChange, ClockRun
from services.escalation.models.cases import MOVED_BY
from services.escalation.rules import regime
from services.escalation.rules.regime import Regime
from services.escalation.watch import clockwork, counting, explaining, workdays
from services.escalation.watch.counting import Measured
from services.escalation.watch.explaining import Told
from services.escalation.watch.workdays import Calendar

STATES = ("running", "paused", "stopped", "unknown")


class Words(Strict):
    """The same in Indonesian and in English."""

    id = fields.String(required=True)
    en = fields.String(required=True)


class Limit(Strict):
    """What was promised: so many days, counted how, by which decree, in force since when."""

    days = fields.Integer(required=True)
    unit = fields.String(required=True, validate=validate.OneOf(list(workdays.Unit)))
    decree = fields.String(required=True)
    effective_from = fields.Date(required=True)


class Change(Strict):
    """When and why the end moved; a null day stands for a clock that was paused. `promise`: it did
    not move, `before` is the earlier day that the receipt promised."""

    on = fields.Date(required=True)
    before = fields.Date(required=True, allow_none=True)
    after = fields.Date(required=True, allow_none=True)
    reason = fields.String(required=True, validate=validate.OneOf(MOVED_BY))


class Deadline(Strict):
    """A limit, as the clock was last measured by it. Days are local days of `zone`; `ends_on` ends
    at 23:59:59 there, and is null while the clock stands, for good if it stopped then, or its end
    is unknown. `name` says which limit the letter of `clock` stands for; `cycle` is the round of
    handling, one more at every objection and reopening. `provisional`: it may still move, because
    the days off of a year that it runs into are not all decreed."""

    clock = fields.String(required=True, validate=validate.OneOf(list(clockwork.Clock)))
    cycle = fields.Integer(required=True)
    name = fields.Nested(Words, required=True)
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    zone = fields.String(required=True)
    started_on = fields.Date(required=True)
    ends_on = fields.Date(required=True, allow_none=True)
    passed = fields.Boolean(required=True)
    provisional = fields.Boolean(required=True)
    limit = fields.Nested(Limit, required=True, allow_none=True)
    changes = fields.List(fields.Nested(Change), required=True)
    sentence = fields.Nested(Words, required=True)


class ExplainedDay(Strict):
    """One day on the way: counted, skipped (why, and by which decree) or paused (why: `paused`
    itself where that was not kept)."""

    on = fields.Date(required=True)
    verdict = fields.String(required=True, validate=validate.OneOf(list(workdays.Verdict)))
    reason = fields.String(required=True)
    basis = fields.String(required=True)


class Explained(Deadline):
    """A limit with every day from the one after its start to its end; with none where they can no
    longer be told, and then the sentence says so."""

    days = fields.List(fields.Nested(ExplainedDay), required=True)


class Deadlines(Strict):
    """Every limit of a case, in the order in which they began."""

    number = fields.String(required=True)
    deadlines = fields.List(fields.Nested(Deadline), required=True)


class Explanation(Strict):
    """Every limit of a case, day by day."""

    number = fields.String(required=True)
    deadlines = fields.List(fields.Nested(Explained), required=True)


class Which(Strict):
    """Of which clock and round; of all, unless it is said."""

    clock = fields.String(load_default=None, validate=validate.OneOf(list(clockwork.Clock)))
    cycle = Count(load_default=None, validate=validate.Range(1, 10_000))


class OfCase:
    """Finds a case's clocks for who may see it."""

    def __init__(self, settings: Settings, db: Transactions, clock: Clock) -> None:
        self._db, self._zone, self._callers = db, settings.zone, Callers(settings, db, clock)

    def tell(self, req: falcon.Request, number: str, **which: Any) -> dict[str, Any]:
        """All that is said of each clock, its days too."""
        self._callers.may_see(req, number)
        with self._db.begin() as tx:
            tx.execute(AS_OF_NOW)  # a clock and its changes are told as of one moment
            runs = selectinload(CaseState.clocks)
            case = tx.get(CaseState, number, options=[runs])
            if case is None:
                raise NotFound("there is no such case")
            in_force = regime.current(tx, self._zone)
            chosen = [run for run in case.clocks if _is_chosen(run, **which)]
            return {
                "number": number,
                "deadlines": [_told(tx, run, in_force) for run in chosen],
            }


class DeadlinesOfCase(OfCase):
    """`/v1/cases/{number}/deadlines`"""

    @web.operation(
        "The limits of a case, and how each came about",
        answers={200: Deadlines},
        errors=(401, 404),
        security="case",
    )
    def on_get(self, req: falcon.Request, number: str) -> dict[str, Any]:
        """Each in a sentence, with what moved its end. Its days stand in the explanation. 404 also
        while the case is not known here yet, as right after the receipt: ask again later."""
        return self.tell(req, number)


class ExplanationOfCase(OfCase):
    """`/v1/cases/{number}/explain`"""

    @web.operation(
        "The limits of a case, day by day",
        query=Which,
        answers={200: Explanation},
        errors=(401, 404),
        security="case",
    )
    def on_get(self, req: falcon.Request, number: str, query: dict[str, Any]) -> dict[str, Any]:
        """Each day counted, skipped or paused, and why. 404 also while the
        case is not known here yet, as right after the receipt: ask again later."""
        return self.tell(req, number, **query)


def _is_chosen(run: ClockRun, clock: str | None = None, cycle: int | None = None) -> bool:
    return clock in (None, run.clock) and cycle in (None, run.cycle)


def _told(tx: Session, run: ClockRun, in_force: Regime) -> dict[str, Any]:
    calendar = in_force.calendars[run.calendar]
    found = counting.measured(run, in_force)
    common = {
        "clock": run.clock,
        "cycle": run.cycle,
        "name": explaining.name(run.clock),
        "state": _state(run, found),
        "zone": calendar.zone.key,
        "started_on": calendar.day_of(run.started_at),
        "ends_on": found.ends_on,
        "passed": run.passed_at is not None,
        "changes": list(_changes(tx, run, calendar)),
    }
    if found.rule is None or common["state"] == "unknown":
        sentence = explaining.unknown(run.clock, stopped=run.stopped_at is not None)
        return common | {"limit": None, "days": [], "provisional": False, "sentence": sentence}
    return common | {
        "provisional": run.provisional,
        "limit": _limit(found.rule),
        "days": found.days or [],
        "sentence": explaining.sentence(_value(run, found.rule, found, calendar)),
    }


def _value(run: ClockRun, rule: Rule, found: Measured, calendar: Calendar) -> Told:
    return Told(
        clock=run.clock,
        rule=rule,
        started_on=calendar.day_of(run.started_at),
        zone=calendar.zone,
        days=found.days,
        ends_on=found.ends_on,
        stopped=run.stopped_at is not None,
        passed=run.passed_at is not None,
        provisional=run.provisional,
        stands_because=run.pauses[-1].because or "" if run.pauses else "",
    )


def _state(run: ClockRun, found: Measured) -> str:
    if run.stopped_at is not None:
        return "stopped"
    if found.rule is None or run.problem == "no_limit" or (run.problem and found.days is None):
        return "unknown"
    return "paused" if counting.run_of(run).is_paused else "running"


def _limit(rule: Rule) -> dict[str, Any]:
    return {
        "days": rule.limit.days,
        "unit": rule.limit.unit,
        "decree": rule.decree,
        "effective_from": rule.effective_from,
    }


def _changes(tx: Session, run: ClockRun, calendar: Calendar) -> Iterator[dict[str, Any]]:
    local = calendar.day_of
    found = sa.select(ClockChange).where(ClockChange.clock_id == run.id).order_by(ClockChange.id)
    for change in tx.scalars(found):
        yield {
            "on": local(change.at),
            "before": local(change.before) if change.before else None,
            "after": local(change.after) if change.after else None,
            "reason": change.reason,
        }
