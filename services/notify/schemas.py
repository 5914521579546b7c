"""What notify reads of other services' events: no more than its messages need."""

from __future__ import annotations

from datetime import UTC

from marshmallow import fields

from chassis.schemas import Tolerant


def moment(*, required: bool = False) -> fields.AwareDateTime:
    """An RFC 3339 moment; null where the contract allows it."""
    return fields.AwareDateTime(
        format="iso", default_timezone=UTC, required=required, allow_none=not required
    )


class ContactSealed(Tolerant):
    """`report.contact_sealed.v1`"""

    sealed = fields.String(required=True)
    received_at = moment(required=True)


class ContactReplaced(Tolerant):
    """`report.contact_replaced.v1`"""

    sealed = fields.String(required=True)
    at = moment(required=True)


class CaseOpened(Tolerant):
    """`case.opened.v1`"""

    reachable = fields.Boolean(required=True)


class OfferTakenBack(Tolerant):
    """`escalation.offer_taken_back.v1`"""

    offered_at = moment(required=True)


class News(Tolerant):
    """Any step that may be told: which of these it has depends on its type."""

    at = moment()
    received_at = moment()
    due_at = moment()
    after = moment()
    reopen_until = moment()
    ends_on = fields.Date(allow_none=True)
    clock = fields.String()
    cycle = fields.Integer()
    to = fields.String(allow_none=True)
    agency = fields.String(allow_none=True)
    how = fields.String()
    reason = fields.String(allow_none=True)
    reply_id = fields.String(allow_none=True)
    reason_code = fields.String()
