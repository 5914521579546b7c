"""What the Ombudsman answered to the cases that were handed over, and its words."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from services.routing.life import OmbudsmanAnswer
from services.routing.models.columns import ONLY_ADDED_TO, Base, word


class Answered(Base):
    """One answer; only ever added to. `id` is the sender's name for it."""

    __tablename__ = "ombudsman_answer"
    __table_args__ = (sa.Index("ombudsman_answer_number", "number", "at"), ONLY_ADDED_TO)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(sa.ForeignKey("cases.number"))
    answer: Mapped[OmbudsmanAnswer] = word(OmbudsmanAnswer, rule="answer")
    reason: Mapped[str | None]
    reference: Mapped[str | None]
    decided_at: Mapped[datetime]
    at: Mapped[datetime]


class OmbudsmanWords(Base):
    """The words of an answer that asks something of the regency; they travel apart from it, so
    either may be here first."""

    __tablename__ = "ombudsman_words"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(sa.ForeignKey("cases.number"))
    text: Mapped[str]
