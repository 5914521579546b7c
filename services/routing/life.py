"""The life of a case as data: the words, what may follow what, whose part it is, and the values.

`TRANSITIONS` is the whole of what may happen to a case and `WHO` of who may do it; the verbs in
`domain.py` only read them. A pair that stands in no row is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum

LAST_SECOND = time(23, 59, 59)  # of a limit's last day


class Kind(StrEnum):
    COMPLAINT = "complaint"
    ASPIRATION = "aspiration"
    INFORMATION_REQUEST = "information_request"


class Class(StrEnum):
    SUPERVISORY = "supervisory"
    ORDINARY = "ordinary"


class Confidentiality(StrEnum):
    """The reporter's own choice, which an officer may raise; anonymous: nothing was collected."""

    OPEN = "open"
    CONFIDENTIAL = "confidential"
    ANONYMOUS = "anonymous"


class Status(StrEnum):
    UNVERIFIED = "unverified"
    AWAITING_REPORTER = "awaiting_reporter"
    DISPOSED = "disposed"
    IN_PROGRESS = "in_progress"
    ANSWERED = "answered"
    CLOSED = "closed"
    ARCHIVED = "archived"
    FORWARDED = "forwarded_externally"
    WITHDRAWN = "withdrawn"


class Action(StrEnum):
    VERIFY = "verify"
    DISPOSE = "dispose"
    REASSIGN = "reassign"
    ARCHIVE = "archive"
    FORWARD = "forward"
    RECALL = "recall"
    RELAY = "relay"
    REQUEST_DATA = "request_data"
    CANCEL_REQUEST = "cancel_data_request"
    RETURN = "return"
    FOLLOW_UP = "follow_up"
    ANSWER = "answer"
    RECLASSIFY = "reclassify"
    MERGE = "merge"
    PROTECT = "protect"
    NAME_ACCUSED = "name_accused"
    SUPPLEMENT = "supplement"
    OBJECT = "object"
    ACCEPT = "accept"
    RATE = "rate"
    REOPEN = "reopen"
    WITHDRAW = "withdraw"
    AUTO_CLOSE = "auto_close"
    GIVE_UP = "give_up"


class ArchiveReason(StrEnum):
    OUT_OF_SCOPE = "out_of_scope"
    TOO_GENERAL = "too_general"
    NOT_PUBLIC_SERVICE = "not_public_service"
    DUPLICATE = "duplicate"
    ABUSIVE = "abusive"
    INCOMPLETE = "incomplete"


class Outcome(StrEnum):
    """How an answer ends the matter. "Go to another office" is none: that is a return."""

    FULFILLED = "fulfilled"
    PARTLY_FULFILLED = "partly_fulfilled"
    NOT_FULFILLED = "not_fulfilled"
    EXPLAINED = "explained"


class Closing(StrEnum):
    """Silence is not consent: what was closed by a clock never counts as satisfied."""

    ACCEPTED = "accepted"
    AUTO_CLOSED = "auto_closed"


class Role(StrEnum):
    COORDINATOR = "coordinator"
    LIAISON = "liaison"
    ARBITER = "arbiter"
    SUPERVISOR = "supervisor"
    ADMINISTRATOR = "administrator"
    REPORTER = "reporter"
    CLOCK = "clock"


class Clock(StrEnum):
    """The limits that a case lives under, by the letters of the regulation's table."""

    VERIFY = "V"
    FOLLOW_UP = "F"
    SETTLE = "S"
    REPORTER = "R"
    ARBITER = "A"
    DATA = "D"
    HAND_OVER = "H"
    CORRECTION = "C"
    RECOMMENDATION = "O"


class OmbudsmanAnswer(StrEnum):
    """Where the file of a case that was handed over stands at the Ombudsman."""

    RECEIVED = "received"
    DECLINED = "declined"
    UNDER_EXAMINATION = "under_examination"
    MEDIATION = "mediation"
    CORRECTIVE_ACTION = "corrective_action"
    RECOMMENDATION = "recommendation"
    CLOSED = "closed"


# What the agency must do, whatever the case's status, until the Ombudsman answers again.
ORDERS: Mapping[OmbudsmanAnswer, Clock] = {
    OmbudsmanAnswer.CORRECTIVE_ACTION: Clock.CORRECTION,
    OmbudsmanAnswer.RECOMMENDATION: Clock.RECOMMENDATION,
}
# Whose words ask something of the regency; the others are the reporter's only.
ASKS = frozenset({*ORDERS, OmbudsmanAnswer.MEDIATION})


class Part(StrEnum):
    """What somebody is to one case."""

    DECIDER = "decider"  # holds it while no agency does, and has sent it outside
    DISPOSER = "disposer"  # decides whose it is, while an agency has it
    LEAD = "lead"  # the agency that must answer
    DESK = "desk"  # keeps the files in order
    JOINER = "joiner"  # decides about it, or is the coordinator while an agency has it
    ABOVE = "above"  # a desk above the one that decides
    REPORTER = "reporter"
    CLOCK = "clock"


