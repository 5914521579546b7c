"""The rules as an administrator sees and amends them: by decree, from a day on, never overwritten.

Whatever is decreed adds a row; what it supersedes stays to be seen. One amendment is made at a
time. Who decided, when, and by which decree is kept beside each. The database raises the regime's
version by itself, and the worker then measures every open clock again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import falcon
import sqlalchemy as sa
from marshmallow import fields, validate
from sqlalchemy.orm import Session

from chassis import web
from chassis.clock import Clock
from chassis.database import Transactions
from chassis.errors import FieldError, Invalid
from chassis.schemas import Count, Flag, Strict, Text
from services.escalation import models
from services.escalation.callers import Callers
from services.escalation.config import Settings
from services.escalation.models import Amendment, LadderRule, LimitRule
from services.escalation.ombudsman import records
from services.escalation.rules import histories, regime
from services.escalation.rules.fitting import (
    overridden,
    wrong_among_limits,
    wrong_among_rungs,
)
from services.escalation.rules.hindsight import Move, coarse, move_of
from services.escalation.rules.regime import Regime
from services.escalation.rules.rulebook import (
    LimitFields,
    RungFields,
    one_of,
    wrong_limit,
    wrong_rung,
)
from services.escalation.rules.showing import Amendments, LimitsShown, RungsShown, shown

MOST_MEASURED = 20_000  # open clocks that a preview looks at
LONGEST = 500  # amendments that one answer shows
SPELLED = {"klass": "class"}


class Preview(Strict):
    """Whether only to tell what it would move."""

    preview = one_of(("true", "false"), load_default="false")


class Decree(Strict):
    """By which decree, and whether it may hold from a day that is past."""

    decree = Text(200, 3, lines=False, required=True)
    retroactive = Flag(load_default=False)


class Effective(Decree):
    """From which local day on."""

    effective_from = fields.Date(required=True, format="iso")


class NewLimit(Effective, LimitFields):
    """A limit by decree. Without `kind` or `class` it holds for the cases that no narrower limit
    names; if those in force on its day name every case, it is refused (`overridden`)."""


class NewRung(Effective, RungFields):
    """A rung of the ladder by decree: whom a limit is brought to, `after_days` working days past
    its end; level 0 reminds its holder, before it (negative). Without `class` it holds for the
    cases that have no rung of this level for their own. No level is told before a lower one."""


class Amended(Strict):
    """What came of it. Of a preview (`applied` false) also: how many open clocks were measured,
    whether those were all, and how many would get another end, only another reminder or level, or
    no end that can be told, each as the multiple of five below it: 0 is fewer than five.
    `kept_end`: would end earlier, but are the reporter's (R, D), who was told a day: it stays, and
    what is decreed holds for those that begin later. `retroactive`: from a day that is past."""

    id = fields.Integer(required=True, allow_none=True)
    applied = fields.Boolean(required=True)
    retroactive = fields.Boolean(required=True)
    open_clocks = fields.Integer(required=True, allow_none=True)
    complete = fields.Boolean(required=True, allow_none=True)
    other_end = fields.Integer(required=True, allow_none=True)
    kept_end = fields.Integer(required=True, allow_none=True)
    other_ladder = fields.Integer(required=True, allow_none=True)
    unknown = fields.Integer(required=True, allow_none=True)


class Before(Strict):
    """Only amendments before this one."""

    before = Count(load_default=None, validate=validate.Range(1, 2**31 - 1))


@dataclass(frozen=True)
class Change:
    """What an administrator decrees: `add` writes its row; it holds from `since`, which the
    request calls `field`. `wrong`: what does not fit with the rows that stand beside it."""

    what: str
    decree: str
    retroactive: bool
    since: date
    field: str
    add: Callable[[Session], Any]
    detail: Mapping[str, Any]
    wrong: Callable[[Session], list[FieldError]] = lambda tx: []  # once it is added


class Rules:
    """What every resource of the rules has."""

    def __init__(self, settings: Settings, db: Transactions, clock: Clock) -> None:
        self.db, self.clock, self.settings = db, clock, settings
        self.callers = Callers(settings, db, clock)

    def today(self) -> date:
        """The regency's local day."""
        return self.settings.local_day(self.clock.now())

    def amend(self, req: falcon.Request, change: Change, key: Any, preview: str) -> web.Answer:
        """Makes the change and keeps who made it; or only tells what it would move."""
        administrator, now = self.callers.administrator(req), self.clock.now()
        is_past, key = change.since < self.today(), key.sent_by(administrator.id)
        with self.db.begin() as tx:
            tx.get_one(models.Regime, 1, with_for_update=True)
            before = regime.read(tx, self.settings.zone) if preview == "true" else None
            if before is None and (answer := key.answered(tx)):  # on a day that may be past now
                return web.Answer(answer)
            if is_past and not change.retroactive:
                raise Invalid("a day that is past needs `retroactive`", change.field, "not_past")
            row = change.add(tx)
            tx.flush()
            refuse(change.wrong(tx))
            if before is not None:
                moved = foretold(tx, before, regime.read(tx, self.settings.zone))
                tx.rollback()
                return web.Answer(_told(None, is_past, _coarse(moved)), 200)
            row_id = getattr(row, "id", None)
            amendment = Amendment(
                what=change.what,
                row_id=row_id,
                decree=change.decree,
                retroactive=is_past,
                detail=dict(change.detail),
                decided_by=administrator.id,
                decided_at=now,
            )
            tx.add(amendment)
            records.tell(tx, amendment)
            return web.Answer(key.remember(tx, _told(row_id, is_past, None)))


