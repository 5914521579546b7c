"""Rows: what was promised, how the clocks ran, what fell due, and the Ombudsman's feed.

Nothing here leads from a number to a person, and no text of a report comes here.
"""

from services.escalation.models.calendars import (
    REGENCY,
    CalendarAssignment,
    CalendarWeek,
    LocalDay,
    ServiceCalendar,
)
from services.escalation.models.cases import (
    Breach,
    CaseState,
    ClockChange,
    ClockRun,
    Consent,
    Due,
    PauseRow,
)
from services.escalation.models.columns import MOMENT, Base
from services.escalation.models.feed import (
    STREAMS,
    FeedCheckpoint,
    FeedEntry,
    FeedKey,
    FeedPending,
    FeedStream,
)
from services.escalation.models.firing import Breaker, FailedTurn, Work
from services.escalation.models.rules import (
    CalendarDay,
    CalendarYear,
    LadderRule,
    LimitRule,
    PostStanding,
    Publication,
    Regime,
)

__all__ = [
    "MOMENT",
    "REGENCY",
    "STREAMS",
    "Base",
    "Breach",
    "Breaker",
    "CalendarAssignment",
    "CalendarDay",
    "CalendarWeek",
    "CalendarYear",
    "CaseState",
    "ClockChange",
    "ClockRun",
    "Consent",
    "Due",
    "FailedTurn",
    "FeedCheckpoint",
    "FeedEntry",
    "FeedKey",
    "FeedPending",
    "FeedStream",
    "LadderRule",
    "LimitRule",
    "LocalDay",
    "PauseRow",
    "PostStanding",
    "Publication",
    "Regime",
    "ServiceCalendar",
    "Work",
]
