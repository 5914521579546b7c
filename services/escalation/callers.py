"""Who asks: an officer whom routing vouches for, or whoever may see one case (decision 17)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import falcon

from chassis.clock import Clock
from chassis.database import Transactions
from chassis.errors import Forbidden, NotFound, Refusal, Unauthorized
from chassis.tokens import bearer
from services.escalation import grants
from services.escalation.config import Settings
from services.escalation.denials import Kind, Ledger

SECURITY = {
    "officer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of `POST /v1/officers/token`",
    },
    "case": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of `POST /v1/reports/track` (`links`), for the reporter, or of"
        " `POST /v1/cases/{number}/token`, for an officer",
    },
}


@dataclass(frozen=True)
class Handed:
    """When an administrator's account got its last first password, from whom, from whom they had
    theirs, and so on. Each of them may know how to sign in as this account."""

    at: datetime
    by: frozenset[UUID]


@dataclass(frozen=True)
class Officer:
    """An officer's account, by its id (no name comes here), and what they are."""

    id: UUID
    role: str
    agency: str | None
    handed: Handed | None = None


class Callers:
    """Tells who asks, by the token of the request."""

    def __init__(self, settings: Settings, db: Transactions, clock: Clock) -> None:
        self._db, self._clock, self._ledger = db, clock, Ledger(db, clock)
        self._staff, self._reporters = settings.tokens("routing"), settings.tokens("intake")

    def officer(self, req: falcon.Request) -> Officer:
        """The officer who asks. Raises Unauthorized."""
        said = self._vouched(bearer(req), "officer")
        if said is None:
            raise Unauthorized("this needs an officer's token that has not ended")
        return Officer(UUID(said["sub"]), said["role"], said["agency"], _handed(said))

    def administrator(self, req: falcon.Request) -> Officer:
        """The administrator who asks. Raises Unauthorized, or Forbidden for everybody else."""
        officer = self.officer(req)
        if officer.role != "administrator":
            self._ledger.keep(_kind(officer.id, req, Forbidden))
            raise Forbidden("only an administrator may")
        return officer

    def may_see(self, req: falcon.Request, number: str) -> None:
        """Lets in who may see the case `number`: intake says so of its reporter, routing of an
        officer. Raises Unauthorized, or NotFound for the token of another case."""
        token = bearer(req)
        of_reporter = self._reporters.read(token, "case", self._clock.now())
        said = of_reporter or self._vouched(token, "case")
        if said is None:
            raise Unauthorized("this needs a case's token that has not ended")
        if said["sub"] != number:
            if "officer" in said:
                self._ledger.keep(_kind(UUID(said["officer"]), req, NotFound), number)
            raise NotFound("there is no such case")

    def _vouched(self, token: str, scope: str) -> dict[str, Any] | None:
        """What routing says of an officer whose session has not ended."""
        said = self._staff.read(token, scope, self._clock.now())
        if said is None or "grant" not in said:
            return None
        with self._db.begin() as tx:
            return None if grants.has_ended(tx, UUID(said["grant"])) else said


def _handed(said: Mapping[str, Any]) -> Handed | None:
    """None where routing says nothing of it."""
    if "handed_at" not in said:
        return None
    givers = frozenset(UUID(giver) for giver in said["handed_by"])
    return Handed(datetime.fromisoformat(said["handed_at"]), givers)


def _kind(officer: UUID, req: falcon.Request, how: type[Refusal]) -> Kind:
    return Kind(officer, req.method, req.uri_template or "", how.status)
