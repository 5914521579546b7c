"""Which sessions of officers are over, as long as a token of theirs could be shown here."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from services.escalation.models.columns import MOMENT, Base


class EndedGrant(Base):
    """A session that routing said is over, by the random id that its tokens carry."""

    __tablename__ = "ended_grant"

    grant_id: Mapped[UUID] = mapped_column(primary_key=True)
    heard_at: Mapped[datetime] = mapped_column(MOMENT)
