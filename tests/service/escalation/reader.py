"""The Ombudsman's side of the feed, in the test's own process."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from falcon import testing

from services.escalation import api
from tests.service.escalation.tower import Tower

FEED = "/v1/ombudsman/feed"


class Reader:
    """Reads with the key that was handed to the Ombudsman, and goes by the tower's clock."""

    def __init__(self, tower: Tower, secrets: Path) -> None:
        self._client = testing.TestClient(api.app(tower.settings, tower.db, tower.clock))
        key = (secrets / "ombudsman-bearer-key").read_text().strip()
        self.headers = {"Authorization": f"Bearer {key}"}

    def ask(self, path: str = FEED, **params: Any) -> testing.Result:
        """Whatever is answered."""
        return self._client.simulate_get(path, params=params, headers=self.headers)

    def get(self, path: str = FEED, **params: Any) -> dict[str, Any]:
        """What is there."""
        answer = self.ask(path, **params)
        assert answer.status_code == 200, answer.json
        return dict(answer.json)

    def post(self, path: str, body: Any) -> testing.Result:
        """Whatever is answered."""
        return self._client.simulate_post(path, json=body, headers=self.headers)

    def all(self, stream: str = "monitoring", after: str = "") -> list[dict[str, Any]]:
        """Every entry after a cursor."""
        seen, more = [], True
        while more:
            page = self.get(stream=stream, after=after, limit=50)
            seen += page["events"]
            after, more = page["cursor"], page["more"]
        return seen

    def end(self, stream: str = "monitoring") -> dict[str, Any]:
        """The signed end of a stream."""
        return self.get("/v1/ombudsman/checkpoint", stream=stream)

    def acknowledge(self, cursor: str, hash: str, stream: str = "monitoring") -> testing.Result:
        """Says that everything up to a cursor is here."""
        body = {"stream": stream, "cursor": cursor, "hash": hash}
        return self.post("/v1/ombudsman/acknowledgements", body)


def public(jwk: dict[str, Any]) -> Ed25519PublicKey:
    """The key of a JWK, read by hand."""
    return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(jwk["x"] + "="))


def place(text: str) -> str:
    """A cursor, made up."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
