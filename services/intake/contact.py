"""A reporter replaces the contact that they left with a report, adds one, or takes it away.

It is sealed to notify as at submission: nothing here can open it, nor tell whether it is another
than before. That, and who is told, notify decides. Each brings about a mail to two addresses, of
which one may be a stranger's: so a report takes a few of them a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import falcon
import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis import web
from chassis.clock import Clock
from chassis.database import Transactions
from chassis.errors import FieldError, NotAllowed
from chassis.outbox import emit
from services.intake import domain, events, schemas
from services.intake.domain import Action, Confidentiality, Status
from services.intake.models import Report, TimelineEntry
from services.intake.receipts import Signer, Unsigned
from services.intake.sealing import Sealer

REPLACED = f"reporter.{Action.REPLACE_CONTACT}"
DAY = timedelta(days=1)
MOST_A_DAY, MOST = 5, 50


class Limit(StrEnum):
    """Why a report takes no contact; the rule of its refusal."""

    ANONYMOUS = "anonymous"
    TOO_LATE = "too_late"
    TODAY = "most_contacts_today"
    EVER = "most_contacts"


_SAID = {
    Limit.ANONYMOUS: (
        "Laporan tanpa identitas tidak menyimpan kontak: ikutilah dengan nomor dan kode rahasia"
        " Anda. / An anonymous report keeps no contact: follow it by its number and code."
    ),
    Limit.TOO_LATE: (
        "Tidak akan ada kabar lagi tentang laporan ini. Kontak masih dapat dihapus. / There will be"
        " no more news of this report. A contact can still be taken away."
    ),
    Limit.TODAY: (
        f"Kontak sudah diganti {MOST_A_DAY} kali dalam 24 jam: coba lagi nanti. Kontak masih dapat"
        f" dihapus. / The contact was replaced {MOST_A_DAY} times within 24 hours: try again later."
        " It can still be taken away."
    ),
    Limit.EVER: (
        f"Kontak sudah diganti {MOST} kali. Kontak masih dapat dihapus. / The contact was replaced"
        f" {MOST} times. It can still be taken away."
    ),
}


def exceeded(replaced: Iterable[datetime], now: datetime) -> Limit | None:
    """The limit that one more would exceed, after those of these moments."""
    moments = list(replaced)
    if len(moments) >= MOST:
        return Limit.EVER
    lately = sum(now - at < DAY for at in moments)
    return Limit.TODAY if lately >= MOST_A_DAY else None


def refusal(
    report: Report, replaced: Sequence[datetime], now: datetime, *, gives: bool
) -> Limit | None:
    """Why this report takes no contact now (`gives`), or none to be taken away. One that may be
    held can always be taken away once."""
    if report.confidentiality == Confidentiality.ANONYMOUS:
        return Limit.ANONYMOUS
    if not gives and report.contact_given is not False:
        return None
    if gives and _is_over(report, now):
        return Limit.TOO_LATE
    return exceeded(replaced, now)


def _is_over(report: Report, now: datetime) -> bool:
    """Whether no news will come any more: of what was handed over, the Ombudsman may send some."""
    status = Status(report.status)
    ended = status is Status.WITHDRAWN or domain.is_too_late(status, report.taken_up_until(), now)
    return ended and report.handed_over_at is None


def may_be_asked(report: Report, entries: Iterable[TimelineEntry], now: datetime) -> bool:
    """Whether a contact may be given or taken away now."""
    replaced = [entry.at for entry in entries if entry.what == REPLACED]
    return any(refusal(report, replaced, now, gives=gives) is None for gives in (True, False))


class Contact:
    """`/v1/reports/{number}/contact`"""

    def __init__(
        self,
        db: Transactions,
        clock: Clock,
        door: Any,
        sealer: Sealer,
        signer: Signer | Unsigned,
    ) -> None:
        self._db, self._clock, self._door = db, clock, door
        self._sealer, self._signer = sealer, signer

    @web.operation(
        f"As the reporter: {Action.REPLACE_CONTACT}",
        body=schemas.NewContact,
        answers={202: schemas.Noted},
        errors=(404, 409, 429),
        idempotent="optional",
        security="trackingCode",
    )
    def on_post(self, req: falcon.Request, number: str, body: Any, key: Any) -> Any:
        """Has this contact take the place of the one that was left with the report, if one was, and
        all news that has not gone yet go there, in its language; null: nothing is kept of who the
        reporter is, and no news is sent any more. The address until then is told once that news of
        this report does not go there any more, and the new one that it comes there; neither is, if
        it is the same. Nobody who handles the case is told. Refused (409): of an anonymous report
        (rule `anonymous`), once no news of it can come any more (`too_late`), and after five within
        24 hours (`most_contacts_today`) or fifty in all (`most_contacts`); a contact that may be
        held can be taken away all the same."""
        with self._db.begin() as tx:
            number, own = self._door.admit(tx, req, number, key)
            if answer := own.answered(tx):
                return answer
            report = tx.get_one(Report, number, with_for_update=True)
            now = self._clock.now()  # under its lock: the later one is said later
            given = body["contact"]
            _permit(refusal(report, _replaced(tx, number), now, gives=given is not None))
            sealed = self._sealer.seal(given or {}, number)
            emit(tx, events.contact_replaced(number, sealed, self._sealer.key_id, now))
            report.contact_given = given is not None
            detail = {"by_mail": domain.is_reachable(given)}
            entry = TimelineEntry(number=number, at=now, what=REPLACED, detail=detail, text=None)
            tx.add(entry)
            proof = self._signer.prove(number, REPLACED, now, detail)
            return own.remember(tx, {"number": number, "noted_at": now, "proof": proof})


def _replaced(tx: Session, number: str) -> list[datetime]:
    """When this report's contact was replaced. Under its lock none is added meanwhile."""
    mine = TimelineEntry.number == number, TimelineEntry.what == REPLACED
    return list(tx.scalars(sa.select(TimelineEntry.at).where(*mine)))


def _permit(limit: Limit | None) -> None:
    if limit is not None:
        error = FieldError(field="contact", rule=limit, message=_SAID[limit])
        raise NotAllowed("this report takes no such contact", errors=[error])
