"""What clients send and get, and what intake reads of events."""

from __future__ import annotations

from marshmallow import fields, validate

from chassis.schemas import Flag, Strict, Text, Tolerant, Whole
from services.intake import examples, words
from services.intake.admission import Name
from services.intake.domain import Confidentiality, Kind
from services.intake.notices import NOTICES

MARITAL = ("single", "married", "divorced", "widowed")  # as on the identity card
TITLE, WORDS, REASON, PLACE, NAME, ADDRESS = 200, 10_000, 2_000, 200, 120, 300

# One plain ASCII address, as notify will send to it: what it could not send to is refused here,
# where the reporter can still mend it (a test compares the two).
_WORD, _LABEL = r"[A-Za-z0-9_~&'=+$#*-]+", r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# Its length is looked at first: the rest takes quadratic time, and every validator is asked.
EMAIL = (
    r"^(?=.{3,254}$)(?!-)(?=.{1,64}@)"
    rf"{_WORD}(?:\.{_WORD})*@(?:{_LABEL}\.)+(?=.*[A-Za-z]){_LABEL}$"
)


class Place(Strict):
    """Where it happened. `district`: a code of /v1/districts."""

    district = Text(max=20, lines=False, required=True)
    detail = Text(max=PLACE, allow_none=True)


class Contact(Strict):
    """Who the reporter is and how to reach them: sealed at once, and opened to send them messages
    only. Nobody is told of news who leaves no `email`."""

    name = Text(max=NAME, lines=False, allow_none=True)
    email = fields.String(
        validate=[validate.Length(max=254), Whole(EMAIL, error="Not a valid email address.")],
        allow_none=True,
    )
    phone = fields.String(
        validate=Whole(r"^\+?[0-9][0-9 -]{6,18}[0-9]$", error="Not a valid phone number."),
        allow_none=True,
    )
    address = Text(max=ADDRESS, allow_none=True)
    language = fields.String(validate=validate.OneOf(["id", "en"]), load_default="id")


class NewReport(Strict):
    """A report, as its reporter sends it. `agency` (whom they think it is for) and `category` are
    codes of /v1/agencies and /v1/categories. `confidentiality`: whoever handles the case may know
    the reporter (`open`), or not (`confidential`), or nobody does (`anonymous`: without `contact`).
    `hidden_from_public` hides the whole report from the public."""

    example = examples.NEW_REPORT

    kind = fields.String(required=True, validate=validate.OneOf(list(Kind)))
    title = Text(max=TITLE, lines=False, required=True)
    text = Text(max=WORDS, required=True)
    event_date = fields.Date(required=True, format="iso")
    place = fields.Nested(Place, required=True)
    agency = Text(max=40, lines=False, allow_none=True)
    category = Text(max=40, lines=False, allow_none=True)
    confidentiality = fields.String(required=True, validate=validate.OneOf(list(Confidentiality)))
    hidden_from_public = Flag(load_default=False)
    contact = fields.Nested(Contact, allow_none=True)


class Promised(Strict):
    """The last days by which the regency promises to act, under the calendar known today."""

    verify_by = fields.Date(required=True)
    follow_up_by = fields.Date(required=True)
    settle_by = fields.Date(required=True)


class Proved(Strict):
    """What is received is proved."""

    proof = fields.String(required=True, allow_none=True, metadata=words.PROOF)


class Receipt(Proved):
    """What the reporter must keep. `number` names the report and is no secret; `promised` is null
    where the dates are not known yet: the timeline will tell them."""

    example = examples.RECEIPT

    number = fields.String(required=True)
    code = fields.String(required=True, metadata=words.CODE)
    received_at = fields.AwareDateTime(required=True)
    promised = fields.Nested(Promised, required=True, allow_none=True)


class ReceiptKeys(Strict):
    """A JWK set: every key that ever signed receipts, oldest first."""

    keys = fields.List(fields.Dict(), required=True)


class Tracked(Strict):
    """Which report, and the code of its receipt: blanks, dashes and small letters do not matter in
    either, and a number may be told by its ten digits alone."""

    number = Text(max=100, required=True)
    code = Text(max=100, required=True)


class NewContact(Strict):
    """Takes the place of the whole contact before: tell again what of that is to stay. Null, or one
    without `email`: no news is sent any more."""

    contact = fields.Nested(Contact, required=True, allow_none=True)


class Supplement(Strict):
    """More about the report, or the data that was asked for: while the timeline shows an officer's
    question as open, it answers that one. One report takes a hundred additions and requests,
    500,000 characters in all, and one answer to each question beyond that."""

    text = Text(max=WORDS, required=True)


class Reason(Strict):
    """Why the reporter asks for it."""

    reason = Text(max=REASON, required=True)


class OptionalReason(Strict):
    """Why, if the reporter wants to say."""

    reason = Text(max=REASON, allow_none=True, load_default=None)


class Rating(Strict):
    """How content the reporter is: 1 (not at all) to 5."""

    stars = fields.Integer(required=True, strict=True, validate=validate.Range(1, 5))
    comment = Text(max=REASON, allow_none=True, load_default=None)


