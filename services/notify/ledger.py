"""How a try to send a message can end, and with it the message."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from functools import partial
from typing import Any
from uuid import UUID, uuid5

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.clock import Clock
from chassis.database import is_away
from chassis.events import correlate
from chassis.outbox import emit
from chassis.together import write_now
from services.notify import events, metrics, posts
from services.notify.domain import (
    CHANGES_HANDS,
    ENDS_REMINDERS,
    OF_PASSING,
    OF_POSTS,
    TO_FORMER,
    TURNS,
    UNCORRECTED,
    About,
    Reply,
    comes_too_late,
)
from services.notify.models import Attempt, FormerReach, Message, Reporter


@dataclass(frozen=True)
class Outcome:
    """How a try ended, and with it the message, unless `state` is None: then again later."""

    attempt: str
    reply: Reply | None = None
    state: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Limit:
    """A limit of a case."""

    number: str
    clock: str
    cycle: int | None


DELIVERED = Outcome("delivered", state="delivered")
UNANSWERED = Outcome("unknown", Reply.NONE)  # a crash is `unknown` too, but without any reply
HINDERED, UNREADABLE = "hindered", "unreadable"  # what is to be mended, and not this message
NO_ADDRESS = Outcome("withheld", state="failed", reason="no_address")

UNHEARD = ("rejected", "expired")  # there was somebody to tell, and they were not told
PASSED_FOR_REPORTERS = OF_PASSING - OF_POSTS
_ANEW = UUID("0c4b7f52-5d0e-4a59-9d8e-5a1a7a7b3f10")
# A try of which the server has the message, or may have it.
_GONE = sa.or_(Attempt.outcome.is_(None), Attempt.outcome.in_(("delivered", "unknown")))
_at = Message.facts["at"].astext.cast(sa.DateTime(timezone=True))


def record(tx: Session, attempt: Attempt, outcome: Outcome, at: datetime) -> None:
    """Completes the ledger. What is learned late replaces `unknown`."""
    attempt.outcome, attempt.ended_at = outcome.attempt, at
    attempt.reply = outcome.reply.value if outcome.reply else None
    measured = metrics.ATTEMPTS.labels(outcome.attempt, attempt.reply or "")
    _after_commit(tx, measured.inc)


def settle(tx: Session, message: Message, state: str, reason: str | None, clock: Clock) -> None:
    """Ends a message and says so, joining the chain of causes that it belongs to."""
    _end(tx, message, state, clock)
    message.reason = reason
    # What others hear of is whether a reporter was told.
    if message.place is None and message.about not in TO_FORMER:
        correlate(message.correlationid)
        say = events.delivered if state == "delivered" else events.failed
        emit(tx, say(message, clock.now()))
    _after_commit(tx, metrics.MESSAGES.labels(message.about, reason or state).inc)
    if state == "delivered":
        waited = (message.settled_at - message.written_at).total_seconds()
        _after_commit(tx, partial(metrics.DELAY.observe, waited))
    if reason in UNHEARD and message.about in TURNS:
        _tell_anew_elsewhere(tx, message, clock)


def tell_anew(tx: Session, message: Message, clock: Clock, *, mailable: bool) -> None:
    """Files the same news once more, with an id and tries of its own, where its reporter's address
    is another since; once of each message."""
    id, now = uuid5(_ANEW, str(message.id)), clock.real()
    if tx.get(Message, id) is not None:
        return
    alike = ("number", "about", "cycle", "facts", "correlationid")
    copy = Message(id=id, cause=message.id, **{name: getattr(message, name) for name in alike})
    copy.state, copy.attempts, copy.former = "due", 0, False
    copy.put_off = copy.taken_back = False
    copy.written_at = copy.next_at = copy.not_before = now
    tx.add(copy)
    if not mailable:
        settle(tx, copy, "failed", "no_address", clock)


def is_latest(tx: Session, message: Message) -> bool:
    """Whether no later step of the case is known of which its reporter must know."""
    later = Message.about.in_(sorted(TURNS)), _at > datetime.fromisoformat(message.facts["at"])
    found = sa.exists().where(Message.number == message.number, Message.place.is_(None), *later)
    return not tx.scalar(sa.select(found))


def _tell_anew_elsewhere(tx: Session, message: Message, clock: Clock) -> None:
    """What failed at an address that is not its reporter's any more, and is the latest."""
    asked = sa.select(Reporter.since, Reporter.mailable).where(Reporter.number == message.number)
    known = tx.execute(asked).one_or_none()
    if known is None or known.since is None:
        return
    tried = sa.select(sa.func.max(Attempt.started_at)).where(Attempt.message_id == message.id)
    began = tx.scalar(tried)
    elsewhere = message.former or (began is not None and began < known.since)
    if elsewhere and is_latest(tx, message):
        tell_anew(tx, message, clock, mailable=known.mailable)


def forget_former(tx: Session, message: Message) -> None:
    """Destroys the former address that a message goes to, if it does."""
    if message.former:
        tx.execute(sa.delete(FormerReach).where(FormerReach.message_id == message.id))


