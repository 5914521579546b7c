"""Officers over HTTP: signing in and out, passwords, and the administrator's care of accounts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import falcon
import sqlalchemy as sa
from marshmallow import fields
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.clock import Clock
from chassis.config import Settings
from chassis.database import Transactions
from chassis.errors import Forbidden, Invalid, NotAllowed, NotFound, TooMany, Unauthorized
from chassis.schemas import Shown
from chassis.web import operation
from services.routing import metrics, models, passwords, schemas, sessions, throttle
from services.routing.life import LADDER, Role
from services.routing.models import AgencyRole, Deed, Officer, OfficerEvent
from services.routing.sessions import SignedIn, signed_in
from services.routing.throttle import Place


class Token(Shown):
    """A session, and what its officer may expect. `device` is to be kept where they signed in, and
    sent with the next sign-in: then nobody else's failures keep them out."""

    token = fields.String()
    device = fields.String()
    expires_at = fields.AwareDateTime()
    role = schemas.Word(Role)
    agency = fields.String(allow_none=True)
    must_change_password = fields.Boolean()


class Me(Shown):
    """Who is signed in."""

    username = fields.String()
    role = schemas.Word(Role)
    agency = fields.String(allow_none=True)
    must_change_password = fields.Boolean()
    expires_at = fields.AwareDateTime()


class Account(Shown):
    """An officer as the administrator sees them."""

    username = fields.String()
    role = schemas.Word(Role)
    agency = fields.String(allow_none=True)
    must_change_password = fields.Boolean()
    disabled_at = fields.AwareDateTime(allow_none=True)


class Accounts(Shown):
    """All accounts, by username."""

    items = fields.List(fields.Nested(Account))


class FirstPassword(Shown):
    """Shown once; to be handed over in person and changed at the first sign-in."""

    username = fields.String()
    first_password = fields.String()


class Resource:
    """What all of these stand on."""

    def __init__(self, settings: Settings, db: Transactions, clock: Clock) -> None:
        self.settings, self.db, self.clock = settings, db, clock

    @property
    def zone(self) -> ZoneInfo:
        """Where the regency lives."""
        return ZoneInfo(self.settings.time_zone)

    def today(self, now: datetime) -> date:
        """The local day of a moment: rules hold by the day."""
        return now.astimezone(self.zone).date()


class SignIn(Resource):
    @operation("Sign in", body=schemas.SignIn, answers={200: Token}, errors=(401, 429))
    def on_post(self, req: falcon.Request, body: dict[str, Any]) -> dict[str, Any]:
        """A session for a username and its password. Whatever is wrong, the answer is the same
        (401); after several wrong ones, or while too many sign in, the next must wait (429)."""
        username, now = body["username"].casefold(), self.clock.now()
        with self.db.begin() as tx:
            counted = throttle.count_sign_in(tx, username, body["device"], now)
            stored = _password_of(tx, username)
        with _looked_at(self.db, counted):
            proven = passwords.matches(body["password"], stored)
        if not proven:  # and nobody is looked up: how long that takes would tell a name
            raise _wrong()
        with self.db.begin() as tx:
            officer = _named(tx, username, lock=True)
            right = officer is not None and officer.password_hash == stored
            if officer is None or not right or _is_stale(tx, officer, now):
                raise _wrong()
            device = throttle.succeed(tx, officer, body["device"], counted, now)
            answer = _token(tx, officer, device, self.clock)
            sessions.remember(tx, officer.id, Deed.SIGNED_IN, now)
        metrics.SIGN_INS.labels("ok").inc()
        return answer


class SignOut(Resource):
    @operation("Sign out", answers={204: None}, security="officer")
    def on_post(self, req: falcon.Request) -> None:
        """This session is over."""
        now = self.clock.now()
        with self.db.begin() as tx:
            officer = signed_in(tx, req, now, first_password_will_do=True)
            if sessions.end(tx, models.Session.token_hash == officer.token_hash, now):
                sessions.remember(tx, officer.id, Deed.SIGNED_OUT, now)


class Password(Resource):
    @operation(
        "Change one's password",
        body=schemas.PasswordChange,
        answers={200: Token},
        errors=(429,),
        security="officer",
    )
    def on_post(self, req: falcon.Request, body: dict[str, Any]) -> dict[str, Any]:
        """Ends every session of the officer, forgets every device, and opens and gives new ones.
        Refused (422): another than the present password (rule `match`), and a new one that is the
        old (`other`), too short (`length`) or easily guessed (`guessable`)."""
        now = self.clock.now()
        with self.db.begin() as tx:
            who = signed_in(tx, req, now, first_password_will_do=True)
            _is_another(body, who.username)  # whatever the present one is: that is no guess
            counted = throttle.count_in_session(tx, who.token_hash, now)
            stored = tx.get_one(Officer, who.id).password_hash
        with _looked_at(self.db, counted):
            proven = passwords.matches(body["password"], stored)
        if not proven:
            raise Invalid("this is not the present password", "password", "match")
        with _looked_at(self.db, counted):
            made = _hashed(body["new_password"])
        with self.db.begin() as tx:
            officer = tx.get_one(Officer, who.id, with_for_update=True)
            if officer.password_hash != stored or officer.disabled_at is not None:
                raise Unauthorized("the account was changed meanwhile; sign in again")
            officer.password_hash, officer.must_change_password = made, False
            throttle.forgive(tx, who.username)
            sessions.end_all(tx, who.id, now)
            throttle.forget_devices(tx, who.id)
            sessions.remember(tx, who.id, Deed.PASSWORD_CHANGED, now, by=who.id)
            return _token(tx, officer, throttle.give_device(tx, who.id, now), self.clock)


