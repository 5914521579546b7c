"""The file of keys that sign the feed, and the commands that change which of them does."""

from __future__ import annotations

import json
from pathlib import Path

from deploy import secrets
from services.escalation.ombudsman import announcing
from services.escalation.ombudsman.signing import Signers
from tests.service.escalation.tower import Tower


class Vault:
    """The file of keys, as an operator changes it; every worker reads it at its start."""

    def __init__(self, folder: Path, tower: Tower) -> None:
        secrets.make(folder)
        self._folder, self._tower = folder, tower
        self.load()

    def load(self) -> Signers:
        """What a worker that starts now holds."""
        self._tower.service.signers = Signers(self.file.read_bytes())
        return self._tower.service.signers

    @property
    def file(self) -> Path:
        return self._folder / "feed-signing-key.json"

    @property
    def kids(self) -> list[str]:
        document = json.loads(self.file.read_text())
        return [jwk["kid"] for jwk in document.get("keys", [document])]

    def add(self) -> Signers:
        secrets.add_feed_key(self._folder)
        return self.load()

    def lose(self, kid: str) -> Signers:
        """One of them alone."""
        kept = [one for one in json.loads(self.file.read_text())["keys"] if one["kid"] != kid]
        self.file.write_text(json.dumps({"keys": kept}))
        return self.load()

    def drop(self) -> Signers:
        secrets.drop_feed_keys(self._folder)
        return self.load()


def introduce(tower: Tower) -> list[str]:
    """The names of those that were announced on the chain, too."""
    with tower.db.begin() as tx:
        shown = announcing.introduce(tx, tower.service.signers, tower.clock.now())
    return [kid for kid, announced in shown.items() if announced]


def switch(tower: Tower, *, at_once: bool = False) -> str:
    with tower.db.begin() as tx:
        now = tower.clock.now()
        return announcing.switch(tx, tower.service.signers, now, at_once=at_once)
