"""Work on many cases, one transaction and one case's lock at a time.

Cases that somebody else has locked are passed by (SKIP LOCKED), so any number of processes may
take turns at the same work: none is done twice, and what belongs to one case keeps its order. A
case that fails is passed over, counted, logged and written down, and rests for `REST` in every
process: however many fail, they hold up no other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.clock import Clock
from chassis.database import Transactions, is_away
from chassis.failpoints import failpoint
from chassis.logs import cause, log
from services.escalation import metrics
from services.escalation.models import CaseState, FailedTurn, Work

CASES_A_TURN = 50
REST = timedelta(seconds=60)


@dataclass(frozen=True)
class Turn:
    """What is to be done: `pick` finds and locks a case that needs it, whose number is not in
    `:passed_over` and which is not at `:rest` from `:work` at `:now`."""

    work: Work
    pick: sa.TextClause
    asked: Mapping[str, Any]
    do: Callable[[Session, CaseState], None]


def take(db: Transactions, clock: Clock, turn: Turn) -> bool:
    """Does it on each case that is found, until it succeeded on `CASES_A_TURN`; whether there may
    be more. False when none is left, bar those that failed."""
    passed_over: list[str] = []
    done = 0
    while done < CASES_A_TURN:
        numbers: list[str] = []
        try:
            with db.begin() as tx:
                numbers += tx.scalars(turn.pick, _asked(turn, clock, passed_over))
                if not numbers:
                    return False
                turn.do(tx, tx.get_one(CaseState, numbers[0]))
                tx.execute(_failure(turn.work, numbers[0]))
                failpoint("escalation.before_commit")
            failpoint("escalation.after_commit")
            done += 1
        except Exception as error:
            if is_away(error) or not numbers:
                raise
            passed_over += numbers
            metrics.FAILED.inc()
            log.error("turn_failed", **cause(error))
            _rest(db, clock, turn.work, numbers[0])
    return True


def _asked(turn: Turn, clock: Clock, passed_over: list[str]) -> dict[str, Any]:
    about = {"work": turn.work, "now": clock.now(), "rest": REST, "passed_over": passed_over}
    return {**turn.asked, **about}


def _failure(work: Work, number: str) -> sa.Delete:
    return sa.delete(FailedTurn).where(FailedTurn.work == work, FailedTurn.number == number)


def _rest(db: Transactions, clock: Clock, work: Work, number: str) -> None:
    now = clock.now()
    failed = insert(FailedTurn).values(work=work, number=number, at=now)
    with db.begin() as tx:
        tx.execute(
            failed.on_conflict_do_update(index_elements=["work", "number"], set_={"at": now})
        )
