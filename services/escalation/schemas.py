"""What escalation reads of other services' events, and what the Ombudsman may ask and gets."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from marshmallow import fields, validate

from chassis.schemas import Count, Strict, Text, Tolerant, Whole
from services.escalation.domain import Desk
from services.escalation.models import PARTS, STREAMS
from services.escalation.ombudsman.answers import Answer, Declined

NUMBER = Whole(r"^[A-Z]{2,8}-[0-9]{5}-[0-9]{5}$", error="Not a valid number.")
# Such as 0123/LM/XI/2026/BJM: no words fit into it, and a file's has a digit where a name has none.
REFERENCE = Whole(
    r"^(?=[A-Za-z./-]*[0-9])[A-Z0-9][A-Za-z0-9./-]{2,59}$", error="Not a valid reference."
)
LONGEST_WAIT = 25  # seconds
MOST_ENTRIES = 2000
MOST_CHECKPOINTS = 500


def moment(**more: Any) -> fields.AwareDateTime:
    """An RFC 3339 moment."""
    return fields.AwareDateTime(format="iso", default_timezone=UTC, **more)


class CaseOpened(Tolerant):
    """`case.opened.v1`"""

    status = fields.String(required=True)
    kind = fields.String(required=True)
    received_at = moment(required=True)
    decider = fields.String(load_default=Desk.COORDINATOR.value)  # formerly it was not said
    passes_by = fields.List(fields.String(), load_default=list)


class CaseMoved(Tolerant):
    """Every later `case.*`: which of the optional ones it has depends on its type."""

    status = fields.String(required=True)
    at = moment(required=True)
    cycle = fields.Integer()
    kind = fields.String()
    klass = fields.String(data_key="class", allow_none=True)
    category = fields.String(allow_none=True)
    agency = fields.String(allow_none=True)
    returns = fields.Integer(allow_none=True)
    decider = fields.String()
    passes_by = fields.List(fields.String())
    awaited_from = fields.String()
    reopen_until = moment()
    into = fields.String()


class Consented(Tolerant):
    """`report.escalation_consented.v1`"""

    at = moment(required=True)
    admissible_until = fields.Date(format="iso", load_default=None, allow_none=True)  # formerly
    admissible_month = fields.String(load_default=None, allow_none=True)
    sealed = fields.String(load_default=None, allow_none=True)
    key_id = fields.String(load_default=None, allow_none=True)
    sha256 = fields.String(load_default=None, allow_none=True)


class ConsentWithdrawn(Tolerant):
    """`report.consent_withdrawn.v1`"""

    at = moment(required=True)


class WordsSealed(Tolerant):
    """`report.words_sealed.v1`"""

    part = fields.String(required=True)
    written_at = moment(required=True)
    sealed = fields.String(required=True)
    key_id = fields.String(required=True)
    sha256 = fields.String(required=True)
    at = moment(required=True)


class GrantEnded(Tolerant):
    """`grant.ended.v1`"""

    grant = fields.UUID(required=True)


class TrailExtended(Tolerant):
    """`trail.extended.v1`"""

    position = fields.Integer(required=True)
    hash = fields.String(required=True)
    rows = fields.Integer(required=True)
    at = moment(required=True)


class ReceiptKeyShown(Tolerant):
    """`receipt.key_shown.v1`: of a public JWK what tells it from others of its kind."""

    kid = fields.String(required=True)
    x = fields.String(required=True)
    y = fields.String(required=True)
    at = moment(required=True)


class Message(Tolerant):
    """`message.delivered.v1`, `message.failed.v1`"""

    about = fields.String(required=True)
    cycle = fields.Integer(required=True, allow_none=True)
    news_at = moment(load_default=None, allow_none=True)
    at = moment(required=True)
    reason = fields.String()


class FeedQuery(Strict):
    """Where to read on, and how."""

    stream = fields.String(load_default=STREAMS[0], validate=validate.OneOf(STREAMS))
    after = fields.String(load_default="", validate=validate.Length(max=100))
    limit = Count(load_default=100, validate=validate.Range(1, MOST_ENTRIES))
    wait = Count(load_default=0, validate=validate.Range(0, LONGEST_WAIT))


class StreamQuery(Strict):
    """Which stream."""

    stream = fields.String(load_default=STREAMS[0], validate=validate.OneOf(STREAMS))


class Entry(Strict):
    """A CloudEvent with its place and proof. `hash` = SHA-256 of the bytes of `prevhash` and then
    the RFC 8785 form of the event without `prevhash`, `hash`, `signature` and `kid`; `signature` =
    Ed25519 by key `kid` over the 32 bytes of `hash`. Hashes are hexadecimal, `signature` is
    base64url without padding."""

    specversion = fields.String(required=True)
    datacontenttype = fields.String(required=True)
    id = fields.String(required=True)
    source = fields.String(required=True)
    type = fields.String(required=True)
    subject = fields.String(required=True)
    time = fields.String(required=True)
    epoch = fields.Integer(required=True)
    position = fields.Integer(required=True)
    data = fields.Dict(required=True)
    prevhash = fields.String(required=True)
    hash = fields.String(required=True)
    signature = fields.String(required=True)
    kid = fields.String(required=True)


class Feed(Strict):
    """Entries after the place asked for, in order and without a gap; `cursor` is where to read on
    and `more` says whether something is there already."""

    events = fields.List(fields.Nested(Entry), required=True)
    cursor = fields.String(required=True)
    more = fields.Boolean(required=True)


class End(Strict):
    """The end of a stream: its last entry's hash and signature (none while it is empty). Kept by
    the Ombudsman, it proves that nothing before it was changed or cut off later."""

    stream = fields.String(required=True, validate=validate.OneOf(STREAMS))
    epoch = fields.Integer(required=True)
    position = fields.Integer(required=True)
    hash = fields.String(required=True)
    signature = fields.String(required=True, allow_none=True)
    kid = fields.String(required=True, allow_none=True)
    cursor = fields.String(required=True)


class CheckpointsQuery(StreamQuery):
    """Which stream's, and where to read on."""

    after = fields.String(load_default="", validate=validate.Length(max=100))
    limit = Count(load_default=100, validate=validate.Range(1, MOST_CHECKPOINTS))