class Myself(Resource):
    @operation("Who is signed in", answers={200: Me}, security="officer")
    def on_get(self, req: falcon.Request) -> dict[str, Any]:
        """The officer behind the token."""
        with self.db.begin() as tx:
            who = signed_in(tx, req, self.clock.now(), first_password_will_do=True)
        return {
            "username": who.username,
            "role": who.actor.role,
            "agency": who.actor.agency,
            "must_change_password": who.must_change_password,
            "expires_at": who.expires_at,
        }


class Everybody(Resource):
    @operation("All accounts", answers={200: Accounts}, errors=(403,), security="officer")
    def on_get(self, req: falcon.Request) -> dict[str, Any]:
        """For the administrator; the disabled ones too."""
        with self.db.begin() as tx:
            administrator(tx, req, self.clock)
            return {"items": list(tx.scalars(sa.select(Officer).order_by(Officer.username)))}

    @operation(
        "Make an account",
        body=schemas.NewOfficer,
        answers={201: FirstPassword},
        errors=(403, 409, 429),
        idempotent="optional",
        security="officer",
    )
    def on_post(self, req: falcon.Request, body: dict[str, Any], key: Any) -> Any:
        """For the administrator. Answers with its first password, which is shown this once and is
        good for 14 days. Role and agency are for good, and so is the name, also of an account that
        was disabled: whoever moves to another agency, or gets another role, gets a new account
        under a new name, and the old one is disabled. Who works for a desk (`coordinator`,
        `arbiter`, `supervisor`) belongs to an agency in which a desk sits; complaints about that
        agency, and about the one in which their own desk sits, are kept from them. Refused (409)
        for a name that is in use (rule `taken`), and (422) for an agency that is none (`known`),
        where no such desk sits (`seat`), or missing (`required`)."""
        role = Role(body["role"])
        if body["agency"] is None and role is not Role.ADMINISTRATOR:
            raise Invalid("an officer belongs to an agency", "agency", "required")
        now = self.clock.now()
        with self.db.begin() as tx:
            who = administrator(tx, req, self.clock)
            key = key.sent_by(who.id)
            if answer := key.answered(tx):
                return answer
            _is_place_for(role, tx, body["agency"])
            if _named(tx, body["username"], disabled_too=True):
                raise _taken()  # before the hash, which is dear
            password = passwords.first()
            made = {"role": role, "password_hash": _hashed(password), "created_at": now}
            values = {"id": uuid4(), **body, **made}
            statement = insert(Officer).values(values).on_conflict_do_nothing()
            id = tx.scalar(statement.returning(Officer.id))  # waits for who makes the same one
            if id is None:
                raise _taken()
            sessions.remember(tx, id, Deed.CREATED, now, by=who.id)
            return key.remember(tx, {"username": body["username"], "first_password": password})


class Disabling(Resource):
    @operation("Disable an account", answers={204: None}, errors=(403, 409), security="officer")
    def on_post(self, req: falcon.Request, username: str) -> None:
        """For the administrator. Its sessions are over at once, its devices forgotten. Its name is
        not free again: what was done under it stays that officer's. A new first password enables
        it again, with the role and in the agency that it had. Nobody disables their own (409, rule
        `own`)."""
        with self.db.begin() as tx:
            who = administrator(tx, req, self.clock)
            if username == who.username:
                raise NotAllowed("nobody disables their own account", "username", "own")
            disable(tx, username, self.clock.now(), by=who.id)


class NewFirstPassword(Resource):
    @operation(
        "Give an account a new first password",
        answers={200: FirstPassword},
        errors=(403, 429),
        security="officer",
    )
    def on_post(self, req: falcon.Request, username: str) -> dict[str, Any]:
        """For the administrator. Enables it again, ends its sessions, and forgets its failed
        sign-ins and its devices; role and agency stay. The password is shown this once and is good
        for 14 days."""
        now, password = self.clock.now(), passwords.first()
        with self.db.begin() as tx:
            who = administrator(tx, req, self.clock)
            _someone(tx, username)  # before the hash, which is dear
            begin_anew(tx, username, _hashed(password), now, by=who.id)
        return {"username": username, "first_password": password}


