"""Each service's own handlers and inbox in this process, on a database of its own; its clock
stands still, so what is left after some events depends on the events alone.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Event as Flag
from types import SimpleNamespace
from typing import Any

from chassis import tables
from chassis.clock import Clock
from chassis.config import SecretText
from chassis.database import Transactions, engine
from chassis.events import from_document
from chassis.inbox import ANYBODY
from chassis.service import Service
from services.escalation import seed
from services.escalation.service import Escalation
from services.intake.service import Intake
from services.notify.service import Notify
from services.routing.config import Settings as RoutingSettings
from services.routing.service import Routing
from tests.harness.databases import Database
from tests.harness.postbox import Postbox
from tests.service.chassis.stories import report
from tests.service.escalation.tower import settings as escalation_settings
from tests.service.escalation.tower import years
from tests.service.notify.desk import settings as notify_settings
from tests.service.routing.office import furnish

# Given by chance or by the order of arrival: no word of what happened.
UNEQUAL = {"id", "event_id", "clock_id", "message_id", "recorded_at", "emitted_at"}
UNEQUAL |= {"correlationid", "sequence", "password_hash", "created_at"}
UNEQUAL |= {"data_key", "reach", "identity"}  # sealed with a fresh key each time
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
DUE = "UPDATE inbox SET next_try_at = %s WHERE state = 'waiting'"
FILED = (
    "SELECT source, subject, sequence, state, reason FROM inbox WHERE state <> 'done'"
    " ORDER BY 1, 2, 3"
)
# What may differ: a notice about an answer that the case has outlived starts no time to object.
FREE = {
    "escalation": (
        "DELETE FROM due USING clock WHERE clock_id = clock.id AND clock = 'R';"
        "DELETE FROM outbox WHERE data->>'clock' = 'R'; DELETE FROM clock WHERE clock = 'R'"
    )
}


class StillClock(Clock):
    """Moved by hand, and by nothing else."""

    def __init__(self, at: datetime) -> None:
        super().__init__()
        self.at = at

    def real(self) -> datetime:
        return self.at


class Hearer:
    """One service, furnished, that hears what it is given."""

    def __init__(self, database: Database, at: datetime, secrets: Path) -> None:
        self.database, self.clock = database, StillClock(at)
        self._engine = engine(database.url, 2)
        self.db = Transactions(self._engine)
        self.service: Any = FURNISHED[database.service](self, secrets)
        self.service.db, self.service.clock = self.db, self.clock
        self.service.caught_up = Flag()
        self.service.caught_up.set()

    def hear(self, *bodies: bytes) -> None:
        """Takes some deliveries as one batch."""
        self.service.inbox.receive_all([(body, ANYBODY) for body in bodies])

    def settle(self) -> None:
        """Tries all that waits until that changes nothing; no time passes meanwhile."""
        before = None
        while (filed := self.filed()) != before:
            before = filed
            self.database.psql(DUE, [self.clock.at])
            while self.service.inbox.retry_due():
                pass

    def filed(self) -> list[tuple[str, str, int, str, str]]:
        """What is not done: source, subject, number, state and reason."""
        return self.database.psql(FILED)

    def positions(self) -> dict[tuple[str, str], int]:
        """How far each stream was followed."""
        found = self.database.psql("SELECT source, subject, sequence FROM position")
        return {(source, subject): sequence for source, subject, sequence in found}

    def state(self) -> dict[str, Counter[str]]:
        """Every row that is no mechanism's, and what was said: without what is given by chance, or
        may be otherwise. The last look: it deletes."""
        found = {}
        if free := FREE.get(self.database.service):
            self.database.psql(free)
        for (table,) in self.database.psql(TABLES):
            if table == "outbox" or table not in tables.NAMES:
                rows = self.database.psql(f'SELECT to_jsonb(t) FROM "{table}" t')
                found[table] = Counter(_plain(row) for (row,) in rows)
        return found

    def close(self) -> None:
        self._engine.dispose()


def _plain(row: dict[str, Any]) -> str:
    kept = {name: value for name, value in row.items() if name not in UNEQUAL}
    if isinstance(data := kept.get("data"), dict):
        kept["data"] = {name: value for name, value in data.items() if name not in UNEQUAL}
    return json.dumps(kept, sort_keys=True)


def _intake(_: Hearer, __: Path) -> Service:
    return Intake()


def _routing(hearer: Hearer, _: Path) -> Service:
    furnish(hearer.database)
    service, url = Routing(), SecretText(hearer.database.url)
    service.settings = RoutingSettings(service="routing", lapor_env="test", database_url=url)
    return service


def _notify(hearer: Hearer, secrets: Path) -> Service:
    keys, service = notify_settings(hearer.database, secrets, Postbox()), Notify()
    service.settings = keys
    service.post = SimpleNamespace(opener=keys.opener(), keyring=keys.keyring())
    return service


def _escalation(hearer: Hearer, secrets: Path) -> Service:
    with hearer.db.begin() as tx:
        seed.plant(tx, years())
    service = Escalation()
    service.settings = escalation_settings(hearer.database, secrets)
    service.signers = service.settings.signers()
    return service


FURNISHED: dict[str, Callable[[Hearer, Path], Service]] = {
    "intake": _intake, "routing": _routing, "notify": _notify, "escalation": _escalation,
}  # fmt: skip


@contextmanager
def hearing(make: Callable[[], Database], bodies: list[bytes], secrets: Path) -> Iterator[Hearer]:
    """A hearer on a fresh database, when the last of the events that it will hear happened; intake
    has the reports that they are about."""
    events = [from_document(json.loads(body)) for body in bodies]
    hearer = Hearer(make(), max(event.time for event in events), secrets)
    if hearer.database.service == "intake":
        for subject in {event.subject for event in events if event.subject != "promises"}:
            report(hearer.database, subject)
        at = [hearer.clock.at] * 2
        hearer.database.psql("UPDATE report SET received_at = %s, status_since = %s", at)
    try:
        yield hearer
    finally:
        hearer.close()
