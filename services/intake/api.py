"""The reporter's side: send a report, follow it, and say what one thinks of the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import falcon
import sqlalchemy as sa
from sqlalchemy.orm import Session

import contracts
from chassis import metrics, web
from chassis.clock import Clock
from chassis.database import AS_OF_NOW, Transactions, rows
from chassis.errors import NotAllowed
from chassis.events import Fact
from chassis.outbox import emit
from chassis.tokens import Issuer
from services.intake import (
    admission,
    allowance,
    contact,
    domain,
    events,
    latecomers,
    questions,
    repeating,
    schemas,
    showing,
    taking_back,
    telling,
)
from services.intake.config import Settings
from services.intake.consent import Checks, Consents, rules_in_force
from services.intake.domain import Action, Confidentiality, Status
from services.intake.door import Door
from services.intake.envelopes import UNSAID, Envelopes, takes_words, when_sealed
from services.intake.models import Deadline, Reply, Report, TimelineEntry
from services.intake.receipts import Keys, Signer, Unsigned
from services.intake.registry import Registry
from services.intake.sealing import Sealer
from services.intake.submission import Desk

_WAITS = (
    "SELECT FROM inbox WHERE source = :source AND subject = :number AND state <> 'done' LIMIT 1"
)
_NOTHING: Mapping[str, Any] = {}
SECURITY = {
    "trackingCode": {
        "type": "apiKey",
        "in": "header",
        "name": "Tracking-Code",
        "description": "The secret code of the receipt, for the report that the address names:"
        " ASCII blanks, hyphens and small letters do not matter; leave out any other blank or dash,"
        " which no header holds. A"
        " wrong code and a wrong number are answered alike (404); after ten wrong codes for a"
        " number within a minute, wrong ones are refused (429), the right one never.",
    }
}


class Reports:
    """`/v1/reports`."""

    def __init__(self, desk: Desk, registry: Registry, clock: Clock, zone: ZoneInfo) -> None:
        self._desk, self._registry, self._clock, self._zone = desk, registry, clock, zone

    @web.operation(
        "Send a report",
        body=schemas.NewReport,
        answers={201: schemas.Receipt},
        idempotent="required",
    )
    def on_post(self, req: falcon.Request, body: Any, key: Any) -> Any:
        """Accepts a report and gives its receipt, whose code is shown this once. Sent again with
        the same Idempotency-Key within 24 hours it gives the same receipt: keep the key until that
        has come. Refused (422): a code that the lists do not hold (rule `known`), an `event_date`
        after today, by the local day of the regency, whose zone is Asia/Makassar (`not_future`),
        and a contact with an anonymous report (`anonymous`)."""
        now = self._clock.now()
        today = now.astimezone(self._zone).date()
        domain.check_submission(body, today)
        domain.check_known(body, self._registry.codes())
        return self._desk.accept(body, self._registry.promised(today, body["kind"]), now, key)


class Track:
    """`/v1/reports/track`: the secret travels in the body, never in an address."""

    def __init__(
        self, db: Transactions, clock: Clock, door: Door, tokens: Issuer, zone: ZoneInfo
    ) -> None:
        self._db, self._clock, self._door, self._tokens = db, clock, door, tokens
        self._zone = zone

    @web.operation(
        "Follow a report",
        body=schemas.Tracked,
        answers={200: showing.Timeline},
        errors=(404, 429),
    )
    def on_post(self, req: falcon.Request, body: Any) -> Any:
        """All that the reporter may know of the report, and what they may do next. Number and code
        travel in the body, so that they stand in no address."""
        now = self._clock.now()
        with self._db.begin() as tx:
            tx.execute(AS_OF_NOW)  # the status, and what led to it
            report = self._door.open(tx, body["number"], body["code"])
            shown = _timeline(tx, report, now, self._zone)
            return shown | {"links": self._links(report.number, now)}

    def _links(self, number: str, now: datetime) -> dict[str, Any]:
        """To escalation, which knows neither code nor reporter: the token says whose they are."""
        case = f"/v1/cases/{number}"
        there = {"deadlines": f"{case}/deadlines", "explain": f"{case}/explain"}
        return there | self._tokens.issue("escalation", "case", number, now)


def _timeline(tx: Session, report: Report, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    entries = tx.execute(
        sa.select(TimelineEntry, Reply.text, Reply.evidence)
        .outerjoin(Reply, Reply.reply_id == TimelineEntry.reply_id)
        .where(TimelineEntry.number == report.number)
        .order_by(TimelineEntry.id)
    ).all()
    status = Status(report.status)
    answers = [e.detail["answer"] for e, *_ in entries if e.what == "escalation.answered"]
    shown = domain.clocks(status, answers, [(e.what, e.detail) for e, *_ in entries])
    happened = [(e.what, e.detail, e.at) for e, *_ in entries]
    moments = telling.moments(happened, report.received_at, zone)
    merged_at = next((e.at for e, *_ in entries if e.what == "case.merged"), None)
    running = tx.scalars(
        sa.select(Deadline)
        .where(Deadline.number == report.number, Deadline.clock.in_(shown))
        # R of an earlier round has stopped, and this one's may begin later, or never (ADR 9).
        .where((Deadline.clock != "R") | (Deadline.cycle >= (report.cycle or 0)))
        .distinct(Deadline.clock)
        .order_by(Deadline.clock, Deadline.cycle.desc())
    )
    received = {"at": report.received_at, "what": domain.SUBMITTED, "detail": {}}
    told = [
        {"at": at, "what": e.what, "detail": telling.detail(e.what, e.detail, e.at, merged_at)}
        | {"text": reply or e.text, "evidence": named or []}
        for at, (e, reply, named) in zip(moments, entries, strict=True)
    ]
    actions = _actions(report, [entry for entry, *_ in entries], now)
    today = now.astimezone(zone).date()
    if admission.is_too_old(report.event_date, rules_in_force(tx, today), today):
        actions = [a for a in actions if a is not Action.CONSENT]  # it would be refused
    told.sort(key=lambda line: telling.place(line["at"], line["what"]))
    return {
        "number": report.number,
        "kind": report.kind,
        "title": report.title,
        "status": status,
        "received_at": report.received_at,
        "chosen": _chosen(report),
        "timeline": [received | {"text": report.text, "evidence": []}, *told],
        "deadlines": [
            {
                "clock": d.clock,
                "ends_on": d.last_day(zone),
                "due_at": d.due_at,
                "passed": d.passed_at is not None,
            }
            for d in running
        ],
        "actions": actions,
    }


def _chosen(report: Report) -> dict[str, Any]:
    """What the reporter told beside their words, for them alone."""
    same = ("event_date", "agency", "category", "confidentiality", "hidden_from_public")
    place = {"district": report.district, "detail": report.place}
    is_anonymous = report.confidentiality == Confidentiality.ANONYMOUS
    told = {"place": place, "contact_given": False if is_anonymous else report.contact_given}
    return {name: getattr(report, name) for name in same} | told


def _actions(report: Report, entries: list[TimelineEntry], now: datetime) -> list[Action]:
    """What may be asked now, be it in one character."""
    timeline = [allowance.line(e) for e in sorted(entries, key=lambda entry: entry.id)]
    status, over = Status(report.status), report.handed_over_at is not None
    stands = report.consented_at is not None
    until = report.taken_up_until()
    allowed = domain.actions(status, until, now, consented=stands, handed_over=over)
    taken = [a for a in allowed if not allowance.exceeded(timeline, a, status, 1)]
    if contact.may_be_asked(report, entries, now):
        taken = sorted([*taken, Action.REPLACE_CONTACT])
    return taken


@dataclass(frozen=True)
class Request:
    """One thing that a reporter may ask for: what it is, what is promised of it, what is said when
    it is done (by the question that was shown, if any), and what is answered."""

    action: Action
    promise: str
    body: Any  # None: there is nothing more to say
    facts: Callable[[str, Any, datetime, str | None], list[Fact]]
    words: str = ""  # the field of the body that the timeline shows
    noted: Any = schemas.Noted


REQUESTS = {
    "supplements": Request(
        Action.SUPPLEMENT,
        "Adds to the report, or supplies the data that was asked for.",
        schemas.Supplement,
        lambda n, b, at, q: [events.report_supplemented(n, str(uuid4()), b["text"], q, at)],
        "text",
        schemas.Added,
    ),
    "objections": Request(
        Action.OBJECT,
        "Does not accept the answer, or that the report was archived or forwarded outside, until"
        " the moment that the timeline names with that: it is looked at again.",
        schemas.Reason,
        lambda n, b, at, _: [events.report_objected(n, b["reason"], at)],
        "reason",
    ),
    "acceptance": Request(
        Action.ACCEPT,
        "Accepts the answer, says how content the reporter is, and closes the report.",
        schemas.Rating,
        lambda n, b, at, _: [
            events.report_rated(n, b["stars"], b["comment"], at),
            events.report_accepted(n, at),
        ],
        "comment",
    ),
    "reopening": Request(
        Action.REOPEN,
        "Has a closed report taken up again, until the moment that the timeline names with its"
        " closing.",
        schemas.Reason,
        lambda n, b, at, _: [events.report_reopened(n, b["reason"], at)],
        "reason",
    ),
    "withdrawal": Request(
        Action.WITHDRAW,
        "Takes the report back: it is not handled any further, but for others whose reports follow"
        " it. A consent to a hand-over ends at once, whatever becomes of the request.",
        schemas.OptionalReason,
        lambda n, b, at, _: [events.report_withdrawn(n, b["reason"], at)],
        "reason",
    ),
    "consent-withdrawal": Request(
        Action.WITHDRAW_CONSENT,
        "Takes back a consent to a hand-over to the Ombudsman, and nothing else: anything sealed"
        " for it is erased here, and the Ombudsman is told of it if it was handed over. Offered as"
        " long as a consent stands, and taken at any time.",
        None,
        lambda *_: [],
    ),
}


def resource(name: str, request: Request) -> type:
    """The resource of `/v1/reports/{number}/<name>`."""

    class Asked:
        def __init__(
            self,
            db: Transactions,
            clock: Clock,
            door: Door,
            envelopes: Envelopes,
            signer: Signer | Unsigned,
        ) -> None:
            self._db, self._clock, self._door = db, clock, door
            self._envelopes, self._signer = envelopes, signer

        @web.operation(
            f"As the reporter: {request.action}",
            body=request.body,
            answers={202: request.noted},
            errors=(404, 409, 429),
            idempotent="optional",
            security="trackingCode",
        )
        def on_post(self, req: falcon.Request, number: str, key: Any, body: Any = _NOTHING) -> Any:
            with self._db.begin() as tx:
                number, own = self._door.admit(tx, req, number, key)
                if answer := own.answered(tx) or key.answered(tx):  # until 2026-11-30 by spelling
                    return answer
                report = tx.get_one(Report, number, with_for_update=True)
                now = self._clock.now()  # what was before it has an earlier time
                self._permit(tx, report, now)
                words, ends = body.get(request.words), request.action in taking_back.SAID
                at = latecomers.later(tx, number, now) if ends else now
                if before := repeating.first(tx, number, request.action, words, body, now):
                    return own.remember(tx, self._noted(before, body))
                adds = request.action is Action.SUPPLEMENT
                if asked := questions.shown(tx, report) if adds else None:
                    at = now = max(now, asked.asked_at)  # an answer comes after, by whichever clock
                self._check(tx, report, words)
                for fact in request.facts(report.number, body, now, asked and asked.reply_id):
                    emit(tx, fact)
                entry = repeating.entry(number, request.action, words, body, at)
                tx.add(entry)
                if words and takes_words(report) and entry.what != UNSAID:
                    emit(tx, self._envelopes.addition(entry, when_sealed(report, now)))
                if ends:
                    taking_back.end(tx, report, request.action, at)
                told = {"answers": asked is not None} if adds else {}
                return own.remember(tx, self._noted(entry, body) | told)

        def _noted(self, entry: TimelineEntry, body: Any) -> dict[str, Any]:
            proof = self._signer.prove(entry.number, entry.what, entry.at, body)
            return {"number": entry.number, "noted_at": entry.at, "proof": proof}

        def _permit(self, tx: Session, report: Report, now: datetime) -> None:
            try:
                status, until = Status(report.status), report.taken_up_until()
                domain.permit(request.action, status, until, now)
            except NotAllowed:
                if not _is_behind(tx, report.number):
                    raise

        def _check(self, tx: Session, report: Report, words: str | None) -> None:
            timeline, status = allowance.lines(tx, report.number), Status(report.status)
            allowance.check(timeline, request.action, status, len(words or ""), request.words)

    once = (
        " Asked again in the same words within a minute, while it stands and nobody has acted on"
        " the case since, it gets the same answer and is not said twice."
    )
    unless = (
        f" unless the timeline names `{request.action}` among its actions, or is known to lag"
        " behind the case (rule `wrong_status`; `too_late` where that is for good), and"
    )
    Asked.on_post.__doc__ = (
        f"{request.promise} Refused (409)"
        f"{'' if request.action is Action.WITHDRAW_CONSENT else unless}"
        " beyond a hundred requests (rule"
        " `most_requests`) or 500,000 characters (`most_characters`) for one report; but one answer"
        " to each question of an officer, and one other request of a kind after each step of the"
        " case, is always taken; so is one withdrawal after each consent, of the report or of the"
        f" consent.{once if request.action in repeating.ONCE else ''} What comes of it, the"
        " timeline tells."
    )
    Asked.__name__ = name.title().replace("-", "")
    return Asked


def _is_behind(tx: Session, number: str) -> bool:
    """Whether news of the case wait here: then only routing knows what it takes."""
    return bool(rows(tx, _WAITS, number=number, source=contracts.source("case.opened.v1")))


def routes(settings: Settings, db: Transactions, clock: Clock) -> dict[str, Any]:
    """Every address and what answers there."""
    door = Door(settings.tracking_pepper, settings.number_prefix)
    sealer = Sealer(settings.notify_public_key)
    signer = Signer(settings.receipt_key)
    signs = signer if settings.receipts_signed else Unsigned()
    desk = Desk(db, sealer, signs, settings.tracking_pepper, settings.number_prefix)
    envelopes = Envelopes(settings.ombudsman_public_keys)
    asked = {
        f"/v1/reports/{{number}}/{name}": resource(name, request)(db, clock, door, envelopes, signs)
        for name, request in REQUESTS.items()
    }
    zone = ZoneInfo(settings.time_zone)
    return asked | {
        "/v1/reports": Reports(desk, Registry(db), clock, zone),
        "/v1/reports/track": Track(db, clock, door, settings.tokens(), zone),
        "/v1/reports/{number}/escalation-check": Checks(db, clock, door, zone),
        "/v1/reports/{number}/escalation-consent": Consents(
            db, clock, door, zone, envelopes, signs
        ),
        "/v1/reports/{number}/contact": contact.Contact(db, clock, door, sealer, signs),
        "/v1/receipts/keys": Keys(db, signer),
    }


def app(settings: Settings, db: Transactions, clock: Clock) -> Any:
    """Intake's WSGI application. The first report that it fails to take is an increase too."""
    metrics.HTTP.labels("intake", "/v1/reports", "POST", "error")
    return web.app("intake", routes(settings, db, clock), pepper=settings.idempotency_pepper)
