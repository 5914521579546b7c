"""Whether a case loses no time by following another one.

Pure. Which days count only escalation knows: what is not known to end no later is refused.
"""

from __future__ import annotations

from chassis.errors import Invalid
from services.routing.life import (
    OPEN,
    RETURNS_TO_ARBITER,
    Case,
    Class,
    Promise,
    Settling,
    Status,
)


def check_time(
    case: Case,
    into: Case,
    settle: Settling | None,
    there: Settling | None,
    promise: Promise | None,
) -> None:
    """Raises Invalid if the case could be settled or decided later with the other than without, or
    than its receipt promises. `settle` and `there`: the times to settle the one and the other."""
    if _is_settled_later(case, settle, there):
        raise Invalid("it could be settled later with the other: no limit moves", "into", "order")
    if settle is None and promise is not None and _is_promised_sooner(case, into, promise):
        raise Invalid("its receipt promises an earlier end: no limit moves", "into", "order")
    if case.status is Status.UNVERIFIED and into.status is Status.AWAITING_REPORTER:
        raise Invalid("the other waits for its reporter: no limit stands for that", "into", "order")
    if _awaits_ruling(case) and _is_with_a_desk(into) and not _awaits_ruling(into):
        raise Invalid("it would be decided later with the other: no limit moves", "into", "order")


def _is_with_a_desk(case: Case) -> bool:
    """Whether a desk has to decide about it, also while it waits for what that one asked."""
    is_asked = case.status is Status.AWAITING_REPORTER
    return (case.awaited_from if is_asked else case.status) is Status.UNVERIFIED


def _awaits_ruling(case: Case) -> bool:
    """Whether it has to be decided by when it came back for the second time: A runs."""
    again = case.returns >= RETURNS_TO_ARBITER and case.disposed_at is not None
    return again and _is_with_a_desk(case)


def _is_settled_later(case: Case, settle: Settling | None, there: Settling | None) -> bool:
    """Whether the time to settle the case has begun, and could end sooner than with the other. An
    answer ends neither: it runs on when its reporter objects."""
    if settle is None or case.status not in OPEN:
        return False
    return there is None or not there.leaves_no_more_than(settle)


def _is_promised_sooner(case: Case, into: Case, promise: Promise) -> bool:
    """Whether the receipt of a case whose time to be settled has not begun could promise an earlier
    end than the other has. Two of one kind, of which neither has begun, promise it in their order;
    a receipt takes the ordinary class for granted."""
    if case.status not in OPEN:
        return False
    if not promise.begun and into.class_ not in (None, Class.ORDINARY, case.class_):
        return True
    if not promise.begun and into.kind is case.kind:
        return False
    return promise.there is None or promise.there > promise.by