def foretold(tx: Session, before: Regime, after: Regime) -> dict[str, Any]:
    """What the change from `before` to `after` would do to the clocks that are open."""
    lives = histories.Bounded(histories.lives(tx, only_open=True), MOST_MEASURED)
    found = [move_of(life, before, after) for life in lives]
    return {
        "open_clocks": len(found),
        "complete": lives.complete,
        "other_end": found.count(Move.END),
        "kept_end": found.count(Move.KEPT),
        "other_ladder": found.count(Move.LADDER),
        "unknown": found.count(Move.UNKNOWN),
    }


def _coarse(moved: Mapping[str, Any]) -> dict[str, Any]:
    """What is foretold to who may see no case."""
    return {name: coarse(n) if name != "complete" else n for name, n in moved.items()}


def _told(row_id: int | None, is_past: bool, moved: Mapping[str, Any] | None) -> dict[str, Any]:
    unknown = ("open_clocks", "complete", "other_end", "kept_end", "other_ladder", "unknown")
    told = {"id": row_id, "applied": moved is None, "retroactive": is_past}
    return told | dict(moved or dict.fromkeys(unknown))


def refuse(wrong: list[FieldError]) -> None:
    """Raises Invalid for what does not fit together."""
    if wrong:
        raise Invalid("the parts of the request do not fit together", errors=wrong)


def effective(what: str, model: type[Any], body: Mapping[str, Any], **more: Any) -> Change:
    """A change that adds a row of a model, in force from a day on."""
    values = {name: value for name, value in body.items() if name != "retroactive"} | more

    def add(tx: Session) -> Any:
        row = model(**values)
        tx.add(row)
        return row

    return Change(
        what,
        body["decree"],
        body["retroactive"],
        body["effective_from"],
        "effective_from",
        add,
        {SPELLED.get(k, k): _plain(value) for k, value in values.items() if k != "decree"},
    )


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


class Limits(Rules):
    """`/v1/limits`"""

    @web.operation(
        "Every limit that is, will be or was in force",
        answers={200: LimitsShown},
        errors=(401, 403),
        security="officer",
    )
    def on_get(self, req: falcon.Request) -> dict[str, Any]:
        """A clock keeps to the limit in force on the day when it began, as that reads today."""
        self.callers.administrator(req)
        with self.db.begin() as tx:
            rows, today = tx.scalars(sa.select(LimitRule)), self.today()
            nobodys = overridden(regime.rules_of(tx), today)
            return {"limits": shown(tx, "limit", rows, _limit_about, today, nobodys)}

    @web.operation(
        "Decree a limit",
        body=NewLimit,
        query=Preview,
        answers={201: Amended, 200: Amended},
        errors=(401, 403),
        idempotent="optional",
        security="officer",
    )
    def on_post(
        self, req: falcon.Request, body: dict[str, Any], query: dict[str, Any], key: Any
    ) -> web.Answer:
        """Adds it. From a day on which it is already decreed, it takes the earlier one's place. Of
        R and D it never brings a running clock's end nearer: the reporter was told that day.
        Refused (422): a class of what is no complaint (rule `kind`), one that would hold for no
        case (`overridden`), and a day that is past without `retroactive` (`not_past`)."""
        refuse(wrong_limit(body))
        change = effective("limit", LimitRule, body)
        change = replace(change, wrong=lambda tx: wrong_among_limits(regime.rules_of(tx)))
        return self.amend(req, change, key, **query)


class Ladder(Rules):
    """`/v1/ladder`"""

    @web.operation(
        "Every rung that is, will be or was in force",
        answers={200: RungsShown},
        errors=(401, 403),
        security="officer",
    )
    def on_get(self, req: falcon.Request) -> dict[str, Any]:
        """Whom a limit is brought to, and when."""
        self.callers.administrator(req)
        with self.db.begin() as tx:
            rows = tx.scalars(sa.select(LadderRule))
            return {"ladder": shown(tx, "rung", rows, _rung_about, self.today())}

    @web.operation(
        "Decree a rung of the ladder",
        body=NewRung,
        query=Preview,
        answers={201: Amended, 200: Amended},
        errors=(401, 403),
        idempotent="optional",
        security="officer",
    )
    def on_post(
        self, req: falcon.Request, body: dict[str, Any], query: dict[str, Any], key: Any
    ) -> web.Answer:
        """Adds it. From a day on which it is already decreed, it takes the earlier one's place.
        Refused (422): what no such level can be (rule `level`), one that would be reached before a
        lower one (`order`), and a day that is past without `retroactive` (`not_past`)."""
        refuse(wrong_rung(body))
        change = effective("rung", LadderRule, body)
        change = replace(change, wrong=lambda tx: wrong_among_rungs(regime.ladder_of(tx)))
        return self.amend(req, change, key, **query)


class History(Rules):
    """`/v1/amendments`"""

    @web.operation(
        "Who changed which rule, when, and by which decree",
        query=Before,
        answers={200: Amendments},
        errors=(401, 403),
        security="officer",
    )
    def on_get(self, req: falcon.Request, query: dict[str, Any]) -> dict[str, Any]:
        """Up to 500 at once; `before` reads on."""
        self.callers.administrator(req)
        asked = sa.select(Amendment).order_by(Amendment.id.desc()).limit(LONGEST)
        if query["before"] is not None:
            asked = asked.where(Amendment.id < query["before"])
        with self.db.begin() as tx:
            return {"amendments": list(tx.scalars(asked))}


def _limit_about(row: LimitRule) -> tuple[str | None, ...]:
    return row.clock, row.kind, row.klass


def _rung_about(row: LadderRule) -> tuple[Any, ...]:
    return row.clock, row.klass, row.level
