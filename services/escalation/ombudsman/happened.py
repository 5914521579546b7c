"""What happened to a case, kept for its dossier: events are gone from every outbox in a month."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.events import Event
from services.escalation.models import CaseEvent
from services.escalation.ombudsman import dossier


def hear(tx: Session, event: Event, at: datetime) -> None:
    """Keeps an event of a case."""
    note(tx, event.subject, event.type.removesuffix(".v1"), event.data, at)


def note(tx: Session, number: str, what: str, data: Mapping[str, Any], at: datetime) -> None:
    """Keeps that something happened, with as much of it as a dossier tells."""
    tx.add(CaseEvent(number=number, at=at, what=what, detail=dossier.kept(what, data)))


def knows(tx: Session, number: str, what: str, at: datetime) -> bool:
    """Whether it was heard that this happened to the case at that moment."""
    heard = CaseEvent.number == number, CaseEvent.what == what, CaseEvent.at == at
    return tx.scalar(sa.select(sa.exists().where(*heard))) or False


GIVES = ("case.disposed", "case.reassigned")  # the case to an agency
# After which another desk, or another agency, may have it.
HANDS = (
    *GIVES, "case.verified", "case.returned", "case.handed_up", "case.desks_changed", "case.merged",
)  # fmt: skip


def agency_at(tx: Session, number: str, moment: datetime) -> str | None:
    """Which agency had the case at a moment, by what was heard of it."""
    holder: str | None = None
    for event in of(tx, number):
        if event.at <= moment and event.what in GIVES:
            holder = event.detail["agency"]
        elif event.at <= moment and event.detail.get("status") == "unverified":
            holder = None
    return holder


def changed_hands(tx: Session, number: str, moment: datetime) -> bool:
    """Whether the case may have come into other hands after a moment, by what was heard of it."""
    since = CaseEvent.number == number, CaseEvent.at > moment, CaseEvent.what.in_(HANDS)
    return tx.scalar(sa.select(sa.exists().where(*since))) or False


def content_since(tx: Session, number: str) -> datetime | None:
    """When the reporter was content with how it ended, if that stands: their case may go on for
    others, whom an answer is given next."""
    words = ("case.closed", "case.reopened", "case.answered")
    found = sa.select(CaseEvent).where(CaseEvent.number == number, CaseEvent.what.in_(words))
    last = tx.scalars(found.order_by(CaseEvent.id.desc()).limit(1)).one_or_none()
    return last.at if last is not None and last.detail.get("how") == "accepted" else None


def of(tx: Session, number: str) -> list[CaseEvent]:
    """All of it, in the order in which it was heard."""
    found = sa.select(CaseEvent).where(CaseEvent.number == number)
    return list(tx.scalars(found.order_by(CaseEvent.id)))
