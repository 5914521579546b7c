"""A reporter who asks the same twice, as with two clicks, has asked once: the second gets the
first one's answer, and nothing is said of it. Otherwise the case, which has moved, would refuse it,
and a mail would tell somebody who got what they wanted that it could not be done."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from services.intake import allowance
from services.intake.domain import Action
from services.intake.models import TimelineEntry

# Within that no agency has answered anew, whatever is heard here late or never.
TWICE = timedelta(minutes=1)
# Additions are none: each is taken. Nor is the end of a consent, which is said in any case.
ONCE = frozenset({Action.ACCEPT, Action.OBJECT, Action.REOPEN, Action.WITHDRAW})


def first(
    tx: Session,
    number: str,
    action: Action,
    words: str | None,
    body: Mapping[str, Any],
    now: datetime,
) -> TimelineEntry | None:
    """What was noted when the same was asked in the same words within the last minute, if that
    still stands: the case has neither moved since nor refused it. Under the report's lock: of two
    at once one is the first."""
    if action not in ONCE or not allowance.stands(allowance.lines(tx, number), action):
        return None
    alike = TimelineEntry.number == number, TimelineEntry.what == f"reporter.{action}"
    newest = sa.select(TimelineEntry).where(*alike).order_by(TimelineEntry.id.desc())
    before = tx.scalars(newest.limit(1)).one()
    same = (before.text, before.detail) == (words, _detail(body))
    return before if same and abs(now - before.at) < TWICE else None


def entry(
    number: str, action: Action, words: str | None, body: Mapping[str, Any], at: datetime
) -> TimelineEntry:
    """The line of the timeline that a request makes."""
    what, detail = f"reporter.{action}", _detail(body)
    return TimelineEntry(number=number, at=at, what=what, detail=detail, text=words)


def _detail(body: Mapping[str, Any]) -> dict[str, Any]:
    """What is said beside the words."""
    return {name: body[name] for name in ("stars",) if name in body}
