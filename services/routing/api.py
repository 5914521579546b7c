"""Routing's HTTP: which resource stands at which address."""

from __future__ import annotations

from typing import Any

import falcon

from chassis import web
from chassis.spelling import Spelling
from services.routing import cases, desk, directory, officers, vouching
from services.routing.denials import Ledger
from services.routing.schemas import CODE, NUMBER
from services.routing.sessions import SECURITY

__all__ = ["SECURITY", "app", "routes"]

ADDRESSES: dict[str, type[officers.Resource]] = {
    "/v1/officers": officers.Everybody,
    "/v1/officers/sign-in": officers.SignIn,
    "/v1/officers/sign-out": officers.SignOut,
    "/v1/officers/password": officers.Password,
    "/v1/officers/me": officers.Myself,
    "/v1/officers/token": vouching.OfOfficer,
    "/v1/officers/{username}/disabling": officers.Disabling,
    "/v1/officers/{username}/first-password": officers.NewFirstPassword,
    "/v1/agencies": directory.Agencies,
    "/v1/agencies/{code}": directory.OneAgency,
    "/v1/districts": directory.Districts,
    "/v1/categories": directory.Categories,
    "/v1/cases": cases.Cases,
    "/v1/cases/{number}": cases.OneCase,
    "/v1/cases/{number}/token": vouching.OfCase,
}


def routes(settings: Any, db: Any, clock: Any) -> dict[str, Any]:
    """Every address and its resource."""
    resources = ADDRESSES | {f"/v1/cases/{{number}}/{name}": r for name, r in desk.VERBS.items()}
    return {address: resource(settings, db, clock) for address, resource in resources.items()}


def app(settings: Any, db: Any, clock: Any) -> falcon.App[Any, Any]:
    """The WSGI application."""
    made = web.app("routing", routes(settings, db, clock), pepper=settings.pepper())
    made.add_middleware(Spelling(number=NUMBER.regex, code=CODE.regex))
    made.add_middleware(Ledger(db, clock))
    return made
