"""Cases over HTTP, to read: the worklist of the signed-in officer, and one case whole.

An officer who may not know of a case gets the answer of one that does not exist.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import falcon
import sqlalchemy as sa
from marshmallow import ValidationError
from sqlalchemy.orm import Session, selectinload

from chassis.database import AS_OF_NOW
from chassis.errors import Invalid, NotFound
from chassis.events import rfc3339
from chassis.web import operation
from services.routing import case_file, evidence, rights, schemas, showing, telling
from services.routing.life import (
    ASKS,
    LADDER,
    OPEN,
    ORDERS,
    Action,
    Actor,
    Clock,
    Role,
    Status,
)
from services.routing.models import (
    About,
    Agency,
    Answered,
    Case,
    CaseEvent,
    Deadline,
    Note,
    Officer,
    OmbudsmanWords,
    Reply,
)
from services.routing.officers import Resource
from services.routing.sessions import SignedIn, signed_in

Moment = Callable[[datetime], datetime]
# What a reporter did, or can have brought about, at that moment.
REPORTERS = ("received_at", "ended_at", "offered_at", "handed_over_at")
# Each reporter's, also where one case follows another: to object, and to have it handed over.
EACH_ITS_OWN = (Clock.REPORTER, Clock.HAND_OVER)


class Cases(Resource):
    @operation(
        "The officer's cases, most urgent first",
        query=schemas.WorklistQuery,
        answers={200: showing.Worklist},
        errors=(403,),
        security="officer",
    )
    def on_get(self, req: falcon.Request, query: dict[str, Any]) -> dict[str, Any]:
        """Open ones, unless a status is asked for; of one `agency`, if it is named; those without a
        limit come last. What the Ombudsman orders is open, also in a case that was closed or
        follows another. Refused (422): an agency that is none (rule `known`), and an `after` that
        no page gave (`cursor`)."""
        with self.db.begin() as tx:
            who = signed_in(tx, req, self.clock.now())
            statement = sa.select(Case).where(_asked_for(query["status"]), *_visible(who.actor))
            if query["agency"] is not None:
                if tx.get(Agency, query["agency"]) is None:
                    raise Invalid("there is none of this code", "agency", "known")
                statement = statement.where(Case.agency == query["agency"])
            if query["after"] is not None:
                statement = statement.where(_beyond(query["after"]))
            ordered = statement.order_by(Case.due_at.asc().nulls_last(), Case.number)
            found = list(tx.scalars(ordered.limit(query["limit"] + 1)))
            left = _inactive(tx)
        page = found[: query["limit"]]
        return {
            "items": [_columns(row, who.actor, self.zone, left) for row in page],
            "next": _cursor_of(page[-1]) if len(found) > len(page) else None,
        }


class OneCase(Resource):
    @operation(
        "One case whole", answers={200: showing.CaseShown}, errors=(403,), security="officer"
    )
    def on_get(self, req: falcon.Request, number: str) -> dict[str, Any]:
        """With its file, its limits, and what this officer can do."""
        now = self.clock.now()
        with self.db.begin() as tx:
            who = signed_in(tx, req, now)
        with self.db.begin() as tx:
            tx.execute(AS_OF_NOW)  # nobody sees what came after they lost the case
            row = seen(tx, who, number)
            return _shown(tx, row, who.actor, self.today(now), self.zone)


def seen(tx: Session, who: SignedIn, number: str, *, lock: bool = False) -> Case:
    """The row, if this officer may know of it. Raises NotFound, whatever the reason; that is a
    denial, whatever becomes of it (`denials`).

    The right stands in the statement: what is not theirs to know is neither read nor waited for,
    nor held from those whose it is, and so costs what does not exist."""
    asked = sa.select(Case).where(Case.number == number, *_visible(who.actor))
    held = asked.with_for_update() if lock else asked
    row = tx.scalars(held, execution_options={"populate_existing": lock}).one_or_none()
    if row is None or not rights.sees(who.actor, case_file.value(row)):
        who.unseen.append(number)
        raise NotFound("there is no such case")
    return row


def _asked_for(status: Status | None) -> Any:
    """Worded as the index `cases_open` is."""
    if status is not None:
        return sa.and_(Case.status == status, Case.merged_into.is_(None))
    at_work = sa.and_(Case.merged_into.is_(None), Case.status.in_(list(OPEN)))
    return sa.or_(at_work, Case.ombudsman.in_(list(ORDERS)))


def _visible(actor: Actor) -> list[Any]:
    """`rights.sees` as conditions."""
    if actor.role is Role.ADMINISTRATOR or actor.agency is None:
        return [sa.false()]
    rules = [sa.not_(Case.complains_about.overlap(sorted(actor.offices)))]
    if actor.role not in LADDER:
        supports = Case.supporting.contains([actor.agency])
        rules.append(sa.or_(Case.agency == actor.agency, supports))
    return rules


def _cursor_of(row: Case) -> str:
    return _cursor(row.due_at, row.number)


def _cursor(due_at: datetime | None, number: str) -> str:
    due = due_at.astimezone(UTC).isoformat() if due_at else ""
    return base64.urlsafe_b64encode(f"{due} {number}".encode()).decode()


def _beyond(cursor: str) -> Any:
    """What comes after the cursor in the worklist's order. Raises Invalid for one that we did not
    give out, however near to it its moment is told."""
    try:
        due, _, number = base64.urlsafe_b64decode(cursor).decode("ascii").partition(" ")
        schemas.NUMBER(number)
        at = datetime.fromisoformat(due).astimezone(UTC) if due else None
        if _cursor(at, number) != cursor:
            raise ValueError
    except (ValueError, OverflowError, ValidationError):
        raise Invalid("take it from the page before", "after", "cursor") from None
    if at is None:
        return sa.and_(Case.due_at.is_(None), Case.number > number)
    return sa.or_(sa.tuple_(Case.due_at, Case.number) > (at, number), Case.due_at.is_(None))


def _shown(tx: Session, row: Case, actor: Actor, today: date, zone: ZoneInfo) -> dict[str, Any]:
    """The case and everything that belongs to it; a follower lives under its parent's limits, but
    for its own reporter's, and the file of either tells what the other's reporter did."""
    handled = row.merged_into or row.number
    following = sa.select(Case.number).where(Case.merged_into == row.number).order_by(Case.number)
    followers = list(tx.scalars(following))
    of_own = _exactly if _knows(actor, row) else partial(_day, zone)
    notes = _all(tx, Note, row.number, Note.at)
    deadlines = _deadlines(tx, row, handled)
    left = _inactive(tx)
    limit = case_file.next_limit(row, [d for d in deadlines if d.number == handled])
    return {
        **_columns(row, actor, zone, left),
        "due_at": limit and limit.due_at,
        "ends_on": limit and _last_day(limit, zone),
        "level": limit.level if limit else 0,
        "followers": followers,
        "suggestion": case_file.suggestion(tx, row, today) if row.status in OPEN else None,
        "actions": rights.allowed(actor, case_file.value(row), is_active=row.agency not in left),
        "deadlines": [{**_values(d), "ends_on": _last_day(d, zone)} for d in deadlines],
        "history": _history(tx, row, actor, zone),
        "replies": _replies(tx, row.number, handled, actor),
        "ombudsman_answers": _answers(tx, row.number),
        "ombudsman_in_followers": _asked_in_followers(tx, row.number, zone) if followers else [],
        "notes": [{"action": n.action, "text": n.text, "at": of_own(n.at)} for n in notes],
    }


def _history(tx: Session, row: Case, actor: Actor, zone: ZoneInfo) -> list[dict[str, Any]]:
    """The file, by the day where a reporter acted in it whose moments are not this officer's to
    know: its own, or that of a case which was joined with it."""
    history = tx.execute(
        sa.select(CaseEvent, Officer.username)
        .outerjoin(Officer, Officer.id == CaseEvent.officer_id)
        .where(CaseEvent.number == row.number)
        .order_by(CaseEvent.id)
    ).all()
    was_joined = any(event.action is Action.MERGE for event, _ in history)
    if _knows(actor, row) and not (was_joined and actor.role not in LADDER):
        return [_event(event, username, _exactly, actor) for event, username in history]
    file = [telling.Filed(e.action, e.role, e.at, e.changes) for e, _ in history]
    told = (history[place] for place in telling.order(file, zone))
    return [_event(event, username, partial(_day, zone), actor) for event, username in told]


def _replies(tx: Session, number: str, handled: str, actor: Actor) -> list[dict[str, Any]]:
    asked = sa.select(Reply).where(Reply.number == number).order_by(Reply.at)
    if not rights.reads_why(actor, Action.PROTECT):
        asked = asked.where(Reply.about != About.PROTECTION)
    replies = list(tx.scalars(asked.options(selectinload(Reply.evidence))))
    files = {reply.id: evidence.of(reply) for reply in replies}
    hashes = {file.sha256 for named in files.values() for file in named}
    seen = evidence.elsewhere(tx, handled, hashes, _visible(actor)) if hashes else {}
    return [
        {
            "about": reply.about,
            "text": reply.text,
            "at": reply.at,
            "agency": reply.agency,
            "evidence": [
                {"title": file.title, "sha256": file.sha256, "also_in": seen.get(file.sha256, [])}
                for file in files[reply.id]
            ],
        }
        for reply in replies
    ]


def _deadlines(tx: Session, row: Case, handled: str) -> list[Deadline]:
    """Those of whom is handled, but for its reporter's: they are this one's, and so is what the
    Ombudsman ordered in it."""
    of_handled = sa.and_(Deadline.number == handled, Deadline.clock.not_in(EACH_ITS_OWN))
    own = [*EACH_ITS_OWN, *ORDERS.values()]
    of_this = sa.and_(Deadline.number == row.number, Deadline.clock.in_(own))
    wanted = sa.select(Deadline).where(sa.or_(of_handled, of_this))
    return list(tx.scalars(wanted.order_by(Deadline.clock, Deadline.cycle)))


def _answers(tx: Session, number: str) -> list[dict[str, Any]]:
    found = tx.execute(
        sa.select(Answered, OmbudsmanWords.text)
        .outerjoin(OmbudsmanWords, OmbudsmanWords.id == Answered.id)
        .where(Answered.number == number)
        .order_by(Answered.at, Answered.id)
    )
    names = ("answer", "reason", "reference", "decided_at", "at")
    return [{name: getattr(a, name) for name in names} | {"words": words} for a, words in found]


def _inactive(tx: Session) -> set[str]:
    """The agencies that get no new cases."""
    return set(tx.scalars(sa.select(Agency.code).where(~Agency.active)))


def _asked_in_followers(tx: Session, number: str, zone: ZoneInfo) -> list[dict[str, Any]]:
    """What the Ombudsman asked of the regency in the cases that follow this one. Nothing else of
    what it answers to their reporters."""
    found = tx.execute(
        sa.select(Answered, OmbudsmanWords.text, Case.ombudsman)
        .join(Case, Case.number == Answered.number)
        .outerjoin(OmbudsmanWords, OmbudsmanWords.id == Answered.id)
        .where(Case.merged_into == number, Answered.answer.in_(list(ASKS)))
        .order_by(Answered.at, Answered.id)
    ).all()
    limits = (
        sa.select(Deadline)
        .join(Case, Case.number == Deadline.number)
        .where(Case.merged_into == number, Deadline.clock.in_(list(ORDERS.values())))
        .order_by(Deadline.cycle)
    )
    running = {(one.number, one.clock): one for one in tx.scalars(limits)} if found else {}
    last = {said.number: said for said, _, _ in found}
    shown = []
    for said, words, stands in found:
        is_open = said is last[said.number] and said.answer == stands
        limit = running.get((said.number, ORDERS.get(said.answer))) if is_open else None
        names = ("number", "answer", "reference", "decided_at", "at")
        shown.append({name: getattr(said, name) for name in names})
        shown[-1] |= {"words": words, "open": is_open}
        shown[-1] |= {"due_at": limit and limit.due_at, "ends_on": limit and _last_day(limit, zone)}
    return shown


def _columns(row: Case, actor: Actor, zone: ZoneInfo, inactive: set[str]) -> dict[str, Any]:
    """The row's values, as exactly as this officer may know them."""
    shown = _values(row) | {"ends_on": _last_day(row, zone)}
    shown["agency_active"] = None if row.agency is None else row.agency not in inactive
    if not _knows(actor, row):
        shown |= {name: shown[name] and _day(zone, shown[name]) for name in REPORTERS}
    return shown


