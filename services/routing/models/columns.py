"""What the tables of routing are made of."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import DeclarativeBase, mapped_column

ONLY_ADDED_TO = {"info": {"append_only": True}}


class Base(DeclarativeBase):
    """Routing's own tables; the chassis' stand beside them."""

    metadata = sa.MetaData(
        naming_convention={
            "ck": "%(table_name)s_%(constraint_name)s",
            "fk": "%(table_name)s_%(column_0_name)s_fkey",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        datetime: sa.DateTime(timezone=True),
        str: sa.Text(),
        tuple[str, ...]: ARRAY(sa.Text(), as_tuple=True),
    }


def word(words: type[StrEnum], name: str = "", *, rule: str = "", **more: Any) -> Any:
    """A column that holds one of a closed set of words, and says so to the database (`rule` names
    the constraint where a table has two columns of one kind)."""
    kind = sa.Enum(
        words,
        native_enum=False,
        create_constraint=True,
        length=None,
        name=f"{rule or words.__name__.lower()}_known",
        values_callable=lambda members: [member.value for member in members],
    )
    return mapped_column(name, kind, **more) if name else mapped_column(kind, **more)
