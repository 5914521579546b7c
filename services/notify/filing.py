"""Files messages in the transaction of the event that causes them, each once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID, uuid5

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.clock import Clock
from chassis.events import Event
from chassis.together import later
from services.notify import domain, mailboxes
from services.notify.domain import About
from services.notify.ledger import settle
from services.notify.models import Message

NOW = timedelta()
_IDS = UUID("6f0a6a4e-6d1c-4c0c-9d3a-0d6f2a1b7c55")


def write(
    tx: Session,
    event: Event,
    about: About,
    facts: Mapping[str, str],
    *,
    cycle: int | None,
    mailable: bool,
    clock: Clock,
    wait: timedelta = NOW,
    place: str | None = None,
) -> None:
    """Files the message that `event` causes, once, to be sent after `wait`; to the reporter, or to
    a post's `place`. Without an address it has failed already.

    Its id follows from the event, so that even a restored database sends it under the same one.
    """
    message = file(tx, event, about, facts, clock, cycle=cycle, wait=wait, place=place)
    if not mailable:
        settle(tx, message, "failed", "no_address", clock)


def file(
    tx: Session,
    event: Event,
    about: About,
    facts: Mapping[str, str],
    clock: Clock,
    *,
    cycle: int | None = None,
    wait: timedelta = NOW,
    place: str | None = None,
) -> Message:
    """The same of one who can be written to."""
    now = clock.real()
    message = Message(
        id=uuid5(_IDS, f"{event.id}/{about}" + (f"/{place}" if place else "")),
        number=event.subject,
        place=place,
        about=about.value,
        cause=UUID(event.id),
        cycle=cycle,
        facts=dict(facts),
        correlationid=event.correlationid,
        state="due",
        attempts=0,
        put_off=False,
        taken_back=False,
        former=False,
        next_at=now + wait,
        not_before=now + wait,
        written_at=now,
    )
    later(tx, _file, message)
    return message


def _file(tx: Session, messages: list[Message]) -> None:
    names = Message.__table__.columns.keys()
    filed = [{name: getattr(message, name) for name in names} for message in messages]
    tx.execute(insert(Message).on_conflict_do_nothing(), filed)
    told = (m for m in messages if m.state == "due" and m.place is None)
    urging = [(m.number, m.not_before) for m in told if m.about not in domain.UNPROMPTED]
    mailboxes.let_through(tx, urging)
