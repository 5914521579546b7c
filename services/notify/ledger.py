"""How a try to send a message can end, and how often one ended in silence."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from services.notify.domain import Reply
from services.notify.models import Attempt


@dataclass(frozen=True)
class Outcome:
    """How a try ended, and with it the message, unless `state` is None: then again later."""

    attempt: str
    reply: Reply | None = None
    state: str | None = None
    reason: str | None = None


DELIVERED = Outcome("delivered", state="delivered")
UNANSWERED = Outcome("unknown", Reply.NONE)  # a crash is `unknown` too, but without any reply
NO_ADDRESS = Outcome("withheld", state="failed", reason="no_address")


def silences(tx: Session, message: UUID) -> int:
    """How many tries sent their text whole and were not answered; also what `tx` did not flush."""
    tx.flush()
    silent = Attempt.outcome == UNANSWERED.attempt, Attempt.reply == Reply.NONE.value
    return tx.scalar(sa.select(sa.func.count()).where(Attempt.message_id == message, *silent)) or 0
