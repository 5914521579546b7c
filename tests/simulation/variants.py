"""Five chassis that are broken on purpose, one guarantee each; the invariants must see each."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis import relay
from chassis.events import Event
from chassis.inbox import Inbox
from tests.simulation.parts import WiredRelay
from tests.simulation.world import Variant


class Single(Inbox):
    """Takes each event by itself, so that what is broken there is broken everywhere."""

    def receive_all(self, deliveries: Sequence[tuple[bytes, str | None]]) -> None:
        for body, sender in deliveries:
            self.receive(body, sender)


class Forgetful(Single):
    """Does not claim an event: whoever comes again is handled again."""

    def _first(self, event: Event, row: dict[str, Any], tx: Session) -> str:
        position = self._position(event, tx)
        if event.sequence > position + 1:
            return super()._first(event, row, tx)
        return self._apply(event, position, tx, again=True)

    def _position(self, event: Event, tx: Session) -> int:
        found = sa.text("SELECT sequence FROM position WHERE source = :s AND subject = :j")
        return tx.execute(found, {"s": event.source, "j": event.subject}).scalar() or 0


class Careless(Inbox):
    """Handles what came together whether or not it had it before."""

    def _apply_all(self, events: Sequence[Event], tx: Session) -> None:
        for event in events:
            self._handle(event, tx)


class Hasty(Single):
    """Applies an event at once, whatever its number."""

    def _first(self, event: Event, row: dict[str, Any], tx: Session) -> str:
        claim = sa.text(
            "INSERT INTO inbox (event_id, state, received_at) VALUES (:id, 'done', :now)"
            " ON CONFLICT DO NOTHING RETURNING 1"
        )
        if tx.execute(claim, row).scalar() is None:
            return "known"
        return self._apply(event, event.sequence - 1, tx)


class Cursor(WiredRelay):
    """Remembers the last id that it published, and looks for later ones only."""

    last = 0

    def _publish(self, connection: sa.Connection) -> int:
        beyond = sa.text(relay._PICK.text.replace("published_at IS NULL", "id > :last"))
        found = connection.execute(beyond, {"batch": relay.BATCH, "last": self.last}).mappings()
        stored = self.wire.publish({row["place"]: relay._message(row) for row in found})
        connection.execute(relay._MARK, {"ids": list(stored)})
        self.last = max([self.last, *stored])
        return len(stored)


# Each variant, and the word by which the invariants tell of it.
BROKEN = {
    "an inbox that claims nothing": (Variant(inbox=Forgetful), "doubled"),
    "an inbox that claims nothing of what comes together": (Variant(inbox=Careless), "doubled"),
    "an inbox that heeds no order": (Variant(inbox=Hasty), "out of order"),
    "a relay with a cursor": (Variant(relay=Cursor), "lost"),
    "an acknowledgement before the commit": (Variant(acknowledges_early=True), "lost"),
}