def _values(row: Case | Deadline) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in sa.inspect(type(row)).column_attrs}


def _last_day(row: Case | Deadline, zone: ZoneInfo) -> date | None:
    """As it was told, or the regency's day of the moment."""
    return row.ends_on or (row.due_at and row.due_at.astimezone(zone).date())


def _knows(actor: Actor, row: Case) -> bool:
    return rights.knows_the_moment(actor, case_file.value(row))


def _exactly(at: datetime) -> datetime:
    return at


def _day(zone: ZoneInfo, at: datetime) -> datetime:
    """The beginning of the moment's local day."""
    midnight = at.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight.astimezone(UTC)


def _all(tx: Session, model: Any, number: str, *order: Any) -> list[Any]:
    return list(tx.scalars(sa.select(model).where(model.number == number).order_by(*order)))


def _event(event: CaseEvent, username: str | None, told: Moment, actor: Actor) -> dict[str, Any]:
    shown = {name: getattr(event, name) for name in ("action", "role", "agency", "refused")}
    shown["why"] = event.why if rights.reads_why(actor, event.action) else None
    changes = {
        name: [then and rfc3339(told(datetime.fromisoformat(then))) for then in pair]
        if name.endswith("_at")
        else pair
        for name, pair in event.changes.items()
    }
    return shown | {"at": told(event.at), "officer": username, "changes": changes}
