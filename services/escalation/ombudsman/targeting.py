"""Where the feed's pokes go: one administrator proposes an address, another one confirms it.

Two accounts are two people only if nobody has held both: who gives a first password can sign in
with it. So neither of the two, nor anybody from whom an account came to them, stands behind both;
and who confirms had theirs before there was anything to confirm (decision 18). Both deeds are told
on the monitoring stream, by the address' host.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import falcon
import sqlalchemy as sa
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis import web
from chassis.clock import Clock
from chassis.database import Transactions
from chassis.errors import Invalid, NotAllowed
from chassis.schemas import Strict, Text
from services.escalation.callers import Callers, Officer
from services.escalation.config import Settings
from services.escalation.models import FeedTarget
from services.escalation.ombudsman import outward, pokes, records
from services.escalation.schemas import moment

_LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtext('escalation.target'))")


class Address(Strict):
    """An https address on its usual port (443), or null: then the Ombudsman is not told of new
    entries of the feed, and has to look."""

    url = Text(max=outward.LONGEST, lines=False, required=True, allow_none=True)


class Proposal(Address):
    """An address that waits for another administrator."""

    proposed_at = moment(required=True)


class Target(Strict):
    """Where pokes go now, since when, and what is proposed instead. A poke says that there is
    something new in the Ombudsman's feed, and no more."""

    url = fields.String(required=True, allow_none=True)
    since = moment(required=True, allow_none=True)
    proposal = fields.Nested(Proposal, required=True, allow_none=True)


class Doors:
    """Who asks and where it is kept."""

    def __init__(self, settings: Settings, db: Transactions, clock: Clock) -> None:
        self.settings, self.db, self.clock = settings, db, clock
        self.callers = Callers(settings, db, clock)


class PokeTarget(Doors):
    """`/v1/ombudsman/target`"""

    @web.operation(
        "Where pokes go, and what is proposed instead",
        answers={200: Target},
        errors=(401, 403),
        security="officer",
    )
    def on_get(self, req: falcon.Request) -> dict[str, Any]:
        """For the administrator."""
        self.callers.administrator(req)
        with self.db.begin() as tx:
            return _shown(tx)

    @web.operation(
        "Proposes another address; it replaces an earlier proposal",
        body=Address,
        answers={200: Target},
        errors=(401, 403),
        security="officer",
    )
    def on_put(self, req: falcon.Request, body: dict[str, Any]) -> dict[str, Any]:
        """For the administrator. It is not used before another administrator confirms it.
        Refused (422) unless it is https, on port 443, to a public name or address, and without a
        user (rule `address`)."""
        administrator = self.callers.administrator(req)
        if body["url"] is not None:
            try:
                outward.parts(body["url"], inside=self.settings.poke_inside)
            except outward.NotOutside:
                wanted = "https on port 443, to a public name or address, without a user"
                raise Invalid(wanted, "url", "address") from None
        with self.db.begin() as tx:
            tx.execute(_LOCK)
            proposal = _proposal(body["url"], administrator, self.clock.now())
            tx.add(proposal)
            records.tell(tx, proposal)
            return _shown(tx)


class Confirmation(Doors):
    """`/v1/ombudsman/target/confirmation`"""

    @web.operation(
        "Another administrator confirms the address that is proposed; it is used from now on",
        body=Address,
        answers={200: Target},
        errors=(401, 403, 409),
        security="officer",
    )
    def on_post(self, req: falcon.Request, body: dict[str, Any]) -> dict[str, Any]:
        """For the administrator. Names the address once more; refused (409) where none is
        proposed (rule `none`), another is (`other`), they proposed it themselves, or one person has
        held both accounts or may have: by a first password given to them, or after the proposal
        (`four_eyes`)."""
        administrator = self.callers.administrator(req)
        with self.db.begin() as tx:
            tx.execute(_LOCK)
            newest = _newest(tx)
            if newest is None or newest.confirmed_at:
                raise NotAllowed("nothing is proposed", "url", "none")
            if newest.url != body["url"]:
                raise NotAllowed("another address is proposed: look at it first", "url", "other")
            _check_another(newest, administrator)
            newest.confirmed_by, newest.confirmed_at = administrator.id, self.clock.now()
            records.tell(tx, newest)
            return _shown(tx)


def _proposal(url: str | None, by: Officer, at: datetime) -> FeedTarget:
    givers = sorted(by.handed.by) if by.handed else None
    return FeedTarget(url=url, proposed_by=by.id, handed_by=givers, proposed_at=at)


def _check_another(proposal: FeedTarget, administrator: Officer) -> None:
    """Raises NotAllowed unless it is another person who confirms, as far as accounts tell."""
    if proposal.proposed_by == administrator.id:
        raise _by_one("another administrator must confirm what you proposed")
    handed, givers = administrator.handed, proposal.handed_by
    if handed is None or givers is None:
        raise _by_one("it is not known who gave these two accounts their first passwords")
    if handed.at >= proposal.proposed_at:
        raise _by_one("who confirms had their first password before the proposal: propose anew")
    if {administrator.id, *handed.by} & {proposal.proposed_by, *givers}:
        raise _by_one("one administrator has held both accounts, by a first password")


def _by_one(message: str) -> NotAllowed:
    return NotAllowed(message, "url", "four_eyes")


def _newest(tx: Session) -> FeedTarget | None:
    newest = sa.select(FeedTarget).order_by(FeedTarget.id.desc()).limit(1)
    return tx.scalars(newest).one_or_none()


def _shown(tx: Session) -> dict[str, Any]:
    now, newest = pokes.target(tx), _newest(tx)
    waiting = newest if newest and not newest.confirmed_at else None
    return {
        "url": now.url if now else None,
        "since": now.confirmed_at if now else None,
        "proposal": waiting and {"url": waiting.url, "proposed_at": waiting.proposed_at},
    }