class Then(StrEnum):
    """Where an action leads when that depends on more than the status."""

    BACK = "back"  # to the status in which the question was asked
    PARENT = "parent"  # to the status of the case that it is merged into
    AWAY = "away"  # from the accused unit to the desk; without one that has it, it stays


OPEN = (
    Status.UNVERIFIED,
    Status.AWAITING_REPORTER,
    Status.DISPOSED,
    Status.IN_PROGRESS,
    Status.ANSWERED,
)

TRANSITIONS: Mapping[tuple[Status, Action], Status | Then] = {
    (Status.UNVERIFIED, Action.VERIFY): Status.UNVERIFIED,
    (Status.UNVERIFIED, Action.DISPOSE): Status.DISPOSED,
    (Status.UNVERIFIED, Action.ARCHIVE): Status.ARCHIVED,
    (Status.UNVERIFIED, Action.FORWARD): Status.FORWARDED,
    (Status.UNVERIFIED, Action.REQUEST_DATA): Status.AWAITING_REPORTER,
    (Status.AWAITING_REPORTER, Action.GIVE_UP): Status.ARCHIVED,
    (Status.AWAITING_REPORTER, Action.CANCEL_REQUEST): Then.BACK,
    (Status.DISPOSED, Action.RETURN): Status.UNVERIFIED,
    (Status.DISPOSED, Action.FOLLOW_UP): Status.IN_PROGRESS,
    (Status.IN_PROGRESS, Action.FOLLOW_UP): Status.IN_PROGRESS,
    (Status.IN_PROGRESS, Action.REQUEST_DATA): Status.AWAITING_REPORTER,
    (Status.IN_PROGRESS, Action.ANSWER): Status.ANSWERED,
    (Status.ANSWERED, Action.OBJECT): Status.IN_PROGRESS,
    (Status.ANSWERED, Action.ACCEPT): Status.CLOSED,
    (Status.ANSWERED, Action.AUTO_CLOSE): Status.CLOSED,
    (Status.ANSWERED, Action.RATE): Status.ANSWERED,
    (Status.CLOSED, Action.RATE): Status.CLOSED,
    (Status.CLOSED, Action.REOPEN): Status.IN_PROGRESS,
    (Status.ARCHIVED, Action.OBJECT): Status.UNVERIFIED,
    (Status.FORWARDED, Action.OBJECT): Status.UNVERIFIED,
    (Status.FORWARDED, Action.RECALL): Status.UNVERIFIED,
    (Status.FORWARDED, Action.RELAY): Status.FORWARDED,
    **{(status, Action.SUPPLEMENT): status for status in OPEN},
    (Status.AWAITING_REPORTER, Action.SUPPLEMENT): Then.BACK,
    **{(status, Action.RECLASSIFY): status for status in OPEN},
    # Whoever has it next goes on where the agency was that had it.
    **{(status, Action.REASSIGN): status for status in OPEN if status != Status.UNVERIFIED},
    **{(status, Action.WITHDRAW): Status.WITHDRAWN for status in OPEN},
    # A withdrawn report has nobody left who wants to be told of another's progress.
    **{(status, Action.MERGE): Then.PARENT for status in Status if status != Status.WITHDRAWN},
    **{(status, Action.NAME_ACCUSED): Then.AWAY for status in OPEN},
    # What is over can still harm whoever reported it.
    **{(status, Action.PROTECT): status for status in Status},
}
# One reporter's own word, silence or confidentiality: it says nothing of the cases that follow.
OF_ONE = frozenset({Action.ACCEPT, Action.AUTO_CLOSE, Action.RATE, Action.PROTECT})
# What is done without the reporter to their own case, also while it follows another.
TO_ONE = frozenset({Action.AUTO_CLOSE, Action.PROTECT})

WHO: Mapping[Action, frozenset[Part]] = {
    Action.VERIFY: frozenset({Part.DECIDER}),
    Action.DISPOSE: frozenset({Part.DECIDER}),
    Action.REASSIGN: frozenset({Part.DISPOSER}),
    Action.ARCHIVE: frozenset({Part.DECIDER}),
    Action.FORWARD: frozenset({Part.DECIDER}),
    Action.RECALL: frozenset({Part.DECIDER}),
    Action.RELAY: frozenset({Part.DECIDER}),
    Action.REQUEST_DATA: frozenset({Part.DECIDER, Part.LEAD}),
    Action.CANCEL_REQUEST: frozenset({Part.DECIDER, Part.LEAD}),
    Action.RETURN: frozenset({Part.LEAD}),
    Action.FOLLOW_UP: frozenset({Part.LEAD}),
    Action.ANSWER: frozenset({Part.LEAD}),
    Action.RECLASSIFY: frozenset({Part.DESK}),
    Action.MERGE: frozenset({Part.JOINER}),
    Action.PROTECT: frozenset({Part.DESK, Part.DECIDER, Part.LEAD}),
    Action.NAME_ACCUSED: frozenset({Part.DECIDER, Part.DISPOSER, Part.ABOVE}),
    Action.SUPPLEMENT: frozenset({Part.REPORTER}),
    Action.OBJECT: frozenset({Part.REPORTER}),
    Action.ACCEPT: frozenset({Part.REPORTER}),
    Action.RATE: frozenset({Part.REPORTER}),
    Action.REOPEN: frozenset({Part.REPORTER}),
    Action.WITHDRAW: frozenset({Part.REPORTER}),
    Action.AUTO_CLOSE: frozenset({Part.CLOCK}),
    Action.GIVE_UP: frozenset({Part.CLOCK}),
}

