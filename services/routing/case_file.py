"""The one place where a case changes: its values, its file, the cases that follow it, and what is
said of all of them stand in one transaction.

Locks are taken parent first, then its followers by number; two parents by number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.errors import NotFound
from chassis.events import Fact, rfc3339
from chassis.outbox import emit
from chassis.together import in_hand, remembered
from services.routing import accepting, domain, events, evidence, metrics, models, rights
from services.routing.life import (
    OF_ONE,
    OPEN,
    ORDERS,
    REPORTER,
    Action,
    Actor,
    Case,
    Clock,
    Promise,
    Role,
    RoutingRule,
    Rules,
    Settling,
    Status,
)

Say = Callable[[Case, UUID], Fact]
NEVER = datetime.max.replace(tzinfo=UTC)
FIELDS = tuple(field.name for field in fields(Case))
# A question is for the reporter who was asked (ADR 14), and so is why it was asked no more: whose
# report only follows reads this.
NOT_ASKED = {
    models.About.DATA_REQUEST: (
        "Penanganan menunggu keterangan tambahan. Anda tidak perlu menjawab; bila ada yang ingin"
        " Anda tambahkan, silakan.\n\n"
        "More information is awaited. You need not answer; you may add what you wish to."
    ),
    models.About.CANCELLATION: (
        "Penanganan tidak lagi menunggu keterangan tambahan dan dilanjutkan.\n\n"
        "No more information is awaited, and the handling goes on."
    ),
}


@dataclass(frozen=True)
class Words:
    """What an officer writes to the reporter, and what they name to show it."""

    about: models.About
    text: str
    evidence: tuple[evidence.Evidence, ...] = ()


@dataclass(frozen=True)
class Step:
    """Something done to a case: what, by whom, when (aware, UTC), why."""

    action: Action
    actor: Actor
    at: datetime
    officer_id: UUID | None = None
    why: str | None = None
    words: Words | None = None
    noted: Mapping[str, object] | None = None  # what else belongs on file, such as the rule
    reporter: str | None = None  # the number of the report whose reporter it is, if it is one


def value(row: models.Case) -> Case:
    """The case as the domain sees it."""
    return Case(**{name: getattr(row, name) for name in FIELDS})


def locked(tx: Session, number: str) -> models.Case:
    """The row, held until the transaction ends. Raises NotFound."""
    statement = sa.select(models.Case).where(models.Case.number == number).with_for_update()
    row = tx.scalars(statement, execution_options={"populate_existing": True}).one_or_none()
    if row is None:
        raise NotFound("there is no such case")
    return row


def family(tx: Session, number: str) -> tuple[models.Case, models.Case]:
    """The case that is handled and the one that was meant, both held: two rows if the second
    follows the first, else one. Raises NotFound."""
    if (known := in_hand(tx, models.Case, number)) and not known.merged_into:
        return known, known
    into = tx.scalar(sa.select(models.Case.merged_into).where(models.Case.number == number))
    parent = locked(tx, into or number)
    row = locked(tx, number) if into else parent
    return (parent, row) if row.merged_into == into else family(tx, number)


def followers(tx: Session, number: str) -> list[models.Case]:
    """The cases merged into this one, held."""
    statement = (
        sa.select(models.Case)
        .where(models.Case.merged_into == number)
        .order_by(models.Case.number)
        .with_for_update()
    )
    return list(tx.scalars(statement, execution_options={"populate_existing": True}))


def change(tx: Session, row: models.Case, after: Case, step: Step, say: Say | None = None) -> None:
    """Makes the (held) case what it is afterwards, and its followers with it, unless that is its
    reporter's own affair. Their reporters read the same words, but for a question, which may tell
    what only the asked one knows."""
    before = value(row)
    after = _with_own_word(before, after, step)
    metrics.moved(step.action, before, after, step.at)
    _write(tx, row, after, step, say)
    if step.action in OF_ONE:
        return
    if step.words is not None and (text := NOT_ASKED.get(step.words.about)):
        step = replace(step, words=replace(step.words, text=text), why=None)
    for follower in followers(tx, before.number):
        own = value(follower)
        moved = domain.follow(own, after, after.cycle - before.cycle)
        moved = replace(moved, merged_into=after.merged_into or own.merged_into)
        moved = _with_own_word(own, moved, step)
        if say is not None or moved != own:
            _write(tx, follower, moved, step, say)


def tell_too(tx: Session, rows: Sequence[models.Case], parent: Case, merged: Step) -> None:
    """Tells the reporters of (held) cases that have just been merged into `parent` where that is:
    the answer that it was given, for their time to object begins when they hear it; or that another
    reporter was asked."""
    if parent.status is Status.ANSWERED:
        _answer_too(tx, rows, parent.number, merged)
    elif parent.status is Status.AWAITING_REPORTER:
        words = Words(models.About.DATA_REQUEST, NOT_ASKED[models.About.DATA_REQUEST])
        step = replace(merged, action=Action.REQUEST_DATA, words=words, noted=None)
        for row in rows:
            _write(
                tx, row, value(row), step, lambda c, reply: events.data_requested(c, step.at, reply)
            )  # fmt: skip


def _answer_too(tx: Session, rows: Sequence[models.Case], parent: str, merged: Step) -> None:
    given = sa.select(models.Reply).where(
        models.Reply.number == parent, models.Reply.about == models.About.ANSWER
    )
    said = tx.scalars(given.order_by(models.Reply.at.desc()).limit(1)).one()
    words = Words(said.about, said.text, evidence.of(said))
    actor = replace(merged.actor, agency=said.agency)
    step = replace(merged, action=Action.ANSWER, actor=actor, words=words, noted=None)
    for row in rows:
        _write(
            tx, row, value(row), step,
            lambda c, reply: events.answered(
                replace(c, agency=said.agency), step.at, reply, words.evidence
            ),
        )  # fmt: skip


def questions(tx: Session, number: str) -> list[UUID]:
    """The replies with what the reporter of a (held) case was asked, in the order of its file, for
    the clocks of several processes, which all ask, may have another one."""
    asked = sa.select(models.Reply.id).join(
        models.CaseEvent,
        sa.and_(
            models.CaseEvent.number == models.Reply.number,
            models.CaseEvent.at == models.Reply.at,
            models.CaseEvent.action == Action.REQUEST_DATA,
        ),
    )
    of_case = asked.where(
        models.Reply.number == number, models.Reply.about == models.About.DATA_REQUEST
    )
    return list(tx.scalars(of_case.order_by(models.CaseEvent.id)))


def say_desks(tx: Session, row: models.Case, at: datetime) -> bool:
    """Says of an open (held) case which desk decides and which must hear nothing, if that is not
    known of it; whether there was anything to say."""
    if row.desks_known or row.status not in OPEN:
        return False
    row.desks_known, case, sits = True, value(row), remembered(tx, seats)
    if case.decider is Role.COORDINATOR and not rights.passed_by(case, sits):
        return False  # as is taken for granted
    emit(tx, events.desks_changed(case, at, sits))
    return True


def desks_unknown(tx: Session, after: str, how_many: int) -> Sequence[str]:
    """Open cases of which it was never said, in the order of their numbers."""
    never = sa.select(models.Case.number).where(
        ~models.Case.desks_known, models.Case.status.in_(OPEN), models.Case.number > after
    )
    return tx.scalars(never.order_by(models.Case.number).limit(how_many)).all()


def refuse(tx: Session, row: models.Case, action: Action, at: datetime, why: Exception) -> None:
    """Tells a reporter that what they asked for cannot be done, and keeps that on file. A mark
    alone nobody asks for: it comes with an acceptance, whose refusal is told."""
    _file(tx, row.number, Step(action, REPORTER, at), {}, refused=events.reason_code(why))
    if action is not Action.RATE:
        emit(tx, events.refused(value(row), at, action, why))


def show_clock(row: models.Case) -> None:
    """Brings the worklist's columns up to what is known of the limit that matters now; a case that
    follows another is listed there for an order alone."""
    first = next_limit(row, () if row.merged_into else row.deadlines)
    row.due_at, row.ends_on = (first.due_at, first.ends_on) if first else (None, None)
    row.level = first.level if first else 0


def next_limit(row: models.Case, handling: Sequence[models.Deadline]) -> models.Deadline | None:
    """The limit that matters now: that of the case's clock, by the deadlines of the case that is
    `handling` it, or of what the Ombudsman orders in this one if it ends sooner."""
    case = value(row)
    clock, ordered = domain.clock(case), ORDERS.get(row.ombudsman) if row.ombudsman else None
    if clock is Clock.VERIFY and _latest(handling, Clock.SETTLE):
        clock = Clock.SETTLE  # V stopped when the case was handed to an agency, whatever came after
    if clock is Clock.ARBITER and not _latest(handling, clock):
        clock = Clock.FOLLOW_UP  # what was merged into it came back so often, it did not
    if clock is Clock.REPORTER:
        handling = [d for d in row.deadlines if d.cycle == case.cycle]
    known = _latest(handling, clock), _latest(row.deadlines, ordered)
    return min(filter(None, known), key=lambda limit: limit.due_at or NEVER, default=None)


def settling(row: models.Case) -> Settling | None:
    """The time to settle the case, as far as it is known to have begun."""
    known = _latest(row.deadlines, Clock.SETTLE)
    if known is None or known.started_at is None:
        return None
    return Settling(known.started_at, known.due_at or known.stood_due_at, known.stood_at)


def note_standing(
    deadline: models.Deadline, before: datetime | None, after: datetime | None, at: datetime
) -> None:
    """Keeps of a limit that stands from then on which end it had; of one that runs, nothing."""
    if after is not None:
        deadline.stood_at = deadline.stood_due_at = None
    elif before is not None:
        deadline.stood_at, deadline.stood_due_at = at, before


def is_not_late(deadline: models.Deadline, at: datetime) -> None:
    """Forgets that the limit passed, and whom it was brought to: it is known that it had not."""
    deadline.passed_at, deadline.level, deadline.brought_to = None, 0, None
    deadline.cleared_at = at


def promise(row: models.Case, into: models.Case, zone: ZoneInfo) -> Promise | None:
    """What the receipt of a case promises, and the end that the other has, or had when it began to
    stand; None if no day is known to have been promised."""
    if row.settle_by is None:
        return None
    there = _latest(into.deadlines, Clock.SETTLE)
    if there is None:
        return Promise(row.settle_by, into.settle_by, begun=False)
    stood = there.stood_due_at and there.stood_due_at.astimezone(zone).date()
    return Promise(row.settle_by, there.ends_on or stood, begun=True)


def _latest(deadlines: Sequence[models.Deadline], clock: Clock | None) -> models.Deadline | None:
    runs = (deadline for deadline in deadlines if deadline.clock == clock)
    return max(runs, key=lambda deadline: deadline.cycle, default=None)


def seats(tx: Session) -> dict[str, Role]:
    """Which desk sits in which agency."""
    found = tx.execute(
        sa.select(models.Agency.code, models.Agency.role).where(models.Agency.role != "handler")
    )
    return {code: Role(role.value) for code, role in found}


def is_active(tx: Session, agency: str | None) -> bool:
    """Whether that agency gets new cases; nobody's case has none."""
    known = models.Agency.code == agency, models.Agency.active
    return tx.scalar(sa.select(sa.exists().where(*known))) or False