class Checkpoint(Strict):
    """The signed word that a stream stood so at `time`. `hash` (hexadecimal) is that of the entry
    at its place; `signature` = Ed25519 by key `kid` over the RFC 8785 form of all the others,
    base64url without padding."""

    stream = fields.String(required=True, validate=validate.OneOf(STREAMS))
    epoch = fields.Integer(required=True)
    position = fields.Integer(required=True)
    hash = fields.String(required=True)
    time = fields.String(required=True)
    kid = fields.String(required=True)
    signature = fields.String(required=True)


class Pulse(Checkpoint):
    """The signed word that a stream still ended so at `time`; at position 0 it was empty. Said anew
    every ten minutes, whether something was appended or not, by the key that signs then. Signed as
    a checkpoint is, over its `type` too. What has a `type` is no checkpoint, whoever signed it."""

    type = fields.String(required=True, validate=validate.Equal("feed.pulse"))


class Checkpoints(Strict):
    """Checkpoints after the place asked for, in order; `cursor` is where to read on and `more` says
    whether something is there already. `pulse`: the stream's newest, wherever that place is; null
    if there never was one."""

    checkpoints = fields.List(fields.Nested(Checkpoint), required=True)
    cursor = fields.String(required=True)
    more = fields.Boolean(required=True)
    pulse = fields.Nested(Pulse, required=True, allow_none=True)


class Sealed(Strict):
    """One part of a dossier that only the Ombudsman can open: JWE compact, ECDH-ES with A256GCM, by
    the key `key_id`, its protected header's `sub` the case's number. `sha256` is that of the bytes
    of `sealed`, in hexadecimal. Inside: a JSON object, then spaces."""

    part = fields.String(required=True, validate=validate.OneOf(PARTS))
    key_id = fields.String(required=True)
    sha256 = fields.String(required=True)
    sealed = fields.String(required=True)


class Dossier(Strict):
    """A case as it was handed over. `sha256`, of the RFC 8785 form of `dossier`, is what the feed's
    entry says of it; `dossier.parts` names each of `sealed` by its own. `erased_at`: since when
    sealed parts are gone; the feed's `feed.case.erased.v1` names them. `consent_ended_at`: when its
    reporter took back the consent that it was handed over by, if they did; the feed's
    `feed.case.consent_ended.v1` says so."""

    also = ("application/pdf",)  # the same, for people

    dossier = fields.Dict(required=True)
    sha256 = fields.String(required=True)
    sealed = fields.List(fields.Nested(Sealed), required=True)
    erased_at = fields.AwareDateTime(required=True, allow_none=True)
    consent_ended_at = fields.AwareDateTime(required=True, allow_none=True)


class Before(Strict):
    """The last entry that an epoch and the one before it both have."""

    epoch = fields.Integer(required=True)
    position = fields.Integer(required=True)
    hash = fields.String(required=True)


class Epoch(Strict):
    """The feed was restored and went on after the entry `before`; `cursor` reads on from there."""

    stream = fields.String(required=True, validate=validate.OneOf(STREAMS))
    epoch = fields.Integer(required=True)
    opened_at = moment(required=True)
    before = fields.Nested(Before, required=True)
    cursor = fields.String(required=True)


class Epochs(Strict):
    """Every epoch but the first, in order."""

    epochs = fields.List(fields.Nested(Epoch), required=True)


class Acknowledge(Strict):
    """How far the Ombudsman has a stream: the cursor after an entry, and the entry's hash."""

    stream = fields.String(required=True, validate=validate.OneOf(STREAMS))
    cursor = fields.String(required=True, validate=validate.Length(1, 100))
    hash = fields.String(required=True, validate=Whole("^[0-9a-f]{64}$"))


class Acknowledged(Strict):
    """Which entry that is, and when it was first acknowledged."""

    stream = fields.String(required=True, validate=validate.OneOf(STREAMS))
    epoch = fields.Integer(required=True)
    position = fields.Integer(required=True)
    at = moment(required=True)


class Keys(Strict):
    """A JWK set: every key that ever signed the feed, oldest first, and those that will. Each has
    the members `published`, `since` (it signs; null: not yet) and `until` (another did)."""

    keys = fields.List(fields.Dict(), required=True)


class HandoverAnswer(Strict):
    """What the Ombudsman answers. `number` is the case's again, because a signature covers the body
    only; `at` is when it was decided. `words` are read by the reporter, and by the agency where
    they ask something of it: they name nobody."""

    number = fields.String(required=True, validate=NUMBER)
    answer = fields.Enum(Answer, by_value=True, required=True, metadata={"type": "string"})
    at = moment(required=True)
    reason = fields.Enum(
        Declined, by_value=True, load_default=None, allow_none=True, metadata={"type": "string"}
    )
    reference = fields.String(load_default=None, allow_none=True, validate=REFERENCE)
    words = Text(10_000, load_default=None, allow_none=True)


class AnswerTaken(Strict):
    """An answer that has taken effect, and when."""

    number = fields.String(required=True)
    answer = fields.String(required=True, validate=validate.OneOf(list(Answer)))
    at = fields.AwareDateTime(required=True)
