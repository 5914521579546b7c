"""What comes in and goes out: strict from clients, tolerant from the bus."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from marshmallow import fields, validate

from chassis.schemas import Count, Flag, Strict, Text, Tolerant, Whole
from services.routing.life import (
    ArchiveReason,
    Class,
    Clock,
    Confidentiality,
    Kind,
    OmbudsmanAnswer,
    Outcome,
    Role,
    Status,
)
from services.routing.models import Channel

CODE = Whole(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", error="Not a valid code.")
SHA256 = Whole(r"^[0-9A-Fa-f]{64}$", error="Not a SHA-256 in hexadecimal.")
NUMBER = Whole(r"^[A-Z]{2,8}-[0-9]{5}-[0-9]{5}$", error="Not a valid number.")
TYPED = Whole(r"^[A-Za-z]{2,8}-[0-9]{5}-[0-9]{5}$", error="Not a valid number.")
USERNAME = Whole(r"^(?![0-9]{16}$)[a-z0-9][a-z0-9._-]{1,63}$", error="Not a valid username.")
STAFF = (Role.COORDINATOR, Role.LIAISON, Role.ARBITER, Role.SUPERVISOR, Role.ADMINISTRATOR)
PAGE = 50
GUESSED = (
    "Of what is in the file, in hexadecimal. Name no file that holds a name or a number alone: the"
    " hash stands in the open, and those are guessed."
)
SENTENCE = 10  # characters; what explains a decision is more than a word
SHORTEST, LONGEST = 15, 200  # of a password; NIST SP 800-63B-4 for one that stands alone


def Word(words: type[StrEnum], **more: Any) -> fields.Enum:
    """One of a closed set."""
    return fields.Enum(words, by_value=True, metadata={"type": "string"}, **more)


def Code(**more: Any) -> fields.String:
    """Names an agency, a district or a category."""
    return fields.String(validate=CODE, **more)


# --- from the bus


class Submitted(Tolerant):
    """report.submitted.v1. Until 2026-11-30 it had no `settle_by`."""

    kind = Word(Kind, required=True)
    title = fields.String(required=True)
    text = fields.String(required=True)
    event_date = fields.Date(required=True)
    district = fields.String(required=True)
    place = fields.String(required=True, allow_none=True)
    agency = fields.String(required=True, allow_none=True)
    category = fields.String(required=True, allow_none=True)
    confidentiality = Word(Confidentiality, required=True)
    hidden_from_public = fields.Boolean(required=True)
    reachable = fields.Boolean(required=True)
    channel = Word(Channel, required=True)
    received_at = fields.AwareDateTime(required=True)
    settle_by = fields.Date(load_default=None, allow_none=True)


class Supplemented(Tolerant):
    """report.supplemented.v1. Until 2026-11-30 it had no `question_id`: that is not loaded as null,
    which says that none was shown."""

    text = fields.String(required=True)
    question_id = fields.UUID(allow_none=True)
    at = fields.AwareDateTime(required=True)


class Disagreed(Tolerant):
    """report.objected.v1, report.reopened.v1 and report.withdrawn.v1"""

    reason = fields.String(required=True, allow_none=True)
    at = fields.AwareDateTime(required=True)


class Accepted(Tolerant):
    """report.accepted.v1"""

    at = fields.AwareDateTime(required=True)


class Rated(Tolerant):
    """report.rated.v1"""

    stars = fields.Integer(required=True)
    comment = fields.String(required=True, allow_none=True)
    at = fields.AwareDateTime(required=True)


class Limit(Tolerant):
    """deadline.started.v1, .approaching, .passed and .kept"""

    clock = Word(Clock, required=True)
    cycle = fields.Integer(required=True)
    started_at = fields.AwareDateTime(load_default=None)
    due_at = fields.AwareDateTime(required=True)
    ends_on = fields.Date(load_default=None)
    at = fields.AwareDateTime(load_default=None)


class Recomputed(Tolerant):
    """deadline.recomputed.v1"""

    clock = Word(Clock, required=True)
    cycle = fields.Integer(required=True)
    before = fields.AwareDateTime(required=True, allow_none=True)
    after = fields.AwareDateTime(required=True, allow_none=True)
    ends_on = fields.Date(load_default=None, allow_none=True)
    at = fields.AwareDateTime(required=True)


class Raised(Limit):
    """escalation.raised.v1"""

    level = fields.Integer(required=True)
    to = fields.String(required=True)


class Told(Tolerant):
    """escalation.offered.v1 and escalation.handed_over.v1"""

    at = fields.AwareDateTime(required=True)


class OfferTakenBack(Tolerant):
    """escalation.offer_taken_back.v1"""

    offered_at = fields.AwareDateTime(required=True)


class Answered(Tolerant):
    """escalation.answered.v1"""

    answer_id = fields.UUID(required=True)
    answer = Word(OmbudsmanAnswer, required=True)
    reason = fields.String(required=True, allow_none=True)
    reference = fields.String(required=True, allow_none=True)
    decided_at = fields.AwareDateTime(required=True)
    at = fields.AwareDateTime(required=True)


class OmbudsmanWords(Tolerant):
    """escalation.words_written.v1"""

    answer_id = fields.UUID(required=True)
    answer = Word(OmbudsmanAnswer, required=True)
    text = fields.String(required=True)


# --- from officers


class Verification(Strict):
    """That the report is real, and what it is. `class`: of a complaint, which needs it, and of
    nothing else; `category`: needed unless the case has one already. `complains_about`: the agency
    that is complained of, which will not see the case."""

    class_ = Word(Class, data_key="class", load_default=None)
    category = Code(load_default=None)
    complains_about = Code(load_default=None)


class Disposition(Strict):
    """Which agency has to answer, and which ones support it."""

    agency = Code(required=True)
    supporting = fields.List(Code(), load_default=list, validate=validate.Length(max=20))
    note = Text(2000, load_default=None)


class Reassignment(Disposition):
    """Which agency goes on in the place of the one that gets no new cases, and which ones support
    it from now on."""


class Archive(Strict):
    """Why it is not handled, and the words for the reporter."""

    reason = Word(ArchiveReason, required=True)
    text = Text(5000, SENTENCE, required=True)


class Forwarding(Strict):
    """Where it went, and the words for the reporter."""

    to = Text(200, 3, required=True, lines=False)
    text = Text(5000, SENTENCE, required=True)


class Recall(Strict):
    """Why it comes back; the reporter is told."""

    reason = Text(2000, SENTENCE, required=True)


class OutsideWord(Strict):
    """What the authority outside said, as the reporter will read it, and on which local day."""

    text = Text(8000, required=True)
    said_on = fields.Date(required=True)


class Accused(Strict):
    """Which units the case complains about, too, and why; the reporter does not read this."""

    complains_about = fields.List(Code(), required=True, validate=validate.Length(min=1, max=20))
    reason = Text(2000, SENTENCE, required=True)


class DataRequest(Strict):
    """What the reporter is asked for."""

    question = Text(5000, SENTENCE, required=True)


class Cancellation(Strict):
    """Why the reporter need not answer any more; they are told."""

    reason = Text(2000, SENTENCE, required=True)


class Return(Strict):
    """Why it is not this agency's, and whose it is."""

    reason = Text(2000, SENTENCE, required=True)
    proposed_agency = Code(load_default=None)


