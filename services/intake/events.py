"""What intake says. Reports (with text), sealed contacts and consents travel in streams of their
own, so that each has only the listeners that it needs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from chassis.events import Fact, rfc3339
from services.intake.domain import is_reachable


def instant(at: datetime) -> str:
    """A time as contracts write it."""
    return rfc3339(at.astimezone(UTC))


def report_submitted(
    number: str, body: Mapping[str, Any], at: datetime, settle_by: date | None
) -> Fact:
    """A report has arrived, and its reporter holds the receipt, with that last day for S if any."""
    data = {
        "kind": body["kind"],
        "title": body["title"],
        "text": body["text"],
        "event_date": body["event_date"].isoformat(),
        "district": body["place"]["district"],
        "place": body["place"].get("detail"),
        "agency": body.get("agency"),
        "category": body.get("category"),
        "confidentiality": body["confidentiality"],
        "hidden_from_public": body["hidden_from_public"],
        "reachable": is_reachable(body.get("contact")),
        "channel": "web",
        "received_at": instant(at),
        "settle_by": settle_by and settle_by.isoformat(),
    }
    return Fact("report.submitted.v1", number, data, at)


def contact_sealed(
    number: str, sealed: str, key_id: str, body: Mapping[str, Any], at: datetime
) -> Fact:
    """How to reach the reporter, for notify's eyes only."""
    data = {
        "sealed": sealed,
        "key_id": key_id,
        "kind": body["kind"],
        "confidentiality": body["confidentiality"],
        "received_at": instant(at),
    }
    return Fact("report.contact_sealed.v1", number, data, at)


def contact_replaced(number: str, sealed: str, key_id: str, at: datetime) -> Fact:
    """How to reach the reporter from now on, or that they are not to be reached: for notify's eyes
    only, which of the two as well."""
    data = {"sealed": sealed, "key_id": key_id, "at": instant(at)}
    return Fact("report.contact_replaced.v1", number, data, at)


def receipt_key_shown(kid: str, x: str, y: str, at: datetime, **_: str) -> Fact:
    """Receipts may be signed with the private half of this public key from now on."""
    return Fact(
        "receipt.key_shown.v1", "receipts", {"kid": kid, "x": x, "y": y, "at": instant(at)}, at
    )


def report_supplemented(
    number: str, supplement_id: str, text: str, question_id: str | None, at: datetime
) -> Fact:
    """The reporter has added something, and was shown that question then, or none."""
    data = {"supplement_id": supplement_id, "text": text, "question_id": question_id}
    data["at"] = instant(at)
    return Fact("report.supplemented.v1", number, data, at)


def report_objected(number: str, reason: str, at: datetime) -> Fact:
    """The reporter does not accept the answer, or the archiving."""
    return Fact("report.objected.v1", number, {"reason": reason, "at": instant(at)}, at)


def report_accepted(number: str, at: datetime) -> Fact:
    """The reporter accepts the answer."""
    return Fact("report.accepted.v1", number, {"at": instant(at)}, at)


def report_rated(number: str, stars: int, comment: str | None, at: datetime) -> Fact:
    """How content the reporter is: 1 (not at all) to 5."""
    data = {"stars": stars, "comment": comment, "at": instant(at)}
    return Fact("report.rated.v1", number, data, at)


def report_reopened(number: str, reason: str, at: datetime) -> Fact:
    """The reporter wants a closed report taken up again."""
    return Fact("report.reopened.v1", number, {"reason": reason, "at": instant(at)}, at)


def report_withdrawn(number: str, reason: str | None, at: datetime) -> Fact:
    """The reporter takes the report back."""
    return Fact("report.withdrawn.v1", number, {"reason": reason, "at": instant(at)}, at)


def escalation_consented(
    number: str, until: date | None, identity: Any | None, at: datetime
) -> Fact:
    """The reporter wants the Ombudsman to take over when the regency's time is up; with an
    identity (an envelope), or facts only. Of the last day for that the month alone: it would tell
    the day of the event."""
    data = {
        "at": instant(at),
        "admissible_until": None,
        "admissible_month": f"{until:%Y-%m}" if until else None,
        "sealed": identity and identity.sealed,
        "key_id": identity and identity.key_id,
        "sha256": identity and identity.sha256,
    }
    return Fact("report.escalation_consented.v1", number, data, at)


def consent_withdrawn(number: str, at: datetime) -> Fact:
    """The reporter takes back the consent, or the report, and with it any consent: for escalation's
    ears, which do not hear of reports."""
    return Fact("report.consent_withdrawn.v1", number, {"at": instant(at)}, at)


def words_sealed(number: str, part: str, written_at: datetime, envelope: Any, at: datetime) -> Fact:
    """Words for a dossier, which only the Ombudsman can open."""
    data = {
        "part": part,
        "written_at": instant(written_at),
        "sealed": envelope.sealed,
        "key_id": envelope.key_id,
        "sha256": envelope.sha256,
        "at": instant(at),
    }
    return Fact("report.words_sealed.v1", number, data, at)
