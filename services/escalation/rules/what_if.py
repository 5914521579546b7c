"""History under other rules, for an administrator who asks over HTTP: as much of it as a few
seconds allow, the newest clocks first, and no count of fewer than five. The command of the same
name takes all of it, and counts exactly."""

from __future__ import annotations

from typing import Any

import falcon
from marshmallow import fields

from chassis import web
from chassis.schemas import Strict
from services.escalation.rules import agencies, histories, regime, staffing
from services.escalation.rules.amending import Rules
from services.escalation.rules.hindsight import coarsened, compare
from services.escalation.rules.rulebook import one_of
from services.escalation.rules.supposing import Supposed, suppose
from services.escalation.watch.clockwork import Clock as ClockLetter

MOST_CLOCKS = 50_000


class LateShown(Strict):
    """So many limits passed, of a clock and, if it is for an agency to keep, of an agency. Agencies
    with fewer than five are counted together, without a name."""

    clock = one_of(ClockLetter, required=True)
    agency = fields.String(required=True, allow_none=True)
    count = fields.Integer(required=True)


class LoadShown(Strict):
    """So many passed limits were brought to somebody, on a level."""

    level = fields.Integer(required=True)
    to = fields.String(required=True)
    count = fields.Integer(required=True)


class SideShown(Strict):
    """What one set of rules comes to; `undecidable` clocks had at some time no end to be told."""

    late = fields.List(fields.Nested(LateShown), required=True)
    raised = fields.List(fields.Nested(LoadShown), required=True)
    undecidable = fields.Integer(required=True)


class Compared(Strict):
    """The rules in force beside those that were supposed, over `clocks` clocks; whether those were
    all (`complete`); how many fired otherwise than today's rules say. No case is named, and each
    count is the multiple of five below it: what has fewer than five is 0, or left out."""

    clocks = fields.Integer(required=True)
    complete = fields.Boolean(required=True)
    unlike_history = fields.Integer(required=True)
    before = fields.Nested(SideShown, required=True)
    after = fields.Nested(SideShown, required=True)
    newly_late = fields.List(fields.Nested(LateShown), required=True)
    no_longer_late = fields.List(fields.Nested(LateShown), required=True)


class WhatIf(Rules):
    """`/v1/what-if`"""

    @web.operation(
        "What history would have come to under other rules",
        body=Supposed,
        answers={200: Compared},
        errors=(401, 403),
        security="officer",
    )
    def on_post(self, req: falcon.Request, body: dict[str, Any]) -> dict[str, Any]:
        """Counts the limits that would have passed, and who would have heard of them. Changes
        nothing. Refused (422): a limit or rung that could not be decreed (rules `kind`, `level`),
        and a calendar that is none (`unknown`)."""
        self.callers.administrator(req)
        with self.db.begin() as tx:
            before = regime.current(tx, self.settings.zone)
            after = suppose(before, body)
            seats = agencies.seats(self.settings.data_dir)
            lives = histories.Bounded(histories.lives(tx, seats), MOST_CLOCKS)
            told = compare(lives, before, after, self.clock.now(), staffing.read(tx))
            return coarsened(told) | {"complete": lives.complete}