def overtake_passing(tx: Session, limit: Limit, clock: Clock) -> None:
    """Ends what still waits to tell that a limit passed: it lies ahead."""
    _overtake(tx, _told(limit, OF_PASSING), clock)


def overtake_kept(tx: Session, limit: Limit, clock: Clock) -> None:
    """The same of a limit that was kept; and who was to hear of its passing from us, and did not,
    need not hear that it is untrue."""
    if _overtake(tx, _told(limit, OF_PASSING), clock) & PASSED_FOR_REPORTERS:
        _spare(tx, limit, clock)


def overtake_offer(tx: Session, number: str, at: datetime | None, clock: Clock) -> None:
    """Ends what still waits to tell a case's reporter that the Ombudsman was offered, at `at` or
    (None) ever."""
    offer = Message.number == number, Message.about == About.ESCALATION_OFFERED
    _overtake(tx, offer if at is None else (*offer, _at == at), clock)


def overtake_reminder(tx: Session, limit: Limit, clock: Clock) -> None:
    """Ends what still waits to remind of a limit that was moved, or stands: its date is not so, and
    if the time for a reminder is still to come, there will be another."""
    _overtake(tx, _told(limit, {About.DEADLINE_APPROACHING}), clock)


def overtake_reminders(tx: Session, number: str, clock: Clock) -> None:
    """The same of a case whose reporter need not do anything any more."""
    reminder = Message.number == number, Message.about == About.DEADLINE_APPROACHING
    _overtake(tx, reminder, clock)


def overtake_agencies(tx: Session, number: str, clock: Clock) -> None:
    """Ends what still waits to tell agencies of a case's limits: it was taken from the one that had
    it, which is to hear no more of it."""
    told = Message.number == number, Message.about.in_(sorted(OF_POSTS))
    _overtake(tx, (*told, Message.place.contains("/")), clock)


def move_posts_reminder(
    tx: Session, limit: Limit, due: str | None, clock: Clock, wait: timedelta, *, ahead: bool
) -> None:
    """What waits to remind a post of a limit that was moved says where that is now (`due`, as
    messages keep it). Of one that stands an agency is told nothing, until that goes on with the
    case in its hands, and then after `wait`: nobody may remind of it again, so none is given up
    before the limit is over (not `ahead`): that it has passed is told.
    """
    write_now(tx)  # it may have come together with what moves it
    untold = Message.state.in_(("due", "sending", "overtaken"))
    reminders = sa.select(Message).where(*_told(limit, {About.POST_REMINDED}), untold)
    locked = reminders.order_by(Message.id).with_for_update()
    for message in tx.scalars(locked, execution_options={"populate_existing": True}).all():
        if not ahead:
            message.taken_back = message.state == "sending"
            if message.state == "due":
                overtake(tx, message, clock)
            continue
        is_agencys = posts.agency_of(str(message.place)) is not None
        message.taken_back = due is None and is_agencys and message.state == "sending"
        if due is not None:
            message.facts = {**message.facts, "due": due}
            if message.state == "overtaken" and not _changed_hands(tx, message):
                _begin_again(message, clock, wait)
        elif is_agencys and message.state == "due":
            overtake(tx, message, clock)


def end_void(tx: Session, message: Message, clock: Clock) -> bool:
    """Ends a message that was taken back while it was being sent, unless the server may have it;
    whether it did."""
    if not message.taken_back or _is_corrected(tx, message):
        return False
    overtake(tx, message, clock)
    if message.about in PASSED_FOR_REPORTERS:
        _spare(tx, Limit(message.number, message.facts["limit"], message.cycle), clock)
    return True


def end_late(tx: Session, message: Message, clock: Clock, zone: tzinfo) -> bool:
    """Ends a reminder that waited until its day was over; whether it did. What came of that day is
    told by itself."""
    news, now = About(message.about), clock.real()
    if not comes_too_late(news, message.facts, message.written_at, now, zone):
        return False
    overtake(tx, message, clock)
    return True


def _overtake(tx: Session, which: Any, clock: Clock) -> set[str]:
    """Which news was ended. What is just being sent is only marked: its try will tell."""
    write_now(tx)  # it may have come together with what overtakes it
    waiting = sa.select(Message).where(*which, Message.state.in_(("due", "sending")))
    locked = waiting.order_by(Message.id).with_for_update()
    ended = set()
    for message in tx.scalars(locked, execution_options={"populate_existing": True}).all():
        if message.state == "sending":
            message.taken_back = True
        elif not _is_corrected(tx, message):
            overtake(tx, message, clock)
            ended.add(message.about)
    return ended


def _spare(tx: Session, limit: Limit, clock: Clock) -> None:
    """Ends what waits to tell that a limit was kept, unless its reporter may have heard that it
    passed, and nothing else since."""
    heard = sa.select(Message.about).where(
        *_told(limit, PASSED_FOR_REPORTERS | {About.DEADLINE_KEPT}),
        sa.exists().where(Attempt.message_id == Message.id, _GONE),
    )
    last = tx.scalar(heard.order_by(Message.written_at.desc()).limit(1))
    if last not in PASSED_FOR_REPORTERS:
        _overtake(tx, _told(limit, {About.DEADLINE_KEPT}), clock)


