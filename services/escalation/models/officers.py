"""Officers, as far as they are known here: which of their sessions are over, as long as a token of
theirs could be shown, and what they were refused."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from services.escalation.models.columns import MOMENT, ONLY_ADDED_TO, Base


class EndedGrant(Base):
    """A session that routing said is over, by the random id that its tokens carry."""

    __tablename__ = "ended_grant"

    grant_id: Mapped[UUID] = mapped_column(primary_key=True)
    heard_at: Mapped[datetime] = mapped_column(MOMENT)


class Denial(Base):
    """What an officer was refused; only ever added to. `times` is 1, or how many more of the kind
    there were in the minute before. `number` refers to no row: it waits for nobody's lock."""

    __tablename__ = "denial"
    __table_args__ = (
        sa.Index("denial_at", "at"),
        sa.CheckConstraint("times > 0", name="counted"),
        ONLY_ADDED_TO,
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(MOMENT)
    officer_id: Mapped[UUID]
    method: Mapped[str] = mapped_column(sa.Text)
    route: Mapped[str] = mapped_column(sa.Text)
    status: Mapped[int]
    number: Mapped[str | None] = mapped_column(sa.Text)
    times: Mapped[int]
