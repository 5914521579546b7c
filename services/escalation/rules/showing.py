"""The rules as they are shown: each row that was decreed, if it holds, and who decided it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import date
from typing import Any

import sqlalchemy as sa
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.schemas import Shown, Strict
from services.escalation import models
from services.escalation.models import Amendment
from services.escalation.rules.rulebook import LimitFields, RungFields, one_of

STATES = ("in_force", "upcoming", "superseded")
OVERRIDDEN = "overridden"


class Decided(Shown):
    """Who entered a row (an officer's id) and when; nobody, for what the system began with. An
    import names who decided it instead."""

    decided_by = fields.UUID(required=True, allow_none=True)
    decided_at = fields.AwareDateTime(required=True, allow_none=True)


class Dated(Decided):
    """A row of the rules, and whether it holds for what begins today."""

    id = fields.Integer(required=True)
    effective_from = fields.Date(required=True)
    decree = fields.String(required=True)
    state = one_of(STATES, required=True)


class LimitShown(Dated, LimitFields):
    """A limit that is, will be or was in force; `overridden`: on that day it holds for no case, as
    each has another that fits it better."""

    state = one_of((*STATES, OVERRIDDEN), required=True)


class RungShown(Dated, RungFields):
    """A rung that is, will be or was in force."""


class LimitsShown(Strict):
    """Every limit that was ever decreed, the newest first."""

    limits = fields.List(fields.Nested(LimitShown), required=True)


class RungsShown(Strict):
    """Every rung that was ever decreed, the newest first."""

    ladder = fields.List(fields.Nested(RungShown), required=True)


class AmendmentShown(Decided):
    """One change of the rules."""

    id = fields.Integer(required=True)
    what = one_of(models.AMENDED, required=True)
    row_id = fields.Integer(required=True, allow_none=True)
    decree = fields.String(required=True)
    retroactive = fields.Boolean(required=True)
    detail = fields.Dict(required=True)
    decided_as = fields.String(required=True, allow_none=True)


class Amendments(Strict):
    """Changes of the rules, the newest first."""

    amendments = fields.List(fields.Nested(AmendmentShown), required=True)


def shown(
    tx: Session,
    what: str,
    rows: Iterable[Any],
    about: Callable[[Any], Any],
    today: date,
    overridden: Collection[int] = (),
) -> list[dict[str, Any]]:
    """Rows that hold from a day on, newest first, each with its state and who decided it. Of those
    that say something about the same, the latest day that has come holds, then the later row,
    unless it is `overridden` by what is narrower."""
    decided = {
        one.row_id: one for one in tx.scalars(sa.select(Amendment).where(Amendment.what == what))
    }
    known = sorted(rows, key=lambda row: (row.effective_from, row.id))
    last = {(about(row), row.effective_from): row.id for row in known}
    holding = {about(row): row.id for row in known if row.effective_from <= today}

    def state(row: Any) -> str:
        is_last = last[about(row), row.effective_from] == row.id
        if holding.get(about(row)) != row.id and not (row.effective_from > today and is_last):
            return "superseded"
        if row.id in overridden:
            return OVERRIDDEN
        return "upcoming" if row.effective_from > today else "in_force"

    return [
        {column.key: getattr(row, column.key) for column in sa.inspect(type(row)).column_attrs}
        | {"state": state(row)}
        | by_whom(decided.get(row.id))
        for row in sorted(known, key=lambda row: row.id, reverse=True)
    ]


def by_whom(amendment: Amendment | None) -> dict[str, Any]:
    """Who decided a row and when; nobody, for what the system began with."""
    return {
        "decided_by": amendment and amendment.decided_by,
        "decided_at": amendment and amendment.decided_at,
    }