class PriorComplaint(Strict):
    """What was tried elsewhere before: with whom, when, and what came of it."""

    to = Text(max=NAME, lines=False, required=True)
    on = fields.Date(required=True, format="iso")
    outcome = Text(max=REASON // 2, required=True)


class Proxy(Strict):
    """Who acts for the reporter, and on which paper."""

    full_name = Text(max=NAME, lines=False, required=True)
    authority = Text(max=ADDRESS, required=True)


class DossierForm(Strict):
    """What the law asks of who complains to the Ombudsman (UU 37/2008 art. 24). Sealed at once to
    the Ombudsman's key: nobody here can read it. A copy of the identity card is not taken."""

    full_name = Text(max=NAME, lines=False, required=True)
    birth_place = Text(max=NAME, lines=False, required=True)
    birth_date = fields.Date(required=True, format="iso")
    marital_status = fields.String(required=True, validate=validate.OneOf(MARITAL))
    occupation = Text(max=NAME, lines=False, required=True)
    address = Text(max=ADDRESS, required=True)
    id_number = fields.String(
        validate=Whole(r"^[0-9]{16}$", error="Not a valid identity number."), allow_none=True
    )
    remedy = Text(max=REASON // 2, required=True)
    prior_complaint = fields.Nested(PriorComplaint, allow_none=True)
    proxy = fields.Nested(Proxy, allow_none=True)


class Consent(Strict):
    """Consent to a hand-over to the Ombudsman. With the form (`dossier`) they get a dossier with
    identity and words; without it the facts of the handling only."""

    dossier = fields.Nested(DossierForm, allow_none=True, load_default=None)


class Finding(Strict):
    """Whether a rule holds (null: nobody here can tell), a day that matters for it, its legal
    basis, and what that means in Indonesian (`id`) and English (`en`)."""

    rule = fields.String(required=True, validate=validate.OneOf(list(Name)))
    holds = fields.Boolean(required=True, allow_none=True)
    day = fields.Date(required=True, allow_none=True)
    basis = fields.String(required=True, allow_none=True)
    id = fields.String(required=True)
    en = fields.String(required=True)


class Notice(Strict):
    """Something to know beforehand."""

    notice = fields.String(
        required=True, validate=validate.OneOf([known["notice"] for known in NOTICES])
    )
    id = fields.String(required=True)
    en = fields.String(required=True)


class Checked(Strict):
    """What the law asks before the case can be handed over to the Ombudsman. `possible`: a consent
    is not refused."""

    number = fields.String(required=True)
    possible = fields.Boolean(required=True)
    rules = fields.List(fields.Nested(Finding), required=True)
    notices = fields.List(fields.Nested(Notice), required=True)


class Consented(Proved):
    """The consent is taken; each rule as it stands now. Should the case have been handed over a
    moment before, the timeline tells what did not go along."""

    number = fields.String(required=True)
    noted_at = fields.AwareDateTime(required=True)
    with_identity = fields.Boolean(required=True)
    rules = fields.List(fields.Nested(Finding), required=True)
    notices = fields.List(fields.Nested(Notice), required=True)


class Noted(Proved):
    """The request is taken; where the report will stand, the timeline tells."""

    number = fields.String(required=True)
    noted_at = fields.AwareDateTime(required=True)


class Added(Noted):
    """The addition is taken. `answers`: as the answer to a question of an officer that the timeline
    shows as open; the case goes on, unless that was taken back meanwhile."""

    answers = fields.Boolean(required=True)


class CaseEvent(Tolerant):
    """Of any `case.*` event."""

    at = fields.AwareDateTime(required=True)
    status = fields.String(required=True)
    cycle = fields.Integer(load_default=None)
    reopen_until = fields.AwareDateTime(load_default=None)
    reply_id = fields.String(load_default=None, allow_none=True)
    confidentiality = fields.String(load_default=None)
    hidden_from_public = fields.Boolean(load_default=None)


class Named(Tolerant):
    """A file, in `case.reply_written`."""

    title = fields.String(required=True)
    sha256 = fields.String(required=True)


class ReplyWritten(Tolerant):
    """Of `case.reply_written`."""

    reply_id = fields.String(required=True)
    about = fields.String(required=True)
    text = fields.String(required=True)
    evidence = fields.List(fields.Nested(Named), load_default=list)
    at = fields.AwareDateTime(required=True)


class DeadlineStarted(Tolerant):
    """Of `deadline.started`."""

    clock = fields.String(required=True)
    cycle = fields.Integer(required=True)
    due_at = fields.AwareDateTime(required=True)
    ends_on = fields.Date(load_default=None)


class DeadlinePassed(DeadlineStarted):
    """Of `deadline.passed` and `deadline.kept`."""

    at = fields.AwareDateTime(required=True)


class DeadlineRecomputed(Tolerant):
    """Of `deadline.recomputed`."""

    clock = fields.String(required=True)
    cycle = fields.Integer(required=True)
    after = fields.AwareDateTime(required=True, allow_none=True)
    ends_on = fields.Date(load_default=None, allow_none=True)
    at = fields.AwareDateTime(required=True)


class Dated(Tolerant):
    """Of events that only add a line to the timeline."""

    at = fields.AwareDateTime(required=True)


class HandedOver(Dated):
    """Of `escalation.handed_over`; with what, it did not say formerly."""

    consented_at = fields.AwareDateTime(load_default=None)
    with_form = fields.Boolean(load_default=False)
    words = fields.Integer(load_default=None, allow_none=True)


class OmbudsmanAnswered(Dated):
    """Of `escalation.answered`."""

    answer_id = fields.String(required=True)
    spoken = fields.Boolean(required=True)


class WordsWritten(Dated):
    """Of `escalation.words_written` and `escalation.remark_written`."""

    answer_id = fields.String(required=True)
    text = fields.String(required=True)


class SettleBy(Tolerant):
    """By kind of report."""

    complaint = fields.Date(required=True)
    aspiration = fields.Date(required=True)
    information_request = fields.Date(required=True)


class Day(Tolerant):
    """What a report received on one day is promised."""

    received_on = fields.Date(required=True)
    verify_by = fields.Date(required=True)
    follow_up_by = fields.Date(required=True)
    settle_by = fields.Nested(SettleBy, required=True)


class CalendarPublished(Tolerant):
    """Of `calendar.published`."""

    days = fields.List(fields.Nested(Day), required=True)
