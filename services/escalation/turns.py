"""Work on many cases, one transaction and one case's lock at a time.

Cases that somebody else has locked are passed by (SKIP LOCKED), so any number of processes may
take turns at the same work: none is done twice, and what belongs to one case keeps its order. A
case that fails is passed over until the next time, counted and logged: it holds up no other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import TextClause
from sqlalchemy.orm import Session

from chassis.database import Transactions, is_away
from chassis.failpoints import failpoint
from chassis.logs import cause, log
from services.escalation import metrics
from services.escalation.models import CaseState

CASES_A_TURN = 50


def take(
    db: Transactions,
    pick: TextClause,
    asked: Mapping[str, Any],
    work: Callable[[Session, CaseState], None],
) -> bool:
    """Does `work` on each case that `pick` finds and locks, `CASES_A_TURN` at most; whether there
    may be more. `pick` must leave out the numbers in `:passed_over`."""
    passed_over: list[str] = []
    for _ in range(CASES_A_TURN):
        numbers: list[str] = []
        try:
            with db.begin() as tx:
                numbers += tx.scalars(pick, {**asked, "passed_over": passed_over})
                if not numbers:
                    return False
                work(tx, tx.get_one(CaseState, numbers[0]))
                failpoint("escalation.before_commit")
            failpoint("escalation.after_commit")
        except Exception as error:
            if is_away(error) or not numbers:
                raise
            passed_over += numbers
            metrics.FAILED.inc()
            log.error("turn_failed", **cause(error))
    return True
