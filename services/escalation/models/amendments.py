"""Who changed which rule, when, and by which decree."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.escalation.models.columns import MOMENT, ONLY_ADDED_TO, Base, one_of

AMENDED = ("limit", "rung", "calendar", "week", "day", "assignment", "import", "nation")


class Amendment(Base):
    """One change of the rules, as it was decreed. `row_id`: the row that it added (a calendar is
    named by its code); `decided_by` an administrator's id, `decided_as` who gave the command that
    imported; `retroactive`: it holds from a day that was already past."""

    __tablename__ = "amendment"
    __table_args__ = (
        one_of("what", AMENDED),
        sa.CheckConstraint("(decided_by IS NULL) <> (decided_as IS NULL)", name="by_somebody"),
        sa.Index("amendment_row", "what", "row_id"),
        ONLY_ADDED_TO,
    )

    id: Mapped[int] = mapped_column(sa.Identity(always=True), primary_key=True)
    what: Mapped[str] = mapped_column(sa.Text)
    row_id: Mapped[int | None]
    decree: Mapped[str] = mapped_column(sa.Text)
    retroactive: Mapped[bool]
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB)
    decided_by: Mapped[UUID | None]
    decided_as: Mapped[str | None] = mapped_column(sa.Text)
    decided_at: Mapped[datetime] = mapped_column(MOMENT)
