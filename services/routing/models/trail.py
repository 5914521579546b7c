"""The trail's tables (`services.routing.trail`)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.routing.models.columns import ONLY_ADDED_TO, Base


class TrailLink(Base):
    """One link: `entry` holds what it proves, `hash` binds it to the one before."""

    __tablename__ = "trail_link"
    __table_args__ = ONLY_ADDED_TO

    position: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    prev_hash: Mapped[bytes]
    hash: Mapped[bytes]
    entry: Mapped[dict[str, Any]] = mapped_column(JSONB)


class TrailMark(Base):
    """One row: what had been written (the newest row of each table) at a moment, and the first
    transaction after all that were under way then. The next link goes so far."""

    __tablename__ = "trail_mark"

    one: Mapped[bool] = mapped_column(primary_key=True, default=True)
    through: Mapped[dict[str, int]] = mapped_column(JSONB)
    horizon: Mapped[str]
    at: Mapped[datetime]
