"""The Ombudsman reads a dossier: as data, to check and to open."""

from __future__ import annotations

from typing import Any

import falcon

from chassis import web
from chassis.errors import NotFound
from services.escalation import models, parts, schemas
from services.escalation.ombudsman import Ombudsman


class Dossiers(Ombudsman):
    """`/v1/ombudsman/dossiers/{number}`"""

    @web.operation(
        "The dossier of a case that was handed over, with what only the Ombudsman can open",
        answers={200: schemas.Dossier},
        security="ombudsman",
    )
    def on_get(self, req: falcon.Request, number: str) -> dict[str, Any]:
        self.admit(req)
        with self.db.begin() as tx:
            found = tx.get(models.Dossier, number.upper())
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
            }
