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


def agency_at(tx: Session, number: str, moment: datetime) -> str | None:
    """Which agency had the case at a moment, by what was heard of it."""
    holder: str | None = None
    for event in of(tx, number):
        if event.at <= moment and event.what in GIVES:
            holder = event.detail["agency"]
        elif event.at <= moment and event.detail.get("status") == "unverified":
            holder = None
    return holder


def of(tx: Session, number: str) -> list[CaseEvent]:
    """All of it, in the order in which it was heard."""
    found = sa.select(CaseEvent).where(CaseEvent.number == number)
    return list(tx.scalars(found.order_by(CaseEvent.id)))
