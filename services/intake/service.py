"""Keeps what the reporter may see up to date, from what the other services say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import wraps
from typing import Any, ClassVar

from nameko.extensions import DependencyProvider
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, selectinload

from chassis.errors import TooEarly
from chassis.events import Event
from chassis.outbox import emit
from chassis.schemas import Tolerant
from chassis.service import Service, subscribe
from chassis.together import held, hold
from services.intake import domain, latecomers, schemas, taking_back
from services.intake.config import Settings
from services.intake.domain import Action
from services.intake.envelopes import Envelopes, takes_words, when_sealed
from services.intake.models import Deadline, LostReport, Promise, Reply, Report, TimelineEntry

Told = Mapping[str, Any]  # what a schema has read of an event


class OmbudsmanKeys(DependencyProvider):
    """What dossiers are sealed with; without the public keys the worker does not start."""

    def setup(self) -> None:
        settings: Settings = self.container.config["settings"]
        self._envelopes = Envelopes(settings.ombudsman_public_keys)

    def get_dependency(self, worker_ctx: Any) -> Envelopes:
        return self._envelopes


def of_a_report(schema: type[Tolerant]) -> Callable[..., Any]:
    """Gives a handler what `schema` reads of its event, and the report, locked. Raises TooEarly
    when that is not here: a report is here before anybody hears of it, unless a restore has taken
    it away. What is said of one that is noted as lost has no effect."""

    def decorate(handler: Callable[..., None]) -> Callable[..., None]:
        @wraps(handler)
        def handle(self: Intake, event: Event, tx: Session) -> None:
            told = schema.of(event)
            if (report := held(tx, Report, event.subject)) is not None:
                handler(self, event, tx, told, report)
            elif tx.get(LostReport, event.subject) is None:
                raise TooEarly("no such report here")

        return handle

    return decorate


class Intake(Service):
    """Accepts reports (over HTTP), and tells their reporters how they fare."""

    name: ClassVar[str] = "intake"
    envelopes: Envelopes = OmbudsmanKeys()

    def foresee(self, events: Sequence[Event], tx: Session) -> None:
        """The reports with their deadlines."""
        about = {event.subject for event in events}
        hold(tx, Report, about, load=[selectinload(Report.deadlines)])

    @subscribe(
        "case.opened.v1",
        "case.verified.v1",
        "case.disposed.v1",
        "case.reassigned.v1",
        "case.returned.v1",
        "case.handed_up.v1",
        "case.data_requested.v1",
        "case.data_request_cancelled.v1",
        "case.resumed.v1",
        "case.followed_up.v1",
        "case.answered.v1",
        "case.objected.v1",
        "case.closed.v1",
        "case.reopened.v1",
        "case.archived.v1",
        "case.forwarded.v1",
        "case.recalled.v1",
        "case.word_relayed.v1",
        "case.reclassified.v1",
        "case.protected.v1",
        "case.merged.v1",
        "case.withdrawn.v1",
        "case.refused.v1",
    )
    @of_a_report(schemas.CaseEvent)
    def follow_case(self, event: Event, tx: Session, told: Told, report: Report) -> None:
        """The report stands where its case stands."""
        if report.status != told["status"]:
            report.status, report.status_since = told["status"], told["at"]
            report.reopen_until = told["reopen_until"]
        report.cycle = told["cycle"] or report.cycle
        if event.type == "case.withdrawn.v1":
            report.consented_at, report.consent_form = None, False
        if event.type == "case.protected.v1":
            report.confidentiality = told["confidentiality"]
            report.hidden_from_public = told["hidden_from_public"]
        note(tx, event, told["at"], told["reply_id"])
        if event.type == "case.refused.v1" and event.data["action"] == Action.WITHDRAW:
            taking_back.end_if_withdrawn(tx, report, self.clock.now())

    @subscribe("case.reply_written.v1")
    @of_a_report(schemas.ReplyWritten)
    def keep_reply(self, event: Event, tx: Session, told: Told, report: Report) -> None:
        """An officer's words, shown with the entry that names them."""
        reply = Reply(number=event.subject, **told)
        tx.add(reply)
        if takes_words(report):
            emit(tx, self.envelopes.reply(reply, when_sealed(report, self.clock.now())))

    @subscribe("deadline.started.v1")
    @of_a_report(schemas.DeadlineStarted)
    def promise(self, event: Event, tx: Session, told: Told, report: Report) -> None:
        """A limit runs from now on."""
        deadline = _deadline(report, told)
        deadline.due_at, deadline.ends_on = told["due_at"], told["ends_on"]
        deadline.passed_at = None

    @subscribe("deadline.recomputed.v1")
    @of_a_report(schemas.DeadlineRecomputed)
    def amend_promise(self, event: Event, tx: Session, told: Told, report: Report) -> None:
        """A limit has moved; null means that it stands. One that lies ahead again has not been
        missed, nor one that stands without an end: their passing is told anew."""
        deadline = _deadline(report, told)
        deadline.due_at, deadline.ends_on = told["after"], told["ends_on"]
        if told["after"] is None or told["after"] > told["at"]:
            deadline.passed_at = None
        note(tx, event, told["at"])

    @subscribe("deadline.passed.v1")
    @of_a_report(schemas.DeadlinePassed)
    def admit_lateness(self, event: Event, tx: Session, told: Told, report: Report) -> None:
        """A limit was missed: the reporter is told so."""
        deadline = _deadline(report, told)
        deadline.due_at, deadline.ends_on = told["due_at"], told["ends_on"]
        deadline.passed_at = told["at"]
        note(tx, event, told["at"])

    @subscribe("deadline.kept.v1")
    @of_a_report(schemas.DeadlinePassed)
    def take_lateness_back(self, event: Event, tx: Session, told: Told, report: Report) -> None:
        """A limit that was said to be missed had been kept."""
        _deadline(report, told).passed_at = None
        note(tx, event, told["at"])

    @subscribe(
        "escalation.raised.v1",
        "escalation.offered.v1",
        "message.failed.v1",
    )
    @of_a_report(schemas.Dated)
    def note_event(self, event: Event, tx: Session, told: Told, _: Report) -> None:
        """Something that only adds a line to the timeline."""
        note(tx, event, told["at"])

    @subscribe("escalation.handed_over.v1")
    @of_a_report(schemas.HandedOver)
    def end_dossier(self, event: Event, tx: Session, told: Told, report: Report) -> None:
        """The dossier is made: what is written from now on is not sealed for it any more, and what
        did not go along is told."""
        report.handed_over_at = told["at"]
        note(tx, event, told["at"])
        latecomers.tell(tx, report, told, self.clock.now())

    @subscribe("escalation.answered.v1")
    @of_a_report(schemas.OmbudsmanAnswered)
    def note_answer(self, event: Event, tx: Session, told: Told, _: Report) -> None:
        """The Ombudsman answered; its words, if there are any, come apart."""
        note(tx, event, told["at"], told["answer_id"] if told["spoken"] else None)

    @subscribe("escalation.words_written.v1", "escalation.remark_written.v1")
    @of_a_report(schemas.WordsWritten)
    def keep_words(self, event: Event, tx: Session, told: Told, _: Report) -> None:
        """The Ombudsman's words, shown with the answer that they belong to."""
        words = {"reply_id": told["answer_id"], "text": told["text"], "at": told["at"]}
        tx.add(Reply(number=event.subject, about="ombudsman", **words))

    @subscribe("calendar.published.v1")
    def learn_dates(self, event: Event, tx: Session) -> None:
        """What the next days' reports will be promised."""
        for day in schemas.CalendarPublished.of(event)["days"]:
            row = day | {"settle_by": {k: d.isoformat() for k, d in day["settle_by"].items()}}
            new = {name: value for name, value in row.items() if name != "received_on"}
            tx.execute(
                insert(Promise)
                .values(row)
                .on_conflict_do_update(index_elements=["received_on"], set_=new)
            )


def note(tx: Session, event: Event, at: datetime, reply_id: str | None = None) -> None:
    """Adds a line to the timeline, with the fields that a reporter may see."""
    what = event.type.removesuffix(".v1")
    if not domain.is_news(what, event.data):
        return
    detail = {name: event.data.get(name) for name in domain.SHOWN[what]}
    tx.add(TimelineEntry(number=event.subject, at=at, what=what, detail=detail, reply_id=reply_id))


def _deadline(report: Report, told: Mapping[str, Any]) -> Deadline:
    """The report's deadline, made if this is the first that is heard of it."""
    for deadline in report.deadlines:
        if (deadline.clock, deadline.cycle) == (told["clock"], told["cycle"]):
            return deadline
    deadline = Deadline(number=report.number, clock=told["clock"], cycle=told["cycle"])
    report.deadlines.append(deadline)
    return deadline