class Evidence(Strict):
    """A file that the agency keeps: what it is called, and the SHA-256 of what is in it."""

    title = Text(100, 3, required=True, lines=False)
    sha256 = fields.String(required=True, validate=SHA256, metadata={"description": GUESSED})


def Files() -> fields.List:
    """What an officer names as evidence."""
    return fields.List(fields.Nested(Evidence), load_default=list, validate=validate.Length(max=5))


class FollowUp(Strict):
    """What was done, and what shows it."""

    text = Text(8000, required=True)
    evidence = Files()


class Answer(Strict):
    """How it ends, why so, and the words for the reporter; they are sent with the reason and with
    what the evidence is called."""

    outcome = Word(Outcome, required=True)
    reason = Text(1500, required=True)
    text = Text(8000, required=True)
    evidence = Files()


class Reclassification(Strict):
    """What is corrected, and why; the reporter is told."""

    kind = Word(Kind, load_default=None)
    class_ = Word(Class, data_key="class", load_default=None)
    category = Code(load_default=None)
    reason = Text(2000, SENTENCE, required=True)


class Protection(Strict):
    """To what the reporter's confidentiality is raised, and why. The reason is read by the reporter
    and by the desks, not by the agencies that see the case."""

    confidentiality = Word(Confidentiality, load_default=None)
    hidden_from_public = Flag(load_default=None)
    reason = Text(2000, SENTENCE, required=True)


class Merge(Strict):
    """Which case it is a duplicate of (`into`), in letters of either size, and why."""

    into = fields.String(required=True, validate=TYPED)
    reason = Text(2000, required=True)


class WorklistQuery(Strict):
    """Which cases, from where on."""

    status = Word(Status, load_default=None)
    agency = Code(load_default=None)
    after = fields.String(load_default=None, validate=validate.Length(max=200))
    limit = Count(load_default=PAGE, validate=validate.Range(1, 100))


class SignIn(Strict):
    """Username and password; and what the last sign-in from this place gave as its `device`."""

    username = Text(64, required=True, lines=False)
    password = fields.String(required=True, load_only=True, validate=validate.Length(1, LONGEST))
    device = fields.String(load_default=None, load_only=True, validate=validate.Length(1, 100))


class PasswordChange(Strict):
    """The present password and the new one."""

    password = fields.String(required=True, load_only=True, validate=validate.Length(1, LONGEST))
    new_password = fields.String(
        required=True,
        load_only=True,
        validate=validate.Length(1, LONGEST),
        # Told here and judged by `passwords`, once it is clear who asks.
        metadata={"minLength": SHORTEST, "description": "None that is easily guessed."},
    )


class NewOfficer(Strict):
    """An account to make."""

    username = fields.String(required=True, validate=USERNAME)
    role = fields.String(required=True, validate=validate.OneOf(STAFF))
    agency = Code(load_default=None)


class AgencyChange(Strict):
    """How an agency is called, and whether it gets new cases: both as they are from now on."""

    name = Text(200, 3, required=True, lines=False)
    active = Flag(required=True)
