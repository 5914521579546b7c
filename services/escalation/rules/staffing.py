"""Who is at the posts of the ladder: read when something fires, decreed by an administrator."""

from __future__ import annotations

from collections.abc import Container, Mapping
from datetime import date
from typing import Any

import falcon
import sqlalchemy as sa
from marshmallow import fields, validate
from sqlalchemy.orm import Session

from chassis import web
from chassis.clock import Clock
from chassis.database import Transactions
from chassis.errors import Invalid
from chassis.schemas import Shown, Strict, Text
from services.escalation.callers import Callers
from services.escalation.config import Settings
from services.escalation.domain import Addressee, Desk
from services.escalation.models import CaseState, PostStanding
from services.escalation.ombudsman import records
from services.escalation.rules import agencies
from services.escalation.rules.posts import OF_AGENCIES, Desks, Staffing, Standing

LONGEST = 500  # rows of history that one answer shows


def read(tx: Session) -> list[Staffing]:
    """Every word about every post."""
    rows = tx.scalars(sa.select(PostStanding))
    return [
        Staffing(
            row.id, row.post, row.agency, row.standing, row.effective_from, row.effective_until
        )
        for row in rows
    ]


def desks_of(case: CaseState, seats: Mapping[str, Desk]) -> Desks:
    """Which desk decides about a case, and which must hear nothing of it, as routing last said;
    and where desks sit."""
    return Desks(Desk(case.decider), frozenset(map(Desk, case.passes_by)), seats)


class NewStanding(Strict):
    """How a post stands from a day on, until a day (included) if that is known, and by which
    decree. `agency`: whose desk or head it is, by its code in the list of agencies; none means the
    coordinator's desk."""

    post = fields.String(required=True, validate=validate.OneOf(list(Addressee)))
    agency = fields.String(validate=agencies.CODE, allow_none=True, load_default=None)
    standing = fields.String(required=True, validate=validate.OneOf(list(Standing)))
    effective_from = fields.Date(required=True, format="iso")
    effective_until = fields.Date(allow_none=True, load_default=None, format="iso")
    decree = Text(max=200, min=3, lines=False, required=True)


class Decreed(Shown, NewStanding):
    """How a post stands, by decree; who entered it (an officer's id) and when."""

    agency = fields.String(required=True, allow_none=True)  # of an older one as it was typed
    id = fields.Integer(required=True)
    decided_by = fields.UUID(required=True)
    decided_at = fields.AwareDateTime(required=True)


class History(Strict):
    """What was decreed of posts, the newest first; `effective_from` and `effective_until` are local
    days."""

    standings = fields.List(fields.Nested(Decreed), required=True)


class Posts:
    """`/v1/posts`"""

    def __init__(self, settings: Settings, db: Transactions, clock: Clock) -> None:
        self._db, self._clock, self._settings = db, clock, settings
        self._callers = Callers(settings, db, clock)
        self._agencies = agencies.read(settings.data_dir)

    @web.operation(
        "What was decreed about who is at the posts of the ladder",
        answers={200: History},
        errors=(401, 403),
        security="officer",
    )
    def on_get(self, req: falcon.Request) -> dict[str, Any]:
        """For the administrator. A post that was never decreed about is held."""
        self._callers.administrator(req)
        newest = sa.select(PostStanding).order_by(PostStanding.id.desc()).limit(LONGEST)
        with self._db.begin() as tx:
            return {"standings": list(tx.scalars(newest))}

    @web.operation(
        "Decree how a post stands",
        body=NewStanding,
        answers={201: Decreed},
        errors=(401, 403),
        idempotent="optional",
        security="officer",
    )
    def on_post(self, req: falcon.Request, body: dict[str, Any], key: Any) -> Any:
        """Holds for what fires from now on; what was raised stays raised, and no clock moves.
        Refused (422): an agency that is none (rule `known`), or of a post that belongs to none
        (`none`), a head of an agency without it (`required`), a day before today (`not_past`), and
        an end before the beginning (`range`)."""
        administrator, now = self._callers.administrator(req), self._clock.now()
        key = key.sent_by(administrator.id)
        with self._db.begin() as tx:
            if answer := key.answered(tx):  # on a day that may be past now
                return answer
            _check(body, self._settings.local_day(now), self._agencies)
            row = PostStanding(**body, decided_by=administrator.id, decided_at=now)
            tx.add(row)
            records.tell(tx, row)
            return key.remember(tx, row)


def _check(body: dict[str, Any], today: date, known: Container[str]) -> None:
    if body["agency"] is not None and body["post"] not in OF_AGENCIES:
        raise Invalid("this post belongs to no agency", "agency", "none")
    if body["agency"] is None and body["post"] == Addressee.HEAD_OF_AGENCY:
        raise Invalid("which agency's head is it?", "agency", "required")
    if body["agency"] is not None:
        agencies.check(body["agency"], known)
    if body["effective_from"] < today:
        raise Invalid("what has fired is not changed: from today at the earliest",
                      "effective_from", "not_past")  # fmt: skip
    until = body["effective_until"]
    if until is not None and until < body["effective_from"]:
        raise Invalid("it ends before it begins", "effective_until", "range")
