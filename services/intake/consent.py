"""The reporter's consent to a hand-over, and what they are told before they give it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import falcon
import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis import web
from chassis.clock import Clock
from chassis.database import Transactions, rows
from chassis.errors import FieldError, Invalid, NotAllowed
from chassis.events import EPOCH
from chassis.outbox import emit
from services.intake import admission, allowance, domain, events, schemas
from services.intake.admission import Finding, Limit, Name, Rule, Standing
from services.intake.domain import Action, Status
from services.intake.envelopes import Envelopes, Sealed
from services.intake.latecomers import CONSENTED, DIRECTLY, later
from services.intake.models import AdmissionRule, Deadline, Report, TimelineEntry
from services.intake.notices import NOTICES
from services.intake.receipts import Signer, Unsigned

# A consent with the form from after the last `number-anew`, which counts on from its minute.
_SINCE_RESTORED = """
SELECT FROM timeline_entry, epoch
WHERE number = :number AND what = :consented AND CAST(detail->>'with_identity' AS boolean)
AND at >= to_timestamp((began / :numbers + 1) * 60) LIMIT 1
"""
GIVE_RIGHT = tuple(admission.Clock)
GIVE_FOLLOWERS = (admission.Clock.HAND_OVER,)  # S counts with the case that they were merged into


def rules_in_force(tx: Session, today: date) -> dict[str, Rule]:
    """What the law asks on that local day, by the name of the rule."""
    rows = tx.scalars(sa.select(AdmissionRule))
    rules = [Rule(r.rule, r.effective_from, r.basis, r.years) for r in rows]
    return admission.in_force(rules, today)


class Books:
    """What both addresses stand on."""

    def __init__(self, db: Transactions, clock: Clock, door: Any, zone: ZoneInfo) -> None:
        self._db, self._clock, self._door, self._zone = db, clock, door, zone

    def _today(self, now: datetime) -> date:
        return now.astimezone(self._zone).date()

    def _standing(self, tx: Session, report: Report, now: datetime) -> Standing:
        happened = (line.what for line in allowance.lines(tx, report.number))
        rights = GIVE_FOLLOWERS if domain.follows(happened) else GIVE_RIGHT
        status = Status(report.status)
        newest = tx.scalars(
            sa.select(Deadline)
            .where(Deadline.number == report.number, Deadline.clock.in_(rights))
            .distinct(Deadline.clock)
            .order_by(Deadline.clock, Deadline.cycle.desc())
        )
        limits = [
            Limit(admission.Clock(d.clock), d.last_day(self._zone), d.passed_at is not None)
            for d in newest
        ]
        return Standing(
            event_date=report.event_date,
            status=status,
            too_late=domain.is_too_late(status, report.taken_up_until(), now),
            limits=limits,
            consented=report.consented_at is not None,
            with_form=report.consent_form,
            handed_over=report.handed_over_at is not None,
        )


class Checks(Books):
    """`/v1/reports/{number}/escalation-check`"""

    @web.operation(
        "What the law asks before the Ombudsman takes a report, and whether it holds for this one",
        answers={200: schemas.Checked},
        errors=(404, 429),
        security="trackingCode",
    )
    def on_post(self, req: falcon.Request, number: str) -> Any:
        """To be shown before a consent is asked for. Changes nothing."""
        now = self._clock.now()
        today = self._today(now)
        with self._db.begin() as tx:
            report = self._door.open(tx, number, req.get_header("Tracking-Code") or "")
            found = admission.findings(
                self._standing(tx, report, now), rules_in_force(tx, today), today
            )
            refused = any(_refuses(f) or _is_over(f) for f in found)
            given = allowance.consents(allowance.lines(tx, report.number))
            refused = refused or len(given) >= allowance.MOST_CONSENTS
            return {
                "number": report.number,
                "possible": not refused and report.handed_over_at is None,
                "rules": found,
                "notices": NOTICES,
            }


class Consents(Books):
    """`/v1/reports/{number}/escalation-consent`"""

    def __init__(
        self,
        db: Transactions,
        clock: Clock,
        door: Any,
        zone: ZoneInfo,
        envelopes: Envelopes,
        signer: Signer | Unsigned,
    ) -> None:
        super().__init__(db, clock, door, zone)
        self._envelopes, self._signer = envelopes, signer

    @web.operation(
        f"As the reporter: {Action.CONSENT}",
        body=schemas.Consent,
        answers={202: schemas.Consented},
        errors=(404, 409, 429),
        idempotent="optional",
        security="trackingCode",
    )
    def on_post(self, req: falcon.Request, number: str, body: Any, key: Any) -> Any:
        """Agrees that the case goes to the Ombudsman when its time is up: with the form, identity
        and words go along; without it, the facts of its handling alone. May be said again with the
        form. Refused (409) in a status that takes none (rule `wrong_status`; `too_late` where that
        is for good); once it was handed over (`handed_over`): nothing could come of it; where the
        event is too old by law (`event_age`); and after ten since the report was last over
        (`most_consents`). Refused (422): a day of birth from today on (`past`), and a complaint
        elsewhere after today (`not_future`)."""
        with self._db.begin() as tx:
            number, own = self._door.admit(tx, req, number, key)
            if answer := own.answered(tx) or key.answered(tx):  # until 2026-11-30 by spelling
                return answer
            report = tx.get_one(Report, number, with_for_update=True)
            now = self._clock.now()  # under its lock: of two consents the later one is said later
            today = self._today(now)
            domain.permit(Action.CONSENT, Status(report.status), report.taken_up_until(), now)
            if report.handed_over_at is not None:
                raise _handed_over()
            rules = rules_in_force(tx, today)
            _refuse(admission.findings(self._standing(tx, report, now), rules, today))
            form = body["dossier"]
            _check(form, today)
            until = admission.admissible_until(report.event_date, rules)
            at = later(tx, number, now)
            self._note(tx, report, form, until, at)
            found = admission.findings(self._standing(tx, report, now), rules, today)
            told = {"rules": found, "notices": NOTICES, "with_identity": report.consent_form}
            proof = self._signer.prove(number, CONSENTED, at, {"with_identity": form is not None})
            return own.remember(tx, {"number": number, "noted_at": at, "proof": proof, **told})

    def _note(
        self, tx: Session, report: Report, form: Any, until: date | None, at: datetime
    ) -> None:
        """Says what only the Ombudsman can read first, so that it is there when the consent is."""
        timeline = allowance.lines(tx, report.number)
        allowance.check(timeline, Action.CONSENT, Status(report.status), 0, "dossier")
        identity = None
        if form:
            identity = self._envelopes.identity(report.number, form)
            if not _has_words(tx, report, identity, timeline):
                for fact in self._envelopes.all_words(tx, report, at):
                    emit(tx, fact)
                report.sealed_to = None if report.status in allowance.OVER else identity.key_id
        emit(tx, events.escalation_consented(report.number, until, identity, at))
        report.consented_at = at
        report.consent_form = report.consent_form or form is not None
        tx.add(
            TimelineEntry(
                number=report.number,
                at=at,
                what=CONSENTED,
                detail={"with_identity": form is not None},
                text=None,
            )
        )


def _has_words(
    tx: Session, report: Report, identity: Sealed, timeline: list[allowance.Line]
) -> bool:
    """Whether the Ombudsman's newest key opens all that was written: what came after a consent was
    sealed as it came. While a report is over, what was sealed of it may be erased, and nobody here
    hears of that; nor of a consent that was taken back in a time that a restore has taken."""
    stands = report.consent_form and any(allowance.consents(timeline))
    known = stands and report.status not in allowance.OVER and report.sealed_to == identity.key_id
    told = {"number": report.number, "consented": CONSENTED, "numbers": EPOCH}
    return known and bool(rows(tx, _SINCE_RESTORED, **told))


def _refuses(finding: Finding) -> bool:
    return finding.rule == Name.EVENT_AGE and finding.holds is False


def _is_over(finding: Finding) -> bool:
    return finding.rule == Name.NOT_OVER and not finding.holds


def _refuse(found: list[Finding]) -> None:
    for finding in found:
        if _refuses(finding):
            said = f"{finding.id} / {finding.en}"
            raise _not_allowed(
                "the law does not allow this hand-over", "event_date", finding.rule, said
            )


def _handed_over() -> NotAllowed:
    said = (
        f"Laporan sudah dilimpahkan: persetujuan tidak diperlukan lagi. {DIRECTLY[0]} / The report"
        f" has been handed over: no consent is needed any more. {DIRECTLY[1]}"
    )
    return _not_allowed("this report has been handed over", "dossier", "handed_over", said)


def _not_allowed(why: str, field: str, rule: str, message: str) -> NotAllowed:
    return NotAllowed(why, errors=[FieldError(field=field, rule=rule, message=message)])


def _check(form: Any, today: date) -> None:
    """Raises Invalid for days that lie in the future."""
    if not form:
        return
    if form["birth_date"] >= today:
        raise Invalid("this day lies in the future", "dossier.birth_date", "past")
    prior = form.get("prior_complaint")
    if prior and prior["on"] > today:
        raise Invalid("this day lies in the future", "dossier.prior_complaint.on", "not_future")
