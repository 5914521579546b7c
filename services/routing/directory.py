"""Agencies, districts and categories over HTTP: public to read, the administrator's to correct."""

from __future__ import annotations

from typing import Any

import falcon
import sqlalchemy as sa
from marshmallow import fields, validate
from sqlalchemy.orm import Session

from chassis.errors import NotFound
from chassis.schemas import Shown
from chassis.web import operation
from services.routing import schemas
from services.routing.life import OPEN
from services.routing.models import (
    Agency,
    AgencyEvent,
    AgencyKind,
    AgencyRole,
    Case,
    Category,
    District,
    NameSource,
)
from services.routing.officers import Resource, administrator


class AgencyShown(Shown):
    """An office of the regency. One that is not `active` gets no new cases; `name_source`: whether
    somebody has confirmed how it is called."""

    code = fields.String()
    name = fields.String()
    kind = fields.String(validate=validate.OneOf(list(AgencyKind)))
    role = schemas.Word(AgencyRole)
    name_source = schemas.Word(NameSource)
    active = fields.Boolean()


class AgencyChanged(AgencyShown):
    """As it is now. `open_cases`: how many one that is not active has in hand, without those that
    follow another; they are to be handed on, or it still answers them. Of an active one it is null:
    who may see no case is not to learn when one comes and ends."""

    open_cases = fields.Integer(allow_none=True)


class AgenciesShown(Shown):
    """All agencies, by name."""

    items = fields.List(fields.Nested(AgencyShown))


class DistrictShown(Shown):
    """A kecamatan, and how many villages it has."""

    code = fields.String()
    name = fields.String()
    villages = fields.Integer()


class DistrictsShown(Shown):
    """All districts, by code."""

    items = fields.List(fields.Nested(DistrictShown))


class CategoryShown(Shown):
    """What a report can be about."""

    code = fields.String()
    name = fields.String()
    parent = fields.String()


class CategoriesShown(Shown):
    """All categories, by their upper level and then by name."""

    items = fields.List(fields.Nested(CategoryShown))


class Agencies(Resource):
    @operation("Agencies", answers={200: AgenciesShown})
    def on_get(self, req: falcon.Request) -> dict[str, Any]:
        """By name; those too that get no new cases any more. For everybody."""
        with self.db.begin() as tx:
            return {"items": list(tx.scalars(sa.select(Agency).order_by(Agency.name)))}


class OneAgency(Resource):
    @operation(
        "Correct an agency",
        body=schemas.AgencyChange,
        answers={200: AgencyChanged},
        errors=(403,),
        security="officer",
    )
    def on_put(self, req: falcon.Request, code: str, body: dict[str, Any]) -> Any:
        """For the administrator. The name is confirmed by that. An agency that is not active gets
        no new cases, and keeps its old ones (`open_cases`) until the desk that decides hands them
        on: tell it, before the accounts there are disabled. What changed, and by whom, is on
        record."""
        with self.db.begin() as tx:
            who = administrator(tx, req, self.clock)
            agency = tx.get(Agency, code, with_for_update=True)
            if agency is None:
                raise NotFound("there is no such agency")
            changes = {}
            for name, new in (body | {"name_source": NameSource.CONFIRMED}).items():
                if (old := getattr(agency, name)) != new:
                    setattr(agency, name, new)
                    changes[name] = [old, new]
            if changes:
                at = self.clock.now()
                tx.add(AgencyEvent(agency=code, by=who.id, at=at, changes=changes))
            shown = {name: getattr(agency, name) for name in AgencyShown().fields}
            return shown | {"open_cases": None if agency.active else _in_hand(tx, code)}


def _in_hand(tx: Session, code: str) -> int:
    handled = Case.agency == code, Case.status.in_(list(OPEN)), Case.merged_into.is_(None)
    return tx.scalar(sa.select(sa.func.count()).where(*handled)) or 0


class Districts(Resource):
    @operation("Districts", answers={200: DistrictsShown})
    def on_get(self, req: falcon.Request) -> dict[str, Any]:
        """By code. For everybody."""
        with self.db.begin() as tx:
            return {"items": list(tx.scalars(sa.select(District).order_by(District.code)))}


class Categories(Resource):
    @operation("Categories", answers={200: CategoriesShown})
    def on_get(self, req: falcon.Request) -> dict[str, Any]:
        """By their upper level (`parent`), then by name. For everybody."""
        with self.db.begin() as tx:
            ordered = sa.select(Category).order_by(Category.parent, Category.name)
            return {"items": list(tx.scalars(ordered))}
