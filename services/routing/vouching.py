"""Tells other services who asks, by tokens that the officer carries there (decision 17)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import falcon
from marshmallow import fields, validate
from sqlalchemy.orm import Session

from chassis.clock import Clock
from chassis.database import Transactions
from chassis.schemas import Strict
from chassis.tokens import LIFETIME
from chassis.web import operation
from services.routing import handing
from services.routing.cases import seen
from services.routing.config import Settings
from services.routing.life import Role
from services.routing.officers import Resource
from services.routing.sessions import SignedIn, signed_in

VOUCHED_TO = ("escalation",)  # the services that know routing's key
# An administrator decrees with it: where the news of a session's end is late, so long it holds.
OFFICERS = timedelta(minutes=1)


class Vouch(Strict):
    """Which other service the token is for."""

    service = fields.String(load_default=VOUCHED_TO[0], validate=validate.OneOf(VOUCHED_TO))


class Voucher(Strict):
    """What that service is shown, as a bearer token. It ends soon; ask for another one then."""

    token = fields.String(required=True)
    expires_at = fields.AwareDateTime(required=True)


class Vouching(Resource):
    """What both vouch with."""

    def __init__(self, settings: Settings, db: Transactions, clock: Clock) -> None:
        super().__init__(settings, db, clock)
        self.tokens = settings.tokens()


def given(session: SignedIn, now: datetime, lasts: timedelta = LIFETIME) -> datetime:
    """When a token was given, as its end tells, that ends after `lasts` or with the session: each
    ends `LIFETIME` after it was given."""
    return min(now + lasts, session.expires_at) - LIFETIME


class OfOfficer(Vouching):
    """`/v1/officers/token`"""

    @operation(
        "A token that tells another service who is signed in",
        body=Vouch,
        answers={200: Voucher},
        errors=(403,),
        security="officer",
    )
    def on_post(self, req: falcon.Request, body: dict[str, Any]) -> dict[str, Any]:
        """Holds for a minute, and no longer than the session: signing out ends it too."""
        now = self.clock.now()
        with self.db.begin() as tx:
            who = signed_in(tx, req, now)
            handed = _handed(tx, who)
        said = {"role": who.actor.role, "agency": who.actor.agency, "grant": str(who.grant)}
        at = given(who, now, OFFICERS)
        return self.tokens.issue(body["service"], "officer", str(who.id), at, **said, **handed)


def _handed(tx: Session, who: SignedIn) -> dict[str, Any]:
    """Whose hands an administrator's account has been in: two of one person's are one."""
    known = handing.of(tx, who.id) if who.actor.role is Role.ADMINISTRATOR else None
    if known is None:
        return {}
    return {"handed_at": known.at.isoformat(), "handed_by": [str(id) for id in known.by]}


class OfCase(Vouching):
    """`/v1/cases/{number}/token`"""

    @operation(
        "A token that lets another service show this case",
        body=Vouch,
        answers={200: Voucher},
        errors=(403,),
        security="officer",
    )
    def on_post(self, req: falcon.Request, number: str, body: dict[str, Any]) -> dict[str, Any]:
        """Only for who may see the case here. Holds for five minutes, and no longer than the
        session."""
        now = self.clock.now()
        with self.db.begin() as tx:
            who = signed_in(tx, req, now)
            row = seen(tx, who, number)
        said = {"officer": str(who.id), "grant": str(who.grant)}
        return self.tokens.issue(body["service"], "case", row.number, given(who, now), **said)