def begin_anew(
    tx: Session, username: str, first_password: str, at: datetime, by: UUID | None = None
) -> None:
    """Opens the account for its new first password (hashed) and for nothing else. `by` is the
    administrator; nobody, where it is the operator at the machine. Raises NotFound."""
    officer = _someone(tx, username)
    officer.password_hash, officer.must_change_password = first_password, True
    officer.disabled_at = None
    throttle.forget_failures(tx, username)
    sessions.end_all(tx, officer.id, at)
    throttle.forget_devices(tx, officer.id)
    sessions.remember(tx, officer.id, Deed.PASSWORD_RESET, at, by=by)


def disable(tx: Session, username: str, at: datetime, by: UUID | None = None) -> None:
    """Ends the account's sessions, forgets its devices and lets nobody in by it any more. `by`: as
    for `begin_anew`. Raises NotFound."""
    officer = _someone(tx, username)
    if officer.disabled_at is None:
        officer.disabled_at = at
        sessions.remember(tx, officer.id, Deed.DISABLED, at, by=by)
    sessions.end_all(tx, officer.id, at)
    throttle.forget_devices(tx, officer.id)


def administrator(tx: Session, req: falcon.Request, clock: Clock) -> SignedIn:
    """The signed-in administrator. Raises Forbidden for everybody else."""
    who = signed_in(tx, req, clock.now())
    if who.actor.role is not Role.ADMINISTRATOR:
        raise Forbidden("only an administrator may")
    sessions.hold(tx, who)  # or a first password might be given in a name that was taken away
    return who


def _is_place_for(role: Role, tx: Session, code: str | None) -> None:
    """Raises Invalid for an agency that is none, or where nobody of that role can be: what a desk
    reads of confidential reporters, moments and all, is kept from those who handle cases only."""
    agency = tx.get(models.Agency, code) if code is not None else None
    if code is not None and agency is None:
        raise Invalid("there is no such agency", "agency", "known")
    if role in LADDER and agency is not None and agency.role is AgencyRole.HANDLER:
        raise Invalid("a desk's officers belong to where a desk sits", "agency", "seat")


def _is_stale(tx: Session, officer: Officer, at: datetime) -> bool:
    """Whether it is a first password that nobody came to change; its moment is on file."""
    given = sa.select(sa.func.max(OfficerEvent.at)).where(
        OfficerEvent.officer_id == officer.id,
        OfficerEvent.deed.in_((Deed.CREATED, Deed.PASSWORD_RESET)),
    )
    since = tx.scalar(given) or officer.created_at
    return officer.must_change_password and at >= since + passwords.FIRST_LASTS


@contextmanager
def _looked_at(db: Transactions, counted: Place) -> Iterator[None]:
    """A try that finds no turn was none."""
    try:
        yield
    except TooMany:
        with db.begin() as tx:
            throttle.take_back(tx, counted)
        raise


def _is_another(body: Mapping[str, str], username: str) -> None:
    """Raises Invalid for a new password that is none, or too weak."""
    if body["password"] == body["new_password"]:
        raise Invalid("the new password is the old one", "new_password", "other")
    passwords.judge(body["new_password"], username)


def _token(tx: Session, officer: Officer, device: str, clock: Clock) -> dict[str, Any]:
    token, expires_at = sessions.open_session(tx, officer, clock.now())
    return {
        "token": token,
        "device": device,
        "expires_at": expires_at,
        "role": officer.role,
        "agency": officer.agency,
        "must_change_password": officer.must_change_password,
    }


def _taken() -> NotAllowed:
    return NotAllowed("there is an account of this name", "username", "taken")


def _wrong() -> Unauthorized:
    metrics.SIGN_INS.labels("wrong").inc()
    return Unauthorized("the username or the password is wrong")


def _password_of(tx: Session, username: str) -> str | None:
    """The hash of who is named so and not disabled. As one row for every name, and nothing else is
    read: how long it takes tells nothing."""
    of_name = sa.select(Officer.password_hash).where(
        throttle.is_named(username), Officer.disabled_at.is_(None)
    )
    return tx.scalar(sa.select(of_name.scalar_subquery()))


def _named(
    tx: Session, username: str, *, disabled_too: bool = False, lock: bool = False
) -> Officer | None:
    statement = sa.select(Officer).where(throttle.is_named(username))
    if not disabled_too:
        statement = statement.where(Officer.disabled_at.is_(None))
    if lock:
        statement = statement.with_for_update()
    return tx.scalars(statement).one_or_none()


def _someone(tx: Session, username: str) -> Officer:
    statement = sa.select(Officer).where(throttle.is_named(username)).with_for_update()
    officer = tx.scalars(statement).one_or_none()
    if officer is None:
        raise NotFound("there is no such account")
    return officer


def _hashed(password: str) -> str:
    with passwords.turn():
        return passwords.hashed(password)
