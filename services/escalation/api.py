"""Escalation's HTTP: which resource stands at which address."""

from __future__ import annotations

from typing import Any

import falcon
from falcon.media import JSONHandler

from chassis import web
from chassis.clock import Clock
from chassis.database import Transactions
from chassis.spelling import Spelling
from services.escalation import callers
from services.escalation.config import Settings
from services.escalation.ombudsman import doors as ombudsman
from services.escalation.ombudsman import reading, return_path, targeting, witness
from services.escalation.rules import amending, calendars, nation, staffing, what_if
from services.escalation.rules.rulebook import CODE
from services.escalation.schemas import NUMBER
from services.escalation.watch import deadlines

SECURITY = callers.SECURITY | {
    "ombudsman": {"type": "http", "scheme": "bearer", "description": "The Ombudsman's key"},
    "ombudsmanSigned": return_path.SCHEME,
}


def routes(settings: Settings, db: Transactions, clock: Clock) -> dict[str, Any]:
    """Every address and what answers there."""
    return {
        "/v1/cases/{number}/deadlines": deadlines.DeadlinesOfCase(settings, db, clock),
        "/v1/cases/{number}/explain": deadlines.ExplanationOfCase(settings, db, clock),
        "/v1/posts": staffing.Posts(settings, db, clock),
        "/v1/limits": amending.Limits(settings, db, clock),
        "/v1/ladder": amending.Ladder(settings, db, clock),
        "/v1/amendments": amending.History(settings, db, clock),
        "/v1/what-if": what_if.WhatIf(settings, db, clock),
        "/v1/national-decrees": nation.NationalDecrees(settings, db, clock),
        "/v1/calendars": calendars.Calendars(settings, db, clock),
        "/v1/calendars/{code}/weeks": calendars.Weeks(settings, db, clock),
        "/v1/calendars/{code}/days": calendars.Days(settings, db, clock),
        "/v1/calendars/{code}/agencies": calendars.Agencies(settings, db, clock),
        "/v1/ombudsman/feed": ombudsman.Feed(settings, db),
        "/v1/ombudsman/keys": witness.Keys(db),
        "/v1/ombudsman/checkpoint": witness.End(settings, db),
        "/v1/ombudsman/checkpoints": witness.Checkpoints(settings, db),
        "/v1/ombudsman/dossiers/{number}": reading.Dossiers(settings, db),
        "/v1/ombudsman/target": targeting.PokeTarget(settings, db, clock),
        "/v1/ombudsman/target/confirmation": targeting.Confirmation(settings, db, clock),
        "/v1/ombudsman/epochs": witness.Epochs(settings, db),
        "/v1/ombudsman/acknowledgements": witness.Acknowledgements(settings, db, clock),
        "/v1/ombudsman/handovers/{number}/answers": return_path.Answers(settings, db, clock),
    }


def app(settings: Settings, db: Transactions, clock: Clock) -> falcon.App[Any, Any]:
    """Escalation's WSGI application."""
    made = web.app("escalation", routes(settings, db, clock))
    made.add_middleware(Spelling(number=NUMBER.regex, code=CODE.regex))
    made.resp_options.media_handlers[falcon.MEDIA_JSON] = JSONHandler(dumps=ombudsman.spell)
    return made
