"""What the many events of one transaction need and say is read at once and written at once.

A handler asks for the row that its event is about (`held`); `Service.foresee` has had those of the
whole batch locked by one statement (`hold`). What it adds to the session is written when the batch
ends, many rows by a statement, and so is what it leaves for `later`. A handler that asks the
database something by itself has all that written before, once for each event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

Answer = TypeVar("Answer")
Row = TypeVar("Row")


def hold(
    tx: Session, model: type[Any], keys: Iterable[Any], *only: Any, load: Sequence[Any] = ()
) -> None:
    """Locks the rows of `model` with these keys by one statement, in the order of their keys, until
    the transaction ends; `load` says how (SQLAlchemy's loader options). With a condition (`only`),
    what it leaves out stays unknown to `held`."""
    known = tx.info.setdefault("held", {})
    if wanted := sorted({key for key in keys if (model, key) not in known}):
        key = sa.inspect(model).primary_key[0]
        asked = sa.select(model).where(key.in_(wanted), *only).order_by(key).with_for_update()
        asked = asked.options(*load)
        found = tx.scalars(asked, execution_options={"populate_existing": True})
        known |= {} if only else {(model, missing): None for missing in wanted}
        known |= {(model, sa.inspect(row).identity[0]): row for row in found}


def held(tx: Session, model: type[Row], key: object) -> Row | None:
    """The row with this key, locked until the transaction ends; asked for once."""
    hold(tx, model, [key])
    return in_hand(tx, model, key)


def in_hand(tx: Session, model: type[Row], key: object) -> Row | None:
    """The row, if this transaction holds it already."""
    return cast(Row | None, tx.info.get("held", {}).get((model, key)))


def keep(tx: Session, key: object, row: object) -> None:
    """Adds a row that `held` did not find."""
    tx.add(row)
    tx.info["held"][type(row), key] = row


def later(tx: Session, write: Callable[[Session, list[Any]], object], row: object) -> None:
    """Has `write(tx, rows)` called with all its rows when (and only when) `tx` is to commit."""
    tx.info.setdefault("later", {}).setdefault(write, []).append(row)


@sa.event.listens_for(Session, "before_commit")
def write_now(tx: Session) -> None:
    """Writes what was left for `later`, for who must find it among the rows."""
    if waiting := tx.info.pop("later", None):
        tx.flush()
        for write, rows in waiting.items():
            write(tx, rows)


@sa.event.listens_for(Session, "after_rollback")
def _forget(tx: Session) -> None:
    tx.info.clear()


def remembered(tx: Session, ask: Callable[[Session], Answer]) -> Answer:
    """What `ask` answers, asked once in a transaction."""
    known = tx.info.setdefault("remembered", {})
    if ask not in known:
        known[ask] = ask(tx)
    return cast(Answer, known[ask])
