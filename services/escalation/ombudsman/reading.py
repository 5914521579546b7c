"""The Ombudsman reads a dossier: as data, to check and to open, or on paper, for people."""

from __future__ import annotations

from typing import Any

import falcon

from chassis import web
from chassis.database import Transactions
from chassis.errors import NotFound
from services.escalation import models, schemas
from services.escalation.config import Settings
from services.escalation.ombudsman import parts
from services.escalation.ombudsman.doors import Ombudsman

JSON, PDF = "application/json", "application/pdf"


class Dossiers(Ombudsman):
    """`/v1/ombudsman/dossiers/{number}`"""

    def __init__(self, settings: Settings, db: Transactions) -> None:
        super().__init__(settings, db)
        self._zone = settings.zone

    @web.operation(
        "The dossier of a case that was handed over, with what only the Ombudsman can open",
        answers={200: schemas.Dossier},
        security="ombudsman",
    )
    def as_data(self, req: falcon.Request, number: str) -> dict[str, Any]:
        self.admit(req)
        with self.db.begin() as tx:
            found = tx.get(models.Dossier, number)
            if found is None:
                raise NotFound("no such case was handed over")
            sealed = parts.of(tx, found.number)
            return {
                "dossier": found.content,
                "sha256": found.sha256,
                "sealed": [
                    {"part": p.part, "key_id": p.key_id, "sha256": p.sha256, "sealed": p.sealed}
                    for p in sealed
                ],
                "erased_at": found.erased_at,
                "consent_ended_at": found.consent_ended_at,
            }

    def on_get(self, req: falcon.Request, resp: falcon.Response, number: str) -> None:
        """As data, unless `Accept` would rather have a PDF."""
        self.as_data(req, resp, number=number)
        resp.set_header("Vary", "Accept")
        if req.client_prefers((JSON, PDF)) == PDF:
            from services.escalation.ombudsman import paper

            resp.content_type = PDF
            resp.data = paper.printed(resp.media, self._zone)

    on_get.operation = as_data.operation  # type: ignore[attr-defined]
