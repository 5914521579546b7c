"""Rows: what was promised, how the clocks ran, what fell due, and the Ombudsman's feed.

Nothing here leads from a number to a person, and no text of a report comes here.
"""

from services.escalation.models.amendments import AMENDED, Amendment
from services.escalation.models.answers import HandoverAnswer
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
    ConsentEnd,
    Due,
    PauseRow,
)
from services.escalation.models.columns import MOMENT, Base
from services.escalation.models.dossiers import PARTS, CaseEvent, Dossier, SealedPart
from services.escalation.models.feed import (
    STREAMS,
    FeedAcknowledgement,
    FeedBroadcast,
    FeedCheckpoint,
    FeedEntry,
    FeedEpoch,
    FeedKey,
    FeedKeyUse,
    FeedKeyWithdrawal,
    FeedPending,
    FeedPoke,
    FeedPulse,
    FeedStream,
    FeedTarget,
)
from services.escalation.models.firing import REFUSALS, Breaker, FailedTurn, Work
from services.escalation.models.officers import Denial, EndedGrant
from services.escalation.models.rules import (
    CalendarDay,
    CalendarYear,
    FormerDay,
    LadderRule,
    LimitRule,
    PostStanding,
    Publication,
    Regime,
)

__all__ = [
    "AMENDED",
    "MOMENT",
    "PARTS",
    "REFUSALS",
    "REGENCY",
    "STREAMS",
    "Amendment",
    "Base",
    "Breach",
    "Breaker",
    "CalendarAssignment",
    "CalendarDay",
    "CalendarWeek",
    "CalendarYear",
    "CaseEvent",
    "CaseState",
    "ClockChange",
    "ClockRun",
    "Consent",
    "ConsentEnd",
    "Denial",
    "Dossier",
    "Due",
    "EndedGrant",
    "FailedTurn",
    "FeedAcknowledgement",
    "FeedBroadcast",
    "FeedCheckpoint",
    "FeedEntry",
    "FeedEpoch",
    "FeedKey",
    "FeedKeyUse",
    "FeedKeyWithdrawal",
    "FeedPending",
    "FeedPoke",
    "FeedPulse",
    "FeedStream",
    "FeedTarget",
    "FormerDay",
    "HandoverAnswer",
    "LadderRule",
    "LimitRule",
    "LocalDay",
    "PauseRow",
    "PostStanding",
    "Publication",
    "Regime",
    "SealedPart",
    "ServiceCalendar",
    "Work",
]
