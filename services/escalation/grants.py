"""What routing's tokens were given under: a session of an officer's, which ends at any time.

Routing says that it has; until then, and no longer than a token lasts, its tokens hold (decision
17). Nothing here tells whose session it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.together import later
from chassis.tokens import LIFETIME, SKEW
from services.escalation.models import EndedGrant

KEPT = LIFETIME + 2 * SKEW  # longer than any token that was given before the end was heard of


def end(tx: Session, grant: UUID, at: datetime) -> None:
    """Its tokens hold no more."""
    later(tx, _file, {"grant_id": grant, "heard_at": at})


def _file(tx: Session, ended: list[Mapping[str, Any]]) -> None:
    tx.execute(insert(EndedGrant).on_conflict_do_nothing(), ended)


def has_ended(tx: Session, grant: UUID) -> bool:
    """Whether its end was heard of."""
    return tx.get(EndedGrant, grant) is not None


def forget(tx: Session, now: datetime) -> None:
    """Drops those whose last token has ended by itself."""
    tx.execute(sa.delete(EndedGrant).where(EndedGrant.heard_at < now - KEPT))
