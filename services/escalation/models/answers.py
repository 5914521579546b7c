"""What the Ombudsman answered to the cases that were handed over."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from services.escalation.models.columns import MOMENT, ONLY_ADDED_TO, Base, one_of
from services.escalation.ombudsman.answers import Answer, Declined


class HandoverAnswer(Base):
    """One answer, without its words; only ever added to. `message_id` is the sender's name for it,
    the same again is the same answer, and `body_hash` is the SHA-256 of the bytes it came in."""

    __tablename__ = "handover_answer"
    __table_args__ = (
        one_of("answer", Answer),
        one_of("reason", Declined),
        sa.CheckConstraint("(answer = 'declined') = (reason IS NOT NULL)", name="reason_declined"),
        sa.Index("handover_answer_number", "number", "id"),
        ONLY_ADDED_TO,
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    answer_id: Mapped[UUID] = mapped_column(unique=True)
    message_id: Mapped[str] = mapped_column(sa.Text, unique=True)
    number: Mapped[str] = mapped_column(sa.ForeignKey("case_state.number"))
    answer: Mapped[str] = mapped_column(sa.Text)
    reason: Mapped[str | None] = mapped_column(sa.Text)
    reference: Mapped[str | None] = mapped_column(sa.Text)
    body_hash: Mapped[bytes]
    decided_at: Mapped[datetime] = mapped_column(MOMENT)
    at: Mapped[datetime] = mapped_column(MOMENT)
