"""Notify's own code on a real database, and a mail server that does what a test tells it."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import contracts
from chassis.clock import Clock
from chassis.config import Secret, SecretText
from chassis.database import Transactions, engine
from chassis.events import Event
from chassis.inbox import ANYBODY
from services.intake.sealing import Sealer
from services.notify import posts
from services.notify.config import Settings
from services.notify.keyring import Keyring
from services.notify.outgoing import Outgoing
from services.notify.service import Notify
from tests.harness.databases import Database
from tests.harness.postbox import Postbox

NUMBER = "KTB-12345-67890"
CONTACT = {
    "name": "Siti Nurhayati Kenari",
    "email": "siti.kenari@surel-uji.example",
    "phone": "081234509876",
    "address": "Jalan Veteran Kenari 77",
    "language": "id",
}
NEW = "nurhayati.kenari@surel-lain.example"
SEKDA = "sekda@kotabaru.example"
RAISED = {"clock": "S", "to": "sekda", "because": None, "agency": "dpupr", "level": 2}


class HandClock(Clock):
    """Both of its times are moved by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.moved = timedelta()

    def real(self):
        return super().real() + self.moved


def settings(database: Database, secrets: Path, postbox: Postbox) -> Settings:
    """As a worker would read them."""
    return Settings(
        service="notify",
        lapor_env="test",
        database_url=SecretText(database.url),
        notify_private_key=Secret((secrets / "notify-private-key.json").read_bytes()),
        kek=Secret((secrets / "kek.json").read_bytes()),
        smtp_host="127.0.0.1",
        smtp_port=postbox.port,
        smtp_from="lapor@kotabaru.example",
        public_url="https://lapor.example",
        quiet_hours="",
        mailbox_limit=0,
    )


class Stream:
    """Events as other services would send them, numbered within their streams."""

    def __init__(self, secrets: Path) -> None:
        self._sealer = Sealer((secrets / "notify-public-key.json").read_bytes())
        self._sequences: dict[tuple[str, str], itertools.count[int]] = {}

    def body(self, type: str, number: str = NUMBER, **data: Any) -> bytes:
        """The next event of a type, made from its contract's first example."""
        example = next(iter(contracts.examples(type).values()))
        if type == "case.opened.v1":
            data = {"reachable": True} | data
        source = contracts.source(type)
        counted = self._sequences.setdefault((source, number), itertools.count(1))
        event = Event(
            id=str(uuid4()), source=source, type=type, subject=number,
            time=Clock().now(), sequence=next(counted), correlationid="a-chain-of-causes",
            data=example["data"] | data,
        )  # fmt: skip
        return json.dumps(event.document()).encode()

    def contact(self, number: str = NUMBER, sealed_for: str = "", **contact: Any) -> bytes:
        """A contact as intake seals it."""
        sealed = self._sealer.seal(CONTACT | contact, sealed_for or number)
        return self.body(
            "report.contact_sealed.v1", number, sealed=sealed, key_id=self._sealer.key_id
        )

    def replaced(self, number: str = NUMBER, **contact: Any) -> bytes:
        """Another contact as intake seals it; without any word, none."""
        sealed = self._sealer.seal(contact, number)
        return self.body(
            "report.contact_replaced.v1", number, sealed=sealed, key_id=self._sealer.key_id
        )


class Desk:
    """Hears events and sends mail in this process, one step at a time."""

    def __init__(self, database: Database, secrets: Path, postbox: Postbox) -> None:
        self.database, self.postbox, self.clock = database, postbox, HandClock()
        self.engine = engine(database.url, 4)
        self.db, self.stream = Transactions(self.engine), Stream(secrets)
        self.settings = settings(database, secrets, postbox)
        self.keyring = self.settings.keyring()
        self.smtp = self.settings.smtp()
        self.notify = Notify()
        self.notify.db, self.notify.clock = self.db, self.clock
        self.notify.settings = self.settings
        self.outgoing = self.with_keyring(self.keyring)

    def with_keyring(self, keyring: Keyring) -> Outgoing:
        """Another process, that has another keyring."""
        self.notify.post = SimpleNamespace(opener=self.settings.opener(), keyring=keyring)
        return Outgoing(self.db, self.clock, self.settings, keyring, self.smtp)

    def hear(self, type: str, number: str = NUMBER, **data: Any) -> str:
        """Receives one event; what the inbox did with it."""
        return self.receive(self.stream.body(type, number, **data))

    def hear_contact(self, number: str = NUMBER, **contact: Any) -> str:
        return self.receive(self.stream.contact(number, **contact))

    def hear_replaced(self, number: str = NUMBER, **contact: Any) -> str:
        """A contact comes in place of the one before: another address, unless it says which."""
        return self.receive(self.stream.replaced(number, **(CONTACT | {"email": NEW} | contact)))

    def receive(self, body: bytes) -> str:
        return self.notify.inbox.receive(body, ANYBODY)

    def retry(self) -> None:
        """Tries every waiting event that is due."""
        while self.notify.inbox.retry_due():
            pass

    def send(self) -> int:
        """Sends all that is due now; how many tries that took."""
        tries = 0
        while claims := self.outgoing.claim(100):
            tries += len(claims)
            for claim in claims:
                self.outgoing.send(claim)
        return tries

    def later(self, **by: float) -> None:
        self.clock.moved += timedelta(**by)

    def said(self, type: str = "") -> list[dict[str, Any]]:
        """The data of what notify emitted, in order."""
        rows = self.database.psql("SELECT type, data FROM outbox ORDER BY id")
        return [data for found, data in rows if found.startswith(type)]

    def tries(self) -> list[tuple[Any, ...]]:
        """The ledger: number of the try, outcome, class of the reply."""
        return self.database.psql("SELECT n, outcome, reply FROM attempt ORDER BY started_at, n")

    def states(self) -> list[tuple[Any, ...]]:
        """Each message's news, state and reason."""
        return self.database.psql("SELECT about, state, reason FROM message ORDER BY written_at")

    def close(self) -> None:
        self.engine.dispose()


def furnish(desk: Desk, post: str = "sekda", agency: str | None = None, email: str = SEKDA) -> None:
    with desk.db.begin() as tx:
        posts.keep(tx, desk.keyring, post, agency, email, "id")


def known(desk: Desk) -> None:
    """A reporter who can be told, and was told of the receipt."""
    desk.hear_contact()
    desk.hear("case.opened.v1")
    desk.send()
    desk.postbox.mails.clear()
    desk.postbox.recipients.clear()