def _is_corrected(tx: Session, message: Message) -> bool:
    """Whether it may have been told, and what follows says that it is untrue. Of an offer that was
    taken back nothing does, nor of a reminder: neither is tried again, whoever may have it."""
    return message.about not in UNCORRECTED and may_have_gone(tx, message)


def may_have_gone(tx: Session, message: Message) -> bool:
    """Whether a server has it from some try, or may have it."""
    tx.flush()
    gone = sa.exists().where(Attempt.message_id == message.id, _GONE)
    return tx.scalar(sa.select(gone)) or False


def overtake(tx: Session, message: Message, clock: Clock) -> None:
    """Ends what is not told any more, or not so."""
    _end(tx, message, "overtaken", clock)
    _after_commit(tx, metrics.MESSAGES.labels(message.about, message.state).inc)


def _end(tx: Session, message: Message, state: str, clock: Clock) -> None:
    """Nothing is left to do; nor to tell that its mailbox had no room, which reports may share, nor
    to keep of a former address."""
    forget_former(tx, message)  # before there is half a change, which would be written
    message.state, message.next_at, message.settled_at = state, None, clock.real()
    message.put_off, message.not_before = False, message.written_at


def _changed_hands(tx: Session, message: Message) -> bool:
    """Whether the case went from whoever had it since a message about it was filed."""
    left = Message.about.in_(sorted(CHANGES_HANDS)), Message.written_at > message.written_at
    found = sa.exists().where(Message.number == message.number, *left)
    return tx.scalar(sa.select(found)) or False


def _begin_again(message: Message, clock: Clock, wait: timedelta) -> None:
    now = clock.real()
    message.state, message.settled_at, message.written_at = "due", None, now
    message.next_at = message.not_before = now + wait


def was_taken_back(tx: Session, limit: Limit, due: str, at: datetime) -> bool:
    """Whether what was said at `at`, that a limit passed whose end was `due` (as messages keep it
    among their facts), was taken back since: it had been kept, or was moved and lies ahead."""
    write_now(tx)
    kept = sa.and_(Message.about == About.DEADLINE_KEPT, Message.facts["due"].astext == due)
    either = sa.or_(kept, Message.about == About.DEADLINE_RECOMPUTED)
    news = {About.DEADLINE_KEPT, About.DEADLINE_RECOMPUTED}
    found = sa.exists().where(*_told(limit, news), either, _at >= at)
    return tx.scalar(sa.select(found)) or False


def passing_is_told(tx: Session, limit: Limit, due: str) -> bool:
    """Whether there is a message that the limit, whose end was `due`, has passed."""
    write_now(tx)
    told = *_told(limit, {About.DEADLINE_PASSED}), Message.facts["due"].astext == due
    return tx.scalar(sa.select(sa.exists().where(*told))) or False


def follow_passing(tx: Session, limit: Limit, due: str, clock: Clock, wait: timedelta) -> None:
    """What waits to tell its reporter who heard of a limit's passing, and was heard of before that,
    goes after it in its own order, and waits no longer than that does."""
    write_now(tx)
    now = clock.real()
    raised = *_told(limit, {About.ESCALATION_RAISED}), Message.facts["due"].astext == due
    untried = Message.state == "due", Message.attempts == 0, Message.put_off.is_(False)
    first = sa.select(sa.func.min(Message.written_at)).where(*raised, *untried).scalar_subquery()
    later = now + timedelta(microseconds=1) + (Message.written_at - first)
    times = {"written_at": later, "next_at": now + wait, "not_before": now + wait}
    moving = sa.update(Message).where(*raised, *untried).values(times)
    tx.execute(moving, execution_options={"synchronize_session": False})


def is_done(tx: Session, number: str, at: datetime) -> bool:
    """Whether a case's reporter need not do any more what they were to be reminded of at `at`: it
    may be heard of first, for it comes by another stream."""
    write_now(tx)
    since = Message.about.in_(sorted(ENDS_REMINDERS)), _at > at
    found = sa.exists().where(Message.number == number, *since)
    return tx.scalar(sa.select(found)) or False


def _told(limit: Limit, news: Collection[About]) -> Any:
    return (
        Message.number == limit.number,
        Message.about.in_(sorted(news)),
        Message.facts["limit"].astext == limit.clock,
        Message.cycle == limit.cycle,
    )


def passes(error: Exception) -> bool:
    """Whether the same may succeed later: the database is away, busy or full."""
    return is_away(error) or isinstance(error, sa.exc.OperationalError)


def _after_commit(tx: Session, do: Callable[[], object]) -> None:
    """Measures only what stays."""
    sa.event.listen(tx, "after_commit", lambda _: do(), once=True)
