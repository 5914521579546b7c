"""What officers are shown of cases."""

from __future__ import annotations

from marshmallow import fields, validate

import contracts
from chassis.schemas import Shown
from services.routing import schemas, words
from services.routing.life import (
    Action,
    ArchiveReason,
    Class,
    Clock,
    Closing,
    Confidentiality,
    Kind,
    OmbudsmanAnswer,
    Outcome,
    Role,
    Status,
)
from services.routing.models import About, Channel


def Told(type: str, name: str) -> fields.String:
    """As an event says it, whose contract names each word; null if it was not said."""
    known = contracts.schema(type)["properties"][name]["enum"]
    return fields.String(validate=validate.OneOf(known), allow_none=True)


class CaseListed(Shown):
    """A case in a worklist. `level` is how far its present limit was escalated, `ombudsman` the
    last that was answered to a hand-over. An agency is told by the day what an unnamed reporter
    did: such a moment is the beginning of its local day. `agency_active` is null while no agency
    has it; one that is not active may have nobody left: the desk that decides can hand it on."""

    number = fields.String()
    kind = schemas.Word(Kind)
    class_ = schemas.Word(Class, data_key="class", allow_none=True)
    category = fields.String(allow_none=True)
    status = schemas.Word(Status)
    title = fields.String()
    district = fields.String()
    agency = fields.String(allow_none=True)
    agency_active = fields.Boolean(allow_none=True)
    decider = schemas.Word(Role)
    confidentiality = schemas.Word(Confidentiality)
    received_at = fields.AwareDateTime()
    ends_on = fields.Date(allow_none=True)
    due_at = fields.AwareDateTime(allow_none=True)
    level = fields.Integer()
    ombudsman = schemas.Word(OmbudsmanAnswer, allow_none=True)


class Worklist(Shown):
    """A page, and where the next one begins; null after the last. A case that follows another one
    stands among its `followers`, and not here, unless the Ombudsman orders something in it."""

    items = fields.List(fields.Nested(CaseListed))
    next = fields.String(allow_none=True)


class Suggested(Shown):
    """The agency that a rule suggests, and which rule."""

    agency = fields.String()
    rule = fields.Integer(attribute="id")


class DeadlineShown(Shown):
    """A clock of the case. `ends_on` is the local day on whose end it ends, `due_at` the moment;
    both are null while it is paused."""

    clock = schemas.Word(Clock)
    cycle = fields.Integer()
    ends_on = fields.Date(allow_none=True)
    due_at = fields.AwareDateTime(allow_none=True)
    approached_at = fields.AwareDateTime(allow_none=True)
    passed_at = fields.AwareDateTime(allow_none=True)
    level = fields.Integer()
    brought_to = Told("escalation.raised.v1", "to")


class EventShown(Shown):
    """What was done: who, what, when, why, and the values before and after."""

    at = fields.AwareDateTime()
    action = schemas.Word(Action)
    role = schemas.Word(Role)
    agency = fields.String(allow_none=True)
    officer = fields.String(allow_none=True)
    why = fields.String(allow_none=True)
    refused = Told("case.refused.v1", "reason_code")
    changes = fields.Dict()


class EvidenceShown(Shown, schemas.Evidence):
    """A file that was named; `also_in`: other cases with which it was named too, of those that this
    officer may know of, the last named first; 20 at most."""

    also_in = fields.List(fields.String())


class ReplyShown(Shown):
    """An officer's words to the reporter, and the evidence that was named with them."""

    about = schemas.Word(About)
    text = fields.String()
    at = fields.AwareDateTime()
    agency = fields.String(allow_none=True)
    evidence = fields.List(fields.Nested(EvidenceShown))


class NoteShown(Shown):
    """The reporter's words after the report."""

    action = schemas.Word(Action)
    text = fields.String()
    at = fields.AwareDateTime()


class AnsweredShown(Shown):
    """What the Ombudsman answered; words only where they ask something of the regency."""

    answer = schemas.Word(OmbudsmanAnswer)
    reason = fields.String(allow_none=True)
    reference = fields.String(allow_none=True)
    decided_at = fields.AwareDateTime()
    at = fields.AwareDateTime()
    words = fields.String(allow_none=True)


class OrderedShown(Shown):
    """What the Ombudsman asked of the regency in a case that follows this one, which alone can be
    acted on. `open`: it has not answered again. The limit is that of an open order; its day and
    moment are null without one."""

    number = fields.String()
    answer = schemas.Word(OmbudsmanAnswer)
    reference = fields.String(allow_none=True)
    decided_at = fields.AwareDateTime()
    at = fields.AwareDateTime()
    words = fields.String(allow_none=True)
    open = fields.Boolean()
    due_at = fields.AwareDateTime(allow_none=True)
    ends_on = fields.Date(allow_none=True)


class CaseShown(CaseListed):
    """One case whole, with what this officer can do with it. The `history` is in the order of what
    was done, but for what is told by the day alone: that stands as early in its day as it can be,
    by what it brought about."""

    text = fields.String()
    event_date = fields.Date()
    place = fields.String(allow_none=True)
    named_agency = fields.String(allow_none=True)
    channel = fields.String(validate=validate.OneOf(list(Channel)), metadata=words.CHANNEL)
    hidden_from_public = fields.Boolean()
    reachable = fields.Boolean()
    supporting = fields.List(fields.String())
    complains_about = fields.List(fields.String())
    merged_into = fields.String(allow_none=True)
    followers = fields.List(fields.String())
    awaited_from = schemas.Word(Status, allow_none=True)
    cycle = fields.Integer()
    returns = fields.Integer()
    objections = fields.Integer()
    verified_at = fields.AwareDateTime(allow_none=True)
    disposed_at = fields.AwareDateTime(allow_none=True)
    ended_at = fields.AwareDateTime(allow_none=True)
    reopen_until = fields.AwareDateTime(allow_none=True)
    archive_reason = schemas.Word(ArchiveReason, allow_none=True)
    outcome = schemas.Word(Outcome, allow_none=True)
    closed_how = schemas.Word(Closing, allow_none=True)
    stars = fields.Integer(allow_none=True)
    offered_at = fields.AwareDateTime(allow_none=True)
    handed_over_at = fields.AwareDateTime(allow_none=True)
    suggestion = fields.Nested(Suggested, allow_none=True)
    actions = fields.List(
        fields.String(validate=validate.OneOf(words.OFFICERS)), metadata=words.ACTIONS
    )
    deadlines = fields.List(fields.Nested(DeadlineShown))
    history = fields.List(fields.Nested(EventShown))
    replies = fields.List(fields.Nested(ReplyShown))
    notes = fields.List(fields.Nested(NoteShown))
    ombudsman_answers = fields.List(fields.Nested(AnsweredShown))
    ombudsman_in_followers = fields.List(fields.Nested(OrderedShown))


class Done(Shown):
    """Where the case stands now."""

    number = fields.String()
    status = schemas.Word(Status)
    cycle = fields.Integer()
    at = fields.AwareDateTime()


class Protected(Done):
    """How far the reporter is protected now. `unchanged`: the cases that follow this one; each is
    another reporter's, whose confidentiality is as it was."""

    confidentiality = schemas.Word(Confidentiality)
    hidden_from_public = fields.Boolean()
    unchanged = fields.List(fields.String())
