"""What the tables of escalation are made of."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase

MOMENT = sa.DateTime(timezone=True)
ONLY_ADDED_TO = {"info": {"append_only": True}}


def one_of(column: str, words: Any) -> sa.CheckConstraint:
    """A closed set, spelled as words."""
    return sa.CheckConstraint(f"{column} IN ({listed(words)})", name=f"{column}_known")


def listed(words: Any) -> str:
    """The words as SQL literals."""
    return ", ".join(f"'{word!s}'" for word in words)


class Base(DeclarativeBase):
    """Escalation's own tables; the chassis' stand beside them."""

    metadata = sa.MetaData(naming_convention={"ck": "%(table_name)s_%(constraint_name)s"})
