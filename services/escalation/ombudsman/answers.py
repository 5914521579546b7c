"""What the Ombudsman answers to a case that was handed over, and what may follow what.

Pure. `FOLLOWS` is the whole of the order and `NEEDS` of what must be said with each; a pair or a
word that stands in no row is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from chassis.errors import Invalid, NotAllowed
from services.escalation.watch.clockwork import Happening


class Answer(StrEnum):
    """The stages of a file at the Ombudsman, as far as they are told here."""

    RECEIVED = "received"
    DECLINED = "declined"
    UNDER_EXAMINATION = "under_examination"
    MEDIATION = "mediation"
    CORRECTIVE_ACTION = "corrective_action"  # by a report of examination (LHP)
    RECOMMENDATION = "recommendation"
    CLOSED = "closed"


class Declined(StrEnum):
    """Why a file is not taken up (UU 37/2008 art. 24, 36; the list is unconfirmed at source)."""

    INCOMPLETE = "incomplete"
    TOO_OLD = "too_old"
    NOT_ASKED_FIRST = "not_asked_first"
    BEFORE_COURT = "before_court"
    BEING_SETTLED = "being_settled"
    SETTLED = "settled"
    NOT_WITHIN_AUTHORITY = "not_within_authority"
    NO_MALADMINISTRATION = "no_maladministration"
    OTHER = "other"


# None: handed over, and nothing heard yet. Declined is not the end: what was missing may come.
# A file is examined before anything is ordered, and a recommendation comes only after the
# corrective action was not done (UU 37/2008 art. 37). Closed is the end.
FOLLOWS: Mapping[Answer | None, frozenset[Answer]] = {
    None: frozenset({Answer.RECEIVED, Answer.DECLINED}),
    Answer.RECEIVED: frozenset({Answer.DECLINED, Answer.UNDER_EXAMINATION, Answer.CLOSED}),
    Answer.DECLINED: frozenset({Answer.RECEIVED}),
    Answer.UNDER_EXAMINATION: frozenset(
        {Answer.DECLINED, Answer.MEDIATION, Answer.CORRECTIVE_ACTION, Answer.CLOSED}
    ),
    Answer.MEDIATION: frozenset(
        {Answer.UNDER_EXAMINATION, Answer.CORRECTIVE_ACTION, Answer.CLOSED}
    ),
    Answer.CORRECTIVE_ACTION: frozenset({Answer.RECOMMENDATION, Answer.CLOSED}),
    Answer.RECOMMENDATION: frozenset({Answer.CLOSED}),
    Answer.CLOSED: frozenset(),
}


class Part(StrEnum):
    """What is said with an answer."""

    REASON = "reason"  # a code
    REFERENCE = "reference"  # the Ombudsman's own number of the file
    WORDS = "words"


# What must be said; of the rest, reference and words may be, a reason only when it declines.
NEEDS: Mapping[Answer, frozenset[Part]] = {
    Answer.RECEIVED: frozenset({Part.REFERENCE}),
    Answer.DECLINED: frozenset({Part.REASON, Part.WORDS}),
    Answer.UNDER_EXAMINATION: frozenset({Part.REFERENCE}),
    Answer.MEDIATION: frozenset({Part.REFERENCE}),
    Answer.CORRECTIVE_ACTION: frozenset({Part.REFERENCE, Part.WORDS}),
    Answer.RECOMMENDATION: frozenset({Part.REFERENCE, Part.WORDS}),
    Answer.CLOSED: frozenset({Part.REFERENCE}),
}

# What an answer does to the clocks: an order starts one, and whatever follows it stops that.
MEANS: Mapping[Answer, Happening] = {
    Answer.CORRECTIVE_ACTION: Happening.CORRECTION_ORDERED,
    Answer.RECOMMENDATION: Happening.RECOMMENDED,
    Answer.CLOSED: Happening.OMBUDSMAN_CLOSED,
}
# Whose words ask something of the regency, whose officers read them. The others may speak of the
# reporter, who alone reads those.
ASKS = frozenset({Answer.MEDIATION, Answer.CORRECTIVE_ACTION, Answer.RECOMMENDATION})
ASTRAY = timedelta(minutes=5)  # that the Ombudsman's clock may go before ours, or after it


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a file stands: its last answer (None: none yet) and when the Ombudsman decided that, by
    its own clock; `since`: from when on there could be anything to decide, by ours."""

    since: datetime
    last: Answer | None = None
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """One answer as it was sent. `at` is when the Ombudsman decided."""

    answer: Answer
    at: datetime
    reason: Declined | None = None
    reference: str | None = None
    words: str | None = None


def check(said: Said, file: Standing, now: datetime) -> None:
    """Raises Invalid for an answer that is not whole, or was decided before there was anything to
    decide or after now; and NotAllowed for one that cannot follow the last."""
    for part in Part:
        if part in NEEDS[said.answer] and getattr(said, part) is None:
            raise Invalid(f"needed with the answer {said.answer}", part, "required")
    if said.reason is not None and said.answer is not Answer.DECLINED:
        raise Invalid("only who declines gives a reason by code", Part.REASON, "declined")
    if said.at > now + ASTRAY:
        raise Invalid("this lies in the future", "at", "not_future")
    # What is decided now is taken, also of a hand-over that lies ahead by this process's clock.
    if said.at < min(file.since, now) - ASTRAY:
        raise Invalid("the case was not handed over yet", "at", "after_hand_over")
    if file.decided_at is not None and said.at < file.decided_at - ASTRAY:
        raise Invalid("the answer before this was decided later", "at", "after_last_answer")
    if said.answer not in FOLLOWS[file.last]:
        before = "a hand-over" if file.last is None else f"the answer {file.last}"
        raise NotAllowed(f"{said.answer} cannot follow {before}", "answer", "order")
