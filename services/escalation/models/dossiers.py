"""What a dossier is made of: the case's history, what was sealed for the Ombudsman, and itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.escalation.models.columns import MOMENT, ONLY_ADDED_TO, Base, one_of

PARTS = ("identity", "report", "addition", "reply")


class CaseEvent(Base):
    """One thing that happened to a case, in codes, in the order in which it was heard."""

    __tablename__ = "case_event"
    __table_args__ = (sa.Index("case_event_number", "number", "id"), ONLY_ADDED_TO)

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    number: Mapped[str] = mapped_column(sa.Text)
    at: Mapped[datetime] = mapped_column(MOMENT)
    what: Mapped[str] = mapped_column(sa.Text)
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB)


class SealedPart(Base):
    """Something that only the Ombudsman can read. It may arrive before the case does, and it is
    erased when nobody is to read it any more."""

    __tablename__ = "sealed_part"
    __table_args__ = (
        one_of("part", PARTS),
        sa.Index("sealed_part_number", "number", "id"),
        sa.Index("sealed_part_sealed_at", "sealed_at"),
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    number: Mapped[str] = mapped_column(sa.Text)
    part: Mapped[str] = mapped_column(sa.Text)
    written_at: Mapped[datetime] = mapped_column(MOMENT)
    sealed_at: Mapped[datetime] = mapped_column(MOMENT)
    key_id: Mapped[str] = mapped_column(sa.Text)
    sha256: Mapped[str] = mapped_column(sa.Text)
    sealed: Mapped[str] = mapped_column(sa.Text)


class Dossier(Base):
    """A case as it was handed over. The feed has its `sha256`; nothing of it stands there.
    `consent_ended_at`: when the consent that it was handed over by was taken back."""

    __tablename__ = "dossier"

    number: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    version: Mapped[int]
    content: Mapped[dict[str, Any]] = mapped_column(JSONB)
    sha256: Mapped[str] = mapped_column(sa.Text)
    assembled_at: Mapped[datetime] = mapped_column(MOMENT)
    erased_at: Mapped[datetime | None] = mapped_column(MOMENT)
    consent_ended_at: Mapped[datetime | None] = mapped_column(MOMENT)
