"""Which question of an officer's a reporter is shown: what they add then answers that one.

Nobody can have read a question that is not told here yet, whatever two services' clocks say.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from services.intake.domain import Status
from services.intake.models import Report, TimelineEntry


@dataclass(frozen=True)
class Question:
    """Names the reply that holds it, as routing does; asked at that moment by routing's clock."""

    reply_id: str
    asked_at: datetime


def shown(tx: Session, report: Report) -> Question | None:
    """What the timeline of a (locked) report says was asked and is waited for. The words come in a
    stream of their own, perhaps a moment later: who is told that they were asked may answer."""
    if report.status != Status.AWAITING_REPORTER:
        return None
    told = sa.select(TimelineEntry.reply_id, TimelineEntry.at).where(
        TimelineEntry.number == report.number, TimelineEntry.what == "case.data_requested"
    )
    newest = tx.execute(told.order_by(TimelineEntry.id.desc()).limit(1)).one_or_none()
    return Question(*newest) if newest and newest.reply_id else None
