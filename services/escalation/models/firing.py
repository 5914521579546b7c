"""What holds firing back: the breaker, and the rest that a failed case is given."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from services.escalation.models.columns import MOMENT, Base, one_of

REFUSALS = ("mass_firing", "clock_skew", "clock_jump", "restored")


class Work(StrEnum):
    """What is done for many cases in turn."""

    FIRE = "fire"
    MEASURE = "measure"


class FailedTurn(Base):
    """A case for which some work failed, when last, and not succeeded since. Holds no reference:
    it is written while somebody else may have the case's lock."""

    __tablename__ = "failed_turn"
    __table_args__ = (one_of("work", Work),)

    work: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    number: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    at: Mapped[datetime] = mapped_column(MOMENT)


class Breaker(Base):
    """One row: how much may fire at once, whether firing is refused and why, up to which due time
    an operator has released it, the real time of a last look whose clock was right, and since when
    a restored database waits for that release. `told_through`: up to which case it was said again
    after that how clocks stand; none when all is said."""

    __tablename__ = "breaker"
    __table_args__ = (
        sa.CheckConstraint("id = 1", name="single"),
        one_of("reason", REFUSALS),
        sa.CheckConstraint("restored_at IS NULL OR reason IS NOT NULL", name="restored_is_refused"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    most: Mapped[int | None]
    measured_at: Mapped[datetime | None] = mapped_column(MOMENT)
    refused_at: Mapped[datetime | None] = mapped_column(MOMENT)
    reason: Mapped[str | None] = mapped_column(sa.Text)
    due_now: Mapped[int | None]
    looked_at: Mapped[datetime | None] = mapped_column(MOMENT)
    restored_at: Mapped[datetime | None] = mapped_column(MOMENT)
    told_through: Mapped[str | None] = mapped_column(sa.Text)
    released_through: Mapped[datetime | None] = mapped_column(MOMENT)
    released_by: Mapped[str | None] = mapped_column(sa.Text)
