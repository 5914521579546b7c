"""What a reporter is shown of their report."""

from __future__ import annotations

from marshmallow import fields, validate

from chassis.schemas import Shown, Strict
from services.intake import examples, words
from services.intake.domain import EVER_SHOWN, LINES, Action, Confidentiality, Kind, Status


class Evidence(Strict):
    """A file that the agency keeps: what it is called, and the SHA-256 of what is in it, in
    hexadecimal."""

    title = fields.String(required=True)
    sha256 = fields.String(required=True)


class Entry(Strict):
    """One line of the timeline: when, and what was done. `text`: an officer's or the reporter's
    words, if any, and of `report.submitted` those of the report; `evidence`: what the officer named
    with them."""

    at = fields.AwareDateTime(required=True)
    what = fields.String(required=True, validate=validate.OneOf(LINES))
    detail = fields.Dict(keys=fields.String(), required=True, metadata=words.DETAIL)
    text = fields.String(required=True, allow_none=True)
    evidence = fields.List(fields.Nested(Evidence), required=True)


class Happened(Shown):
    """Where it happened, as the reporter told. `district`: a code of /v1/districts."""

    district = fields.String()
    detail = fields.String(allow_none=True)


class Chosen(Shown):
    """What the reporter told and chose beside title, text and kind. `agency`: whom they thought it
    was for; `category`: the topic that they chose; what was corrected since, the timeline tells.
    `confidentiality` and `hidden_from_public`: as they are now, for an officer may have raised
    them. `contact_given`: whether anything is sealed of who they are, as they asked last, never
    what; null of reports before 2026-11-30, of which nobody knows that, unless they are anonymous
    or it was replaced since."""

    event_date = fields.Date()
    place = fields.Nested(Happened)
    agency = fields.String(allow_none=True)
    category = fields.String(allow_none=True)
    confidentiality = fields.String(validate=validate.OneOf(list(Confidentiality)))
    hidden_from_public = fields.Boolean()
    contact_given = fields.Boolean(allow_none=True)


class RunningDeadline(Strict):
    """A limit that runs now. `ends_on` is the local day on whose end it ends, `due_at` the moment;
    both are null while it is paused."""

    clock = fields.String(required=True, validate=validate.OneOf(EVER_SHOWN), metadata=words.CLOCKS)
    ends_on = fields.Date(required=True, allow_none=True)
    due_at = fields.AwareDateTime(required=True, allow_none=True)
    passed = fields.Boolean(required=True)


class Links(Strict):
    """Where each limit is told in days, and how it came about, below the address of this API; with
    `token` as bearer token, which ends soon: following the report again renews it. Both answer 404
    also while the case is not known there yet, as right after the receipt: ask again later."""

    deadlines = fields.String(required=True)
    explain = fields.String(required=True)
    token = fields.String(required=True)
    expires_at = fields.AwareDateTime(required=True)


class Timeline(Strict):
    """All that the reporter may know of a report. `timeline`: what happened, the earliest first;
    `deadlines`: the limits that run now."""

    example = examples.TIMELINE

    number = fields.String(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(list(Kind)))
    title = fields.String(required=True)
    status = fields.String(required=True, validate=validate.OneOf(list(Status)))
    received_at = fields.AwareDateTime(required=True)
    chosen = fields.Nested(Chosen, required=True)
    timeline = fields.List(fields.Nested(Entry), required=True)
    deadlines = fields.List(fields.Nested(RunningDeadline), required=True)
    actions = fields.List(
        fields.String(validate=validate.OneOf(list(Action))),
        required=True,
        metadata=words.ACTIONS,
    )
    links = fields.Nested(Links, required=True)
