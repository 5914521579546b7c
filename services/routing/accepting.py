"""What a reporter says of an answer is theirs, whatever another reporter of the same handling says
of it (decision 40).

Pure, as all that stands in `domain.py`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from services.routing.domain import TooLate, over
from services.routing.life import OPEN, REPORTER, Action, Case, Closing, Rules, Status
from services.routing.rights import permit


def accept(case: Case, at: datetime, rules: Rules, *, overtaken: bool = False) -> Case:
    """The reporter is content. A merged case is closed for its own reporter only. `overtaken`:
    another reporter's no to the same answer was heard first; then a case that is handled for others
    too goes on for them, as it would if this had been heard first."""
    if case.closed_how is Closing.AUTO_CLOSED:
        raise TooLate("the case was closed by silence before")
    status = _permit(case, Action.ACCEPT, overtaken)
    accepted = replace(case, closed_how=Closing.ACCEPTED)
    if overtaken and case.merged_into is None:
        return accepted
    return over(replace(accepted, status=status, merged_into=None), at, rules)


def rate(case: Case, stars: int, *, overtaken: bool = False) -> Case:
    """The reporter's mark, 1 to 5; the last one counts. `overtaken`: as for an acceptance."""
    status = _permit(case, Action.RATE, overtaken)
    return replace(case, status=case.status if overtaken else status, stars=stars)


def go_along(after: Case, own: Case) -> Case:
    """The case as it is `after` another reporter's no, with what its `own` reporter had said: a
    word stays, and silence to an answer that is none any more does not."""
    is_silent = own.closed_how is Closing.AUTO_CLOSED
    how, stars = (None, None) if is_silent else (own.closed_how, own.stars)
    return replace(after, closed_how=how, stars=stars)


def goes_on(case: Case) -> bool:
    """Whether its reporter was content, and it is handled on for others."""
    is_handled = case.status in OPEN and case.status is not Status.ANSWERED
    return is_handled and case.closed_how is Closing.ACCEPTED


def taken_back(case: Case) -> Case:
    """Its reporter says no to what they were content with."""
    return replace(case, closed_how=None, stars=None)


def let_go(case: Case, at: datetime, rules: Rules) -> Case:
    """It is over again, for nobody waits for more than its content reporter had."""
    return over(replace(case, status=Status.CLOSED, merged_into=None), at, rules)


def rests(case: Case) -> bool:
    """Whether it is answered anew for others: its own reporter was content before, and is not asked
    once more."""
    return case.status is Status.ANSWERED and case.closed_how is Closing.ACCEPTED


def _permit(case: Case, action: Action, overtaken: bool) -> Status:
    """The status that follows; of what was overtaken, from the answer that it is about."""
    return permit(REPORTER, replace(case, status=Status.ANSWERED) if overtaken else case, action)
