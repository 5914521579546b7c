"""The administrator's desk: where the rules are seen and decreed, and what is decreed there."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

from falcon import testing

from chassis.tokens import Issuer
from services.escalation import api
from tests.service.escalation.tower import Tower

WHO = UUID("7d8a8f3e-6c5b-4a52-9f6a-7a0f7f1f2a11")
GRANT = UUID("3c0c2f0e-0f5e-4a7e-9f43-5b2d7c1e8a90")  # the session that WHO is signed in by
OTHER = "KTB-34567-00001"
DECREE = "Perbup 71/2026"
LIMIT = {"clock": "V", "days": 5, "unit": "working", "effective_from": "2026-11-02",
         "decree": DECREE}  # fmt: skip
RUNG = {"clock": "V", "level": 2, "after_days": 1, "brought_to": "sekda",
        "effective_from": "2026-11-02", "decree": DECREE}  # fmt: skip
DAY = {"day": "2026-11-05", "rule": "off", "name": "Hari jadi Kotabaru", "decree": DECREE}
WEEK = {"weekdays": [0, 1, 2, 3, 4, 5], "national_days": True, "joint_leave": False,
        "effective_from": "2026-11-02", "decree": DECREE}  # fmt: skip
HOSPITAL = WEEK | {"code": "rsud", "name": "RSUD", "zone": "Asia/Makassar"}
POST = {"post": "sekda", "standing": "absent", "effective_from": "2026-11-02", "decree": DECREE}
GIVEN = {"agency": "rsud-pjs", "effective_from": "2026-11-02", "decree": DECREE}


class Desk:
    """The administrator's."""

    def __init__(self, tower: Tower, secrets: Path) -> None:
        self.tower = tower
        self.client = testing.TestClient(api.app(tower.settings, tower.db, tower.clock))
        self.issuer = Issuer("routing", (secrets / "staff-token-key.json").read_bytes(), "KEY")

    def ask(
        self, method: str, path: str, body: Any = None, role: str = "administrator",
        key: str = "", who: UUID = WHO, **query: Any,
    ) -> Any:  # fmt: skip
        now, told = self.tower.clock.now(), {"role": role, "agency": None, "grant": str(GRANT)}
        token = self.issuer.issue("escalation", "officer", str(who), now, **told)["token"]
        headers = {"Authorization": f"Bearer {token}"} | ({"Idempotency-Key": key} if key else {})
        return self.client.simulate_request(
            method, f"/v1/{path}", json=body, headers=headers, params=query
        )

    def see(self, path: str, **query: Any) -> Any:
        answer = self.ask("GET", path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json

    def decree(self, path: str, body: Any, **other: Any) -> Any:
        answer = self.ask("POST", path, body | other)
        assert answer.status_code == 201, answer.text
        return answer.json

    def preview(self, path: str, body: Any, **other: Any) -> Any:
        answer = self.ask("POST", path, body | other, preview="true")
        assert answer.status_code == 200, answer.text
        return answer.json

    def refused(self, path: str, body: Any) -> list[tuple[str, str]]:
        answer = self.ask("POST", path, body)
        assert answer.status_code == 422, answer.text
        return sorted((e["field"], e["rule"]) for e in answer.json["errors"])
