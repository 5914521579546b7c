"""What routing does when it hears something: it opens cases, lets reporters and clocks have their
effect, and keeps what it is told of deadlines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload

from chassis.errors import NotAllowed, NotFound, TooEarly
from chassis.events import EPOCH, Event, Fact
from chassis.outbox import emit
from chassis.service import Service, every, subscribe
from chassis.together import held, hold, keep, remembered
from services.routing import (
    case_file,
    domain,
    events,
    metrics,
    models,
    others,
    schemas,
    throttle,
    trail,
)
from services.routing.case_file import Say, Step
from services.routing.life import ASKS, CLOCK, OPEN, REPORTER, Action, Case, Clock, Rules, Status

ASKED = {"report.objected.v1": Action.OBJECT, "report.reopened.v1": Action.REOPEN}


class Routing(Service):
    """Finds the agency that must answer, and keeps the case until it has."""

    name = "routing"
    between_batches = 0.1

    def foresee(self, events: Sequence[Event], tx: Session) -> None:
        """The cases with their deadlines, but for one that follows another: there, who is locked
        first is a rule (`case_file`)."""
        new = {event.subject for event in events if event.type == "report.submitted.v1"}
        hold(tx, models.Case, new)
        known, load = {event.subject for event in events} - new, selectinload(models.Case.deadlines)
        hold(tx, models.Case, known, models.Case.merged_into.is_(None), load=[load])

    @subscribe("report.submitted.v1")
    def open_case(self, event: Event, tx: Session) -> None:
        """A report becomes a case, once."""
        if held(tx, models.Case, event.subject) is not None:
            return
        report, now = schemas.Submitted.of(event), self.clock.now()
        case = _case(event.subject, report, _known(tx, report["category"]))
        seats = remembered(tx, case_file.seats)
        case = domain.opened(case, report["agency"], Rules(seats))
        keep(
            tx,
            event.subject,
            models.Case(
                **{name: getattr(case, name) for name in case_file.FIELDS},
                title=report["title"],
                text=report["text"],
                event_date=report["event_date"],
                district=report["district"],
                place=report["place"],
                named_agency=report["agency"],
                settle_by=report["settle_by"],
                channel=report["channel"],
                opened_at=now,
                desks_known=True,
            ),
        )
        emit(tx, events.opened(case, now, seats))

    # --- the reporter

    @subscribe("report.supplemented.v1")
    def take_supplement(self, event: Event, tx: Session) -> None:
        """What the reporter adds is kept whatever the status; a case that waited for it goes on, if
        it answers the question."""
        told = schemas.Supplemented.of(event)
        parent, row = self._family(tx, event.subject)
        target = parent if parent.status == row.status else row  # the other's reporter is content
        answers = _answers(tx, event, target, row, told)
        _note(tx, event, Action.SUPPLEMENT, told["text"], told["at"])

        def supply(case: Case) -> tuple[Action, Case, Say | None]:
            after = domain.supplement(case, told["at"], answers=answers)
            if after.status == case.status and not _is_lost(tx, target, row, told):
                return Action.SUPPLEMENT, after, None
            at = max(told["at"], case.asked_at or told["at"])  # else it ended before it began
            return Action.SUPPLEMENT, after, lambda c, _: events.resumed(c, at)

        self._let(tx, Action.SUPPLEMENT, target, row, told["at"], supply)

    @subscribe("report.objected.v1", "report.reopened.v1")
    def take_disagreement(self, event: Event, tx: Session) -> None:
        """The reporter does not accept how it ended, and says so by whichever word."""
        told = schemas.Disagreed.of(event)
        asked, at = ASKED[event.type], told["at"]
        parent, row = self._family(tx, event.subject)
        _note(tx, event, asked, told["reason"], at)

        def disagree(case: Case) -> tuple[Action, Case, Say | None]:
            return others.disagree(row, case, asked, at, self._rules(tx, at))

        self._let(tx, asked, others.meant(parent, row), row, at, disagree)

    @subscribe("report.accepted.v1")
    def take_acceptance(self, event: Event, tx: Session) -> None:
        """The reporter is content; that closes this reporter's case only."""
        at = schemas.Accepted.of(event)["at"]
        _, row = self._family(tx, event.subject)

        def accept(case: Case) -> tuple[Action, Case, Say | None]:
            return others.accept(tx, row, case, at, self._rules(tx, at))

        self._let(tx, Action.ACCEPT, row, row, at, accept)

    @subscribe("report.rated.v1")
    def take_rating(self, event: Event, tx: Session) -> None:
        """The reporter's mark for how it was handled."""
        told = schemas.Rated.of(event)
        _, row = self._family(tx, event.subject)
        _note(tx, event, Action.RATE, told["comment"], told["at"])

        def rate(case: Case) -> tuple[Action, Case, Say | None]:
            return others.rate(tx, row, case, told["stars"])

        self._let(tx, Action.RATE, row, row, told["at"], rate)

    @subscribe("report.withdrawn.v1")
    def take_withdrawal(self, event: Event, tx: Session) -> None:
        """The reporter takes it back."""
        told = schemas.Disagreed.of(event)
        parent, row = self._family(tx, event.subject)
        _note(tx, event, Action.WITHDRAW, told["reason"], told["at"])
        following = len(case_file.followers(tx, row.number))

        def withdraw(case: Case) -> tuple[Action, Case, Say | None]:
            after = domain.withdraw(case, told["at"], followers=following)
            return Action.WITHDRAW, after, lambda c, _: events.withdrawn(c, told["at"])

        self._let(tx, Action.WITHDRAW, row, row, told["at"], withdraw)
        others.let_go(tx, parent, told["at"], self._rules(tx, told["at"]))

    # --- the clocks

    @subscribe("deadline.started.v1")
    def start_deadline(self, event: Event, tx: Session) -> None:
        """A clock runs."""
        told = schemas.Limit.of(event)
        row, deadline = self._deadline(tx, event.subject, told)
        deadline.due_at, deadline.ends_on = told["due_at"], told["ends_on"]
        if deadline.started_at not in (None, told["started_at"]):  # it begins once more
            deadline.level, deadline.brought_to, deadline.approached_at = 0, None, None
        deadline.started_at, deadline.passed_at = told["started_at"], None
        deadline.stood_at = deadline.stood_due_at = None
        case_file.show_clock(row)

    @subscribe("deadline.approaching.v1")
    def approach_deadline(self, event: Event, tx: Session) -> None:
        """A limit ends soon."""
        told = schemas.Limit.of(event)
        _, deadline = self._deadline(tx, event.subject, told)
        deadline.approached_at = told["at"]

    @subscribe("deadline.passed.v1")
    def pass_deadline(self, event: Event, tx: Session) -> None:
        """A limit ended: the reporter's silence closes, missing data archives; the others are
        escalation's to act on. Waits until what reporters said while nobody listened is heard."""
        told = schemas.Limit.of(event)
        if told["clock"] in (Clock.REPORTER, Clock.DATA) and not self.caught_up.is_set():
            raise TooEarly("the reporter may have said something in time")
        row, deadline = self._deadline(tx, event.subject, told)
        deadline.passed_at = told["at"]
        try:
            if told["clock"] is Clock.REPORTER:
                self._auto_close(tx, row, told)
            elif told["clock"] is Clock.DATA:
                self._give_up(tx, row, deadline.started_at, told)
        except NotAllowed:
            return  # the case moved on before the news of its old limit came

    @subscribe("deadline.kept.v1")
    def keep_deadline(self, event: Event, tx: Session) -> None:
        """A limit that was said to have ended had been kept: it is on nobody's list for it."""
        told = schemas.Limit.of(event)
        row, deadline = self._deadline(tx, event.subject, told)
        case_file.is_not_late(deadline, told["at"])
        case_file.show_clock(row)

    @subscribe("deadline.recomputed.v1")
    def move_deadline(self, event: Event, tx: Session) -> None:
        """A limit moved, paused or resumed. One that lies ahead again has not been missed, nor one
        that stands without an end: it began to before that."""
        told = schemas.Recomputed.of(event)
        row, deadline = self._deadline(tx, event.subject, told)
        deadline.due_at, deadline.ends_on = told["after"], told["ends_on"]
        case_file.note_standing(deadline, told["before"], told["after"], told["at"])
        if told["after"] is None or told["after"] > told["at"]:
            case_file.is_not_late(deadline, told["at"])
        case_file.show_clock(row)

    @subscribe("escalation.raised.v1")
    def raise_level(self, event: Event, tx: Session) -> None:
        """A passed limit was brought to somebody higher; unless it is known not to have passed."""
        told = schemas.Raised.of(event)
        row, deadline = self._deadline(tx, event.subject, told)
        if deadline.cleared_at and told["at"] <= deadline.cleared_at:
            return
        if told["level"] >= deadline.level:
            deadline.level, deadline.brought_to = told["level"], told["to"]
        case_file.show_clock(row)

    @subscribe("escalation.offered.v1")
    def note_offer(self, event: Event, tx: Session) -> None:
        """The reporter may have it handed to the Ombudsman."""
        _, row = self._family(tx, event.subject)
        row.offered_at = schemas.Told.of(event)["at"]

    @subscribe("escalation.offer_taken_back.v1")
    def take_offer_back(self, event: Event, tx: Session) -> None:
        """What was offered is no right any more, or was none."""
        _, row = self._family(tx, event.subject)
        if row.offered_at == schemas.OfferTakenBack.of(event)["offered_at"]:
            row.offered_at = None

    @subscribe("escalation.handed_over.v1")
    def note_handover(self, event: Event, tx: Session) -> None:
        """The Ombudsman has it."""
        _, row = self._family(tx, event.subject)
        row.handed_over_at = schemas.Told.of(event)["at"]

    @subscribe("escalation.answered.v1")
    def note_answer(self, event: Event, tx: Session) -> None:
        """The Ombudsman answered. What it orders stands in the worklist until it answers again,
        also if the case was closed here."""
        told = schemas.Answered.of(event)
        _, row = self._family(tx, event.subject)
        row.ombudsman = told["answer"]
        tx.add(models.Answered(id=told.pop("answer_id"), number=event.subject, **told))
        case_file.show_clock(row)

    @subscribe("escalation.words_written.v1")
    def keep_words(self, event: Event, tx: Session) -> None:
        """The Ombudsman's words that ask something of the regency. Others, which came until
        2026-11-29, are kept nowhere: they do not wait for their case either."""
        told = schemas.OmbudsmanWords.of(event)
        if told["answer"] in ASKS:
            self._family(tx, event.subject)
            words = {"id": told["answer_id"], "text": told["text"]}
            tx.add(models.OmbudsmanWords(number=event.subject, **words))

    # --- what is due without news

    @every(3600)
    def forget_sessions(self) -> None:
        """Drops sessions that ended by themselves, failed sign-ins that count no more, and devices
        from which nobody signs in any more."""
        now = self.clock.now()
        with self.db.begin() as tx:
            tx.execute(sa.delete(models.Session).where(models.Session.expires_at < now))
            throttle.clear(tx, now)

    @every(60)
    def extend_trail(self) -> bool:
        """Proves what was done ten minutes ago or longer."""
        with self.db.begin() as tx:
            metrics.TRAIL_AGE.set(trail.age(tx))
        with self.db.begin() as tx:
            return trail.extend(tx)

    def counts(self, tx: Session) -> dict[str, int]:
        """Every report that intake accepted is a case in exactly one status."""
        by_status = dict.fromkeys((f"cases_{s}" for s in Status), 0) | super().counts(tx)
        still_open = sum(by_status[f"cases_{status}"] for status in OPEN)
        return by_status | {"cases": sum(by_status.values()), "cases_open": still_open}

    def _family(self, tx: Session, number: str) -> tuple[models.Case, models.Case]:
        try:
            return case_file.family(tx, number)
        except NotFound:
            raise TooEarly("the report of this case has not arrived") from None

    def _let(
        self,
        tx: Session,
        asked: Action,
        target: models.Case,
        row: models.Case,
        at: datetime,
        verb: Callable[[Case], tuple[Action, Case, Say | None]],
    ) -> None:
        """Lets the reporter of `row` have an effect on `target`, or says that it is too late."""
        try:
            action, after, say = verb(case_file.value(target))
        except NotAllowed as why:
            case_file.refuse(tx, row, asked, at, why)
        else:
            step = Step(action, REPORTER, at, reporter=row.number)
            case_file.change(tx, target, after, step, say)

    def _auto_close(self, tx: Session, row: models.Case, told: dict[str, Any]) -> None:
        at = told["at"]
        rules = self._rules(tx, at)
        after = domain.auto_close(case_file.value(row), at, rules, cycle=told["cycle"])
        step = Step(Action.AUTO_CLOSE, CLOCK, at)
        case_file.change(tx, row, after, step, lambda c, _: events.closed(c, at))

    def _give_up(
        self, tx: Session, row: models.Case, asked_at: datetime | None, told: dict[str, Any]
    ) -> None:
        at, case = told["at"], case_file.value(row)
        following, due_at = len(case_file.followers(tx, row.number)), told["due_at"]
        limit = {"asked_at": asked_at, "due_at": due_at}
        after = domain.give_up(case, at, self._rules(tx, at), **limit, followers=following)
        step = Step(Action.GIVE_UP, CLOCK, at)

        def say(case: Case, _: UUID) -> Fact:
            return events.resumed(case, at, "silent") if following else events.archived(case, at)

        case_file.change(tx, row, after, step, say)

    def _deadline(
        self, tx: Session, number: str, told: dict[str, Any]
    ) -> tuple[models.Case, models.Deadline]:
        """The held case and its deadline, made if this is the first that is heard of it."""
        _, row = self._family(tx, number)
        key = told["clock"], told["cycle"]
        for deadline in row.deadlines:
            if (deadline.clock, deadline.cycle) == key:
                return row, deadline
        ends = {name: told.get(name) for name in ("due_at", "ends_on")}
        deadline = models.Deadline(number=number, clock=key[0], cycle=key[1], level=0, **ends)
        row.deadlines.append(deadline)
        return row, deadline

    def _rules(self, tx: Session, at: datetime) -> Rules:
        zone = ZoneInfo(self.settings.time_zone)
        return case_file.rules(tx, at.astimezone(zone).date(), zone)


