"""The Ombudsman's side of the return path: bears its key and signs what it sends."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from falcon import testing
from joserfc.jwk import OKPKey

from services.escalation import api
from services.escalation.config import Settings
from services.escalation.ombudsman.webhooks import sign
from tests.service.escalation.tower import NUMBER, Tower, local, rfc3339

HANDED_OVER = "2027-01-04 10:00"
REFERENCE = "0123/LM/I/2027/BJM"
NEEDS: dict[str, dict[str, str]] = {
    "received": {"reference": REFERENCE},
    "declined": {"reason": "incomplete", "words": "Bukti permintaan kepada instansi belum ada."},
    "under_examination": {"reference": REFERENCE},
    "mediation": {"reference": REFERENCE, "words": "Instansi diundang ke pertemuan mediasi."},
    "corrective_action": {"reference": REFERENCE, "words": "Jembatan diperbaiki dalam 30 hari."},
    "recommendation": {"reference": REFERENCE, "words": "Perbaikan dianggarkan dan dilaporkan."},
    "closed": {"reference": REFERENCE},
}


def signing_key(secrets: Path) -> Ed25519PrivateKey:
    """The private half that an installation made for its Ombudsman to begin with."""
    document = json.loads((secrets / "ombudsman-signing-key.json").read_text())
    key = OKPKey.import_key(document).private_key
    assert isinstance(key, Ed25519PrivateKey)
    return key


def letter(answer: str, number: str = NUMBER, /, **other: Any) -> bytes:
    """A whole answer as bytes, decided when a case is `handed_over`."""
    said = {"number": number, "answer": answer, "at": rfc3339(local(HANDED_OVER))}
    return json.dumps(said | NEEDS[answer] | other).encode()


def headers(key: Ed25519PrivateKey, body: bytes, id: str = "", at: datetime | None = None) -> Any:
    """The three that sign a body."""
    return sign(id or f"msg_{uuid4().hex}", at or datetime.now(UTC), body, [key.sign])


class Overseer:
    """Answers over HTTP, in this process."""

    def __init__(self, tower: Tower, secrets: Path, settings: Settings | None = None) -> None:
        app = api.app(settings or tower.settings, tower.db, tower.clock)
        self._client, self.key = testing.TestClient(app), signing_key(secrets)
        bearer = (secrets / "ombudsman-bearer-key").read_text().strip()
        self.bearer = {"Authorization": f"Bearer {bearer}"}

    def post(self, body: bytes, signed: dict[str, str], number: str = NUMBER) -> testing.Result:
        """Sends these bytes with these headers."""
        told = {"Content-Type": "application/json", **self.bearer, **signed}
        path = f"/v1/ombudsman/handovers/{number}/answers"
        return self._client.simulate_post(path, body=body, headers=told)

    def answer(self, answer: str, number: str = NUMBER, **other: Any) -> testing.Result:
        """Signs and sends an answer."""
        body = letter(answer, number, **other)
        return self.post(body, headers(self.key, body), number)

    def answers(self, *answers: str) -> None:
        """Several, one after the other, all of which are taken."""
        for each in answers:
            taken = self.answer(each)
            assert taken.status_code == 200, taken.text


def handed_over(tower: Tower) -> None:
    """A case that nobody settled stands on the feed, and its F, S and H are late."""
    tower.open()
    tower.dispose()
    tower.hear("report.escalation_consented.v1")
    tower.at(HANDED_OVER).sweep()
    tower.append()
