"""Who is let in as a report's reporter: whoever knows its code. Whoever guesses learns nothing."""

from __future__ import annotations

import hmac
from typing import Any

import falcon
import limits
import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.errors import NotFound, TooMany
from services.intake import domain
from services.intake.models import Report
from services.intake.submission import code_hash

WRONG_CODES = limits.parse("10 per minute")


class Door:
    """Lets in who knows a report's code. A right code always works; wrong ones are slowed down
    by number, so that nobody can be locked out of their own report."""

    def __init__(self, pepper: bytes, prefix: str) -> None:
        self._pepper, self._prefix = pepper, prefix
        self._limiter = limits.strategies.FixedWindowRateLimiter(limits.storage.MemoryStorage())

    def admit(self, tx: Session, req: falcon.Request, number: str, key: Any) -> tuple[str, Any]:
        """The number, and the request's key: both as they are kept, however number and code were
        typed. Raises as `prove`."""
        number = self.prove(tx, number, req.get_header("Tracking-Code") or "")
        route = f"{req.method} {(req.uri_template or '').format(number=number)}"
        return number, key.sent_by(number, route)

    def open(self, tx: Session, number: str, code: str) -> Report:
        """The report, to be read. Raises as `prove`."""
        return tx.get_one(Report, self.prove(tx, number, code))

    def prove(self, tx: Session, number: str, code: str) -> str:
        """The number, spelled as it is kept, to who knows the code. Locks nothing: a stranger who
        knows a number must not hold its row, nor a twin wait for it that its key refuses at once.
        Raises NotFound, the same for a wrong number and a wrong code, and TooMany after ten wrong
        codes for one number in a minute."""
        number = domain.read_number(number, self._prefix)
        # One row of the hash alone, whether the number exists or not: or the time would tell.
        stored_one = sa.select(Report.code_hash).where(Report.number == number)
        stored = tx.scalar(sa.select(stored_one.scalar_subquery()))
        given = code_hash(self._pepper, number, code)
        if hmac.compare_digest(stored or bytes(32), given) and stored:
            return number
        if number and not self._limiter.hit(WRONG_CODES, number):
            raise TooMany("too many wrong codes for this number", retry_after=60)
        raise NotFound("there is no report with this number and code")
