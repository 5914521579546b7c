"""One handling, several reporters: where the word of one meets that of another (decision 40)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from services.routing import accepting, case_file, domain, events, models
from services.routing.case_file import Say, Step
from services.routing.life import REPORTER, Action, Case, Rules, Status

NO = (Action.OBJECT, Action.REOPEN)
# Where a no to an answer leads, and what may come next there.
AFTER_NO = (Status.IN_PROGRESS, Status.AWAITING_REPORTER)


def meant(parent: models.Case, row: models.Case) -> models.Case:
    """The case that a no of the reporter of `row` moves: the one that is handled, or only their own
    if another's no was heard before, though they had been content."""
    return row if accepting.goes_on(case_file.value(row)) else parent


def disagree(
    row: models.Case, case: Case, asked: Action, at: datetime, rules: Rules
) -> tuple[Action, Case, Say | None]:
    """The no of the reporter of `row`."""
    own = case_file.value(row)
    if accepting.goes_on(own):
        return asked, accepting.taken_back(case), None
    # for them it stands as their own does: the other's may be over long ago
    stands = {"ended_at": own.ended_at, "reopen_until": own.reopen_until, "status": own.status}
    action, after = domain.disagree(replace(case, **stands), at, rules)
    return action, after, lambda c, _: events.disagreed(c, at, action, rules.seats)


def accept(
    tx: Session, row: models.Case, case: Case, at: datetime, rules: Rules
) -> tuple[Action, Case, Say | None]:
    """The acceptance of the reporter of `row`. Of a case that goes on for others nothing is said:
    it was never over."""
    after = accepting.accept(case, at, rules, overtaken=_is_overtaken(tx, row))
    is_over = after.status is Status.CLOSED
    return Action.ACCEPT, after, (lambda c, _: events.closed(c, at)) if is_over else None


def rate(tx: Session, row: models.Case, case: Case, stars: int) -> tuple[Action, Case, Say | None]:
    """The mark of the reporter of `row`."""
    return Action.RATE, accepting.rate(case, stars, overtaken=_is_overtaken(tx, row)), None


def let_rest(tx: Session, rows: Iterable[models.Case], at: datetime, rules: Rules) -> None:
    """Closes, of (held) cases that were just told an answer, each whose reporter was content with
    an earlier one: they are not asked again, and their silence says nothing."""
    for row in rows:
        case = case_file.value(row)
        if accepting.rests(case):
            _close_again(tx, row, accepting.accept(case, at, rules), at)


def let_go(tx: Session, handled: models.Case, at: datetime, rules: Rules) -> None:
    """Closes a (held) case that goes on for others once all of them are gone, and those that follow
    it: their reporters are content."""
    rows = [handled, *case_file.followers(tx, handled.number)]
    if all(accepting.goes_on(case_file.value(row)) for row in rows):
        for row in rows:
            _close_again(tx, row, accepting.let_go(case_file.value(row), at, rules), at)


def _close_again(tx: Session, row: models.Case, after: Case, at: datetime) -> None:
    step = Step(Action.ACCEPT, REPORTER, at, noted={"said_before": True}, reporter=row.number)
    case_file.change(tx, row, after, step, lambda c, _: events.closed(c, at))


def _is_overtaken(tx: Session, row: models.Case) -> bool:
    """Whether another reporter's no to the last answer was heard first: then what the one of `row`
    says is about that answer, for they know no other."""
    if row.status not in AFTER_NO:
        return False
    done, note = models.CaseEvent, models.Note
    steps = sa.select(done.action, done.at).where(
        done.number == row.number, done.action.in_([Action.ANSWER, *NO]), done.refused.is_(None)
    )
    last = tx.execute(steps.order_by(done.id.desc()).limit(1)).one_or_none()
    if last is None or last.action is Action.ANSWER:
        return False
    own = sa.exists().where(note.number == row.number, note.action.in_(NO), note.at == last.at)
    return not tx.scalar(sa.select(own))