def rules(tx: Session, on: date, zone: ZoneInfo) -> Rules:
    """What holds there on that day. Raises KeyError when a limit is missing: never "no limit"."""
    limits = dict(
        tx.execute(
            sa.select(models.Limit.name, models.Limit.value)
            .where(models.Limit.effective_from <= on)
            .order_by(models.Limit.effective_from)
        ).all()
    )
    return Rules(
        seats=seats(tx),
        phrases=tuple(tx.scalars(sa.select(models.Acknowledgement.phrase))),
        letters=limits["substance_letters"],
        reopen_days=limits["reopen_days"],
        zone=zone,
    )


def suggestion(tx: Session, row: models.Case, on: date) -> RoutingRule | None:
    """The rule that fits the case on that day, if one does, of those whose agency takes cases."""
    takes_cases = models.Rule.agency.in_(sa.select(models.Agency.code).where(models.Agency.active))
    rules = sa.select(models.Rule).where(takes_cases)
    found = tx.scalars(rules.order_by(models.Rule.position, models.Rule.id))
    names = tuple(field.name for field in fields(RoutingRule))
    in_order = (RoutingRule(**{name: getattr(rule, name) for name in names}) for rule in found)
    return domain.suggest(value(row), row.district, in_order, on)


def _with_own_word(own: Case, after: Case, step: Step) -> Case:
    if step.action not in (Action.OBJECT, Action.REOPEN):
        return after
    is_own = step.reporter == own.number
    return accepting.taken_back(after) if is_own else accepting.go_along(after, own)