def _case(number: str, report: dict[str, Any], category: str | None) -> Case:
    return Case(
        number=number,
        category=category,
        kind=report["kind"],
        confidentiality=report["confidentiality"],
        hidden_from_public=report["hidden_from_public"],
        reachable=report["reachable"],
        received_at=report["received_at"],
    )


def _answers(
    tx: Session, event: Event, waits: models.Case, row: models.Case, told: dict[str, Any]
) -> bool | None:
    """Whether what the reporter of `row` adds answers what the other, or the same one, waits for;
    None if only its time can tell. The event's number says when intake was last restored to an
    earlier state: it may not know any more what it had shown before."""
    if waits.status is not Status.AWAITING_REPORTER or "question_id" not in told:
        return None
    restored_at = datetime.fromtimestamp(event.sequence // EPOCH * 60, UTC)
    sure = waits.asked_at is not None and domain.remembers(restored_at, waits.asked_at)
    return domain.is_answered(case_file.questions(tx, row.number), told["question_id"], sure=sure)


def _is_lost(tx: Session, case: models.Case, row: models.Case, told: dict[str, Any]) -> bool:
    """Whether the reporter answers a question that a restore has taken from here, of a case where
    one may be asked: whoever waits for the answer elsewhere is told that it goes on."""
    goes_on = case is row and row.status in (Status.UNVERIFIED, Status.IN_PROGRESS)
    asked = told.get("question_id")
    return goes_on and asked is not None and asked not in case_file.questions(tx, row.number)


def _known(tx: Session, category: str | None) -> str | None:
    """The reporter's category, if it is still one: the verifier has to choose anyway."""
    return category if category in remembered(tx, _categories) else None


def _categories(tx: Session) -> set[str]:
    return set(tx.scalars(sa.select(models.Category.code)))


def _note(tx: Session, event: Event, action: Action, text: str | None, at: datetime) -> None:
    if text is not None:
        tx.add(
            models.Note(id=UUID(event.id), number=event.subject, action=action, text=text, at=at)
        )
