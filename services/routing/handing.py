"""Whose hands an account has been in: whoever gave it its first password knew that password, and so
may whoever gave theirs to them, by then. Nobody is named where an operator or the seed gave it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from services.routing.models import Deed

MOST = 16  # givers that a token tells of; an operator's first password begins a new line
_LINE = sa.text("""
WITH RECURSIVE given AS (
    (SELECT id, by, at FROM officer_event WHERE officer_id = :officer AND deed IN :giving
     ORDER BY id DESC LIMIT 1)
    UNION ALL
    SELECT earlier.* FROM given CROSS JOIN LATERAL (
        SELECT e.id, e.by, e.at FROM officer_event e
        WHERE e.officer_id = given.by AND e.deed IN :giving AND e.id < given.id
        ORDER BY e.id DESC LIMIT 1) AS earlier
)
SELECT by, at FROM given ORDER BY id DESC LIMIT :most
""").bindparams(
    sa.bindparam("giving", [Deed.CREATED, Deed.PASSWORD_RESET], expanding=True), most=MOST + 1
)


class Handed(NamedTuple):
    """When an account got its last first password, and who gave it; then who gave theirs to them,
    as it was at that time, and so on."""

    at: datetime
    by: tuple[UUID, ...]


def of(tx: Session, officer_id: UUID) -> Handed | None:
    """None where it is not on file, or the line is longer than a token tells: then nothing may
    rest on it."""
    line = tx.execute(_LINE, {"officer": officer_id}).all()
    if not line or len(line) > MOST:
        return None
    return Handed(line[0].at, tuple(row.by for row in line if row.by is not None))