# Who decides about a case that no agency holds, from the bottom up.
LADDER = (Role.COORDINATOR, Role.ARBITER, Role.SUPERVISOR)
RETURNS_TO_ARBITER = 2


@dataclass(frozen=True)
class Actor:
    """Who acts. `agency` is the code of an officer's own agency, `seats` of those in which the desk
    of their role sits, which may be others."""

    role: Role
    agency: str | None = None
    seats: frozenset[str] = frozenset()

    @property
    def offices(self) -> frozenset[str]:
        """Every agency that they are of: a case that complains about one of these is not theirs to
        know, from whichever room they work for that desk."""
        return self.seats if self.agency is None else self.seats | {self.agency}


REPORTER = Actor(Role.REPORTER)
CLOCK = Actor(Role.CLOCK)


@dataclass(frozen=True)
class Rules:
    """What a decree or an administrator may change.

    `seats` says which desk sits in which agency; `phrases` are the courtesies that are no
    follow-up, and `letters` is how many letters must be left without them. `zone`: whose days.
    """

    seats: Mapping[str, Role] = field(default_factory=dict)
    phrases: tuple[str, ...] = ()
    letters: int = 20
    reopen_days: int = 30
    zone: tzinfo = UTC

    def reopens(self, ended_at: datetime) -> datetime:
        """Until when what ended then may be taken up again: as every limit, the last day whole."""
        last = ended_at.astimezone(self.zone).date() + timedelta(days=self.reopen_days)
        return datetime.combine(last, LAST_SECOND, self.zone).astimezone(UTC)


@dataclass(frozen=True)
class Settling:
    """The limit S of a case: aware, UTC. `since`: it stands from then on, and `due_at` is the end
    that it had by then, if that is known."""

    started_at: datetime
    due_at: datetime | None
    since: datetime | None = None

    def leaves_no_more_than(self, other: Settling) -> bool:
        """Whether it is known to have no days left that the other has not: however long one of them
        stands, it ends no later. Which days count only escalation knows."""
        if self.due_at is None or other.due_at is None:
            return False
        if self.since is not None and (other.since is None or self.since < other.since):
            return False
        return self.started_at <= other.started_at and self.due_at <= other.due_at


@dataclass(frozen=True)
class Promise:
    """The last day to settle a case that its receipt promised, and the day on which S of another
    ends or, if that has not `begun`, which that one's receipt promised; None: nobody knows."""

    by: date
    there: date | None
    begun: bool


@dataclass(frozen=True)
class RoutingRule:
    """One row of the table that suggests an agency; None matches everything."""

    id: int
    agency: str
    kind: Kind | None = None
    class_: Class | None = None
    category: str | None = None
    district: str | None = None
    effective_from: date = date.min
    effective_to: date | None = None

    def fits(self, case: Case, district: str, on: date) -> bool:
        """Whether it is in force on that day and matches the case."""
        wanted = (self.kind, self.class_, self.category, self.district)
        given = (case.kind, case.class_, case.category, district)
        return (
            self.effective_from <= on
            and (self.effective_to is None or on <= self.effective_to)
            and all(want in (None, have) for want, have in zip(wanted, given, strict=True))
        )


@dataclass(frozen=True)
class Case:
    """The government's handling of one report. All times are aware, in UTC."""

    number: str
    kind: Kind
    confidentiality: Confidentiality
    hidden_from_public: bool
    reachable: bool
    received_at: datetime
    status: Status = Status.UNVERIFIED
    class_: Class | None = None
    category: str | None = None
    agency: str | None = None
    supporting: tuple[str, ...] = ()
    complains_about: tuple[str, ...] = ()
    decider: Role = Role.COORDINATOR
    merged_into: str | None = None
    awaited_from: Status | None = None
    cycle: int = 1
    questions: int = 0
    returns: int = 0
    objections: int = 0
    verified_at: datetime | None = None
    disposed_at: datetime | None = None
    asked_at: datetime | None = None
    ended_at: datetime | None = None
    reopen_until: datetime | None = None
    archive_reason: ArchiveReason | None = None
    outcome: Outcome | None = None
    closed_how: Closing | None = None
    stars: int | None = None