def _write(tx: Session, row: models.Case, after: Case, step: Step, say: Say | None) -> None:
    changes = {}
    for name in FIELDS:
        old, new = getattr(row, name), getattr(after, name)
        if old != new:
            setattr(row, name, new)
            changes[name.rstrip("_")] = [_plain(old), _plain(new)]
    if "class" in changes or "kind" in changes:
        for deadline in row.deadlines:
            deadline.stood_due_at = None  # of one that stands, other days are left
    show_clock(row)
    _file(tx, row.number, step, changes)
    reply_id = uuid4()
    if step.words is not None:
        _reply(tx, row.number, reply_id, step, step.words)
    if say is not None:
        fact = say(after, reply_id)
        emit(tx, fact)
        row.desks_known |= "passes_by" in fact.data
    say_desks(tx, row, step.at)  # of a case from before it was: not all steps say it


def _file(
    tx: Session, number: str, step: Step, changes: dict[str, Any], refused: str | None = None
) -> None:
    noted = {name: _plain(noted) for name, noted in (step.noted or {}).items()}
    if step.words is not None and step.words.evidence:
        noted["evidence"] = [one.sha256 for one in step.words.evidence]
    tx.add(
        models.CaseEvent(
            number=number,
            at=step.at,
            action=step.action,
            role=step.actor.role,
            officer_id=step.officer_id,
            agency=step.actor.agency,
            why=step.why,
            refused=refused,
            changes=changes | noted,
        )
    )


def _reply(tx: Session, number: str, reply_id: UUID, step: Step, words: Words) -> None:
    tx.add(
        models.Reply(
            id=reply_id,
            number=number,
            about=words.about,
            text=words.text,
            at=step.at,
            officer_id=step.officer_id,
            agency=step.actor.agency,
            evidence=evidence.rows(words.evidence),
        )
    )
    said = words.about, words.text, words.evidence
    emit(tx, events.reply_written(number, step.at, reply_id, *said))


def _plain(found: object) -> object:
    if isinstance(found, datetime):
        return rfc3339(found)
    return list(found) if isinstance(found, tuple) else found
