"""Where a case's limits are asked for, over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from falcon import testing

from chassis.tokens import Issuer
from services.escalation import api
from tests.service.escalation.desk import GRANT, WHO
from tests.service.escalation.tower import NUMBER, Tower

KEYS = {"intake": "reporter-token-key.json", "routing": "staff-token-key.json"}


class Window:
    """Where limits are asked for, with a token of the case."""

    def __init__(self, tower: Tower, secrets: Path) -> None:
        self.tower = tower
        self.client = testing.TestClient(api.app(tower.settings, tower.db, tower.clock))
        self.issuers = {by: Issuer(by, (secrets / KEYS[by]).read_bytes(), by) for by in KEYS}

    def token(self, by: str = "intake", number: str = NUMBER, scope: str = "case") -> str:
        now = self.tower.clock.now()
        said = {"grant": str(GRANT), "officer": str(WHO)} if by == "routing" else {}
        return str(self.issuers[by].issue("escalation", scope, number, now, **said)["token"])

    def ask(self, what: str = "deadlines", token: str = "", number: str = NUMBER, **query: Any):
        headers = {"Authorization": f"Bearer {token or self.token()}"}
        return self.client.simulate_get(f"/v1/cases/{number}/{what}", headers=headers, params=query)

    def told(self, what: str = "deadlines", **query: Any) -> dict[str, dict[str, Any]]:
        """By clock and round."""
        answer = self.ask(what, **query)
        assert answer.status_code == 200, answer.text
        return {f"{d['clock']}{d['cycle']}": d for d in answer.json["deadlines"]}
