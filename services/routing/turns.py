"""An officer's turn with one case: what every verb has, so that none can forget it.

The row is held, the same request happens once, and the change is filed and told.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import falcon
from sqlalchemy.orm import Session

from chassis.errors import Invalid
from chassis.schemas import Strict
from chassis.web import operation
from services.routing import case_file, models, showing
from services.routing.case_file import Say, Step, Words
from services.routing.cases import seen
from services.routing.life import Action, Case, Rules
from services.routing.officers import Resource
from services.routing.sessions import SignedIn, signed_in

NOT_TAKEN = (
    " Refused (409) where the case's status does not take it (rule `wrong_status`), or the case"
    " follows another one (`merged`): `actions` of the case says what it takes."
)


class Turn:
    """An officer's turn with one case, held until the transaction ends."""

    def __init__(self, tx: Session, who: SignedIn, row: models.Case, at: datetime, zone: ZoneInfo):
        self.tx, self.who, self.row, self.at, self.zone = tx, who, row, at, zone
        self.actor, self.case = who.actor, case_file.value(row)

    @property
    def on(self) -> date:
        """The day on which it is."""
        return self.at.astimezone(self.zone).date()

    @property
    def rules(self) -> Rules:
        """What holds today."""
        return case_file.rules(self.tx, self.on, self.zone)

    def known(self, model: Any, code: str | None, field: str) -> Any:
        """What has the code, if one is given. Raises Invalid if there is none."""
        found = self.tx.get(model, code) if code is not None else None
        if code is not None and found is None:
            raise Invalid("there is none of this code", field, "known")
        return found

    def takes_cases(self, code: str | None, field: str) -> None:
        """Raises Invalid for an agency that is none, or that gets no new cases."""
        agency = self.known(models.Agency, code, field)
        if agency is not None and not agency.active:
            raise Invalid("this agency gets no new cases", field, "active")

    def take_cases(self, body: dict[str, Any]) -> None:
        """Raises Invalid for a lead or supporting agency that gets no new cases."""
        for field, codes in (("agency", [body["agency"]]), ("supporting", body["supporting"])):
            for code in codes:
                self.takes_cases(code, field)

    def make(
        self,
        action: Action,
        after: Case,
        say: Say | None,
        *,
        why: str | None = None,
        words: Words | None = None,
        noted: dict[str, object] | None = None,
    ) -> None:
        """Changes the case, files it, tells it."""
        step = Step(action, self.actor, self.at, self.who.id, why, words, noted)
        case_file.change(self.tx, self.row, after, step, say)


def verb(
    summary: str,
    body: type[Strict],
    answer: type[showing.Done] = showing.Done,
    *,
    refused: str = NOT_TAKEN,
) -> Any:
    """An operation on a case: `on_post(self, turn, body)` makes the change, and returns what more
    there is to answer. Its docstring is told with what is `refused`."""

    def decorate(act: Any) -> Any:
        def on_post(
            self: Resource, req: falcon.Request, number: str, body: dict[str, Any], key: Any
        ) -> Any:
            now = self.clock.now()
            with self.db.begin() as tx:
                who = signed_in(tx, req, now)
                key = key.sent_by(who.id, f"{req.method} {_address(req, number)}")
                if answered := key.answered(tx):
                    return answered
                row = seen(tx, who, number, lock=True)
                more = act(self, Turn(tx, who, row, now, self.zone), body) or {}
                done = {"number": number, "status": row.status, "cycle": row.cycle, "at": now}
                return key.remember(tx, done | more)

        on_post.__doc__ = f"{act.__doc__}{refused}"
        described = operation(
            summary,
            body=body,
            answers={200: answer},
            errors=(403, 404, 409),
            idempotent="optional",
            security="officer",
        )
        return described(on_post)

    return decorate


def _address(req: falcon.Request, number: str) -> str:
    """The address of a verb as it is kept, however its number was typed."""
    return (req.uri_template or req.path).format(number=number)
