"""What can happen to the three services and the broker between them, one step at a time.

Every step is an argument's doing and leaves a line in `trace`; no time of day and no random name
stands there, so two histories of the same steps have equal traces.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from chassis import outbox, parked
from chassis.inbox import Inbox
from chassis.outbox import emit
from chassis.wire import InDoubt
from tests.simulation.broker import Broker, Crash, Message, Wire
from tests.simulation.parts import HEARS, START, Part, SimulatedClock, WiredRelay, rating

SUBJECTS = tuple(f"KTB-0000{i}-00000" for i in range(1, 5))
EDGES = 6  # of transactions in one try: three, and three more to file what failed
ROUNDS = 40  # of draining; each lets more than the longest pause pass
UNDECODABLE = b"{no JSON"


@dataclass(frozen=True)
class Variant:
    """Which inbox, which relay, and whether a delivery is acknowledged once it is settled."""

    inbox: type[Inbox] = Inbox
    relay: type[WiredRelay] = WiredRelay
    acknowledges_early: bool = False


@dataclass
class Saying:
    """A client's transaction that is still open."""

    session: Session
    subject: str
    said: list[tuple[int, int]]


class World:
    """One history, from empty databases on."""

    def __init__(self, parts: Sequence[Part], variant: Variant | None = None) -> None:
        self.parts = {part.name: part for part in parts}
        self.variant = variant or Variant()
        self.clock, self.broker, self.trace = SimulatedClock(), Broker(), list[str]()
        self.said: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self.poisons: dict[str, list[Message]] = defaultdict(list)
        self._open, self._numbers, self._ids = list[Saying](), 0, dict[str, int]()
        self.wiped = False
        for part in parts:
            self.broker.bind(part.name, HEARS[part.name])
            wire = Wire(self.broker, part.name)
            part.begin(self.clock, wire, self.variant.inbox, self.variant.relay)

    # -- what may happen

    def say(self, subject: str, stars: Sequence[int]) -> None:
        """A client begins a transaction and says ratings of one report in it; it stays open."""
        if len(self._open) == 3 or subject in [saying.subject for saying in self._open]:
            return
        session = Session(self.parts["intake"].client.engine)
        saying = Saying(session, subject, [])
        self._open.append(saying)
        for given in stars:
            self._numbers += 1
            emit(session, rating(self._numbers, given, subject, self.clock.now()))
            saying.said.append((self._numbers, given))
        session.dispatch.before_commit(session)  # its rows are written, and seen by nobody yet
        self._tell(f"says {[n for n, _ in saying.said]} about {subject}")

    def settle(self, which: int, *, commits: bool) -> None:
        """One of the open transactions ends."""
        if not self._open:
            return
        saying = self._open.pop(which % len(self._open))
        if commits:
            saying.session.commit()
            self.said[saying.subject] += saying.said
        saying.session.close()
        self._tell(f"{'commits' if commits else 'gives up'} {[n for n, _ in saying.said]}")

    def relay(self, name: str, trouble: str = "") -> int:
        """A relay takes its turn."""
        part = self.parts[name]
        part.wire.trouble = trouble
        try:
            taken = part.relay.turn()
        except (Crash, InDoubt) as error:
            self._tell(f"{name} relays and {trouble}: {type(error).__name__}")
            return 0
        finally:
            part.wire.trouble = ""
        if taken:
            self._tell(f"{name} relays {taken}")
        return taken

    def deliver(
        self, which: int, place: int, *, many: int = 1, stays: bool = False,
        edge: int | None = None, fails: bool = False,
    ) -> None:  # fmt: skip
        """A message of a queue is handled, or `many` together: any of them, whose copies may stay;
        the process may die at an edge of its transactions, its handler may fail."""
        waiting = [name for name, queue in self.broker.queues.items() if queue]
        if not waiting:
            return
        name = waiting[which % len(waiting)]
        queue = self.broker.queues[name]
        messages = [queue.pop(place % len(queue))]
        while len(messages) < many and queue and not any(m.buried for m in (queue[-1], *messages)):
            messages.append(queue.pop())
        part = self.parts[name.split()[0]]
        if stays:
            queue += messages
        part.db.edges_left, part.failing = edge, fails
        outcome = self._settled(part, messages)
        if outcome == "dies" and not self.variant.acknowledges_early:
            queue[:0] = messages
        named = " and ".join(self._named(message) for message in messages)
        self._tell(f"{name} hears {named}: {outcome}")

    def _settled(self, part: Part, messages: list[Message]) -> str:
        try:
            if len(messages) > 1:
                part.inbox.receive_all([(m.body, m.sender) for m in messages])
                return "all settled"
            take = part.inbox.file if messages[0].buried else part.inbox.receive
            return take(messages[0].body, messages[0].sender)
        except Crash:
            return "dies"
        finally:
            part.db.edges_left, part.failing = None, False

    def bury(self, which: int, place: int) -> None:
        """The broker gives a message up; it comes again as a dead letter."""
        waiting = [queue for queue in self.broker.queues.values() if queue]
        if waiting:
            queue = waiting[which % len(waiting)]
            queue[place % len(queue)].buried = True
            self._tell("a message is buried")

    def sweep(self, name: str, *, edge: int | None = None, fails: bool = False) -> bool:
        """The sweeper tries one filed event whose time has come."""
        part = self.parts[name]
        part.db.edges_left, part.failing = edge, fails
        try:
            found = part.inbox.retry_due()
        except Crash:
            self._tell(f"{name} dies sweeping")
            return False
        finally:
            part.db.edges_left, part.failing = None, False
        if found:
            self._tell(f"{name} sweeps")
        return found

    def misunderstand(self, name: str) -> None:
        """Until the next release a service cannot read the rating that was said last."""
        self.parts[name].misunderstood.add(self._numbers)
        self._tell(f"{name} does not understand {self._numbers}")

    def pass_time(self, seconds: int) -> None:
        self.clock.at += timedelta(seconds=seconds)
        self._tell(f"{seconds} s pass")

    def poison(self, which: int, *, forged: bool) -> None:
        """Somebody puts a message into a queue that none may send: no event, or another's."""
        name, queue = sorted(self.broker.queues.items())[which % len(self.broker.queues)]
        true = next((m.body for m in queue if m.body != UNDECODABLE), None) if forged else None
        message = Message(true or UNDECODABLE, "operator" if true else "routing")
        queue.append(message)
        self.poisons[name].append(message)
        self._tell(f"{name} is poisoned with {self._named(message)}")

    def wipe(self) -> None:
        """The broker loses everything; `replay` follows sooner or later."""
        self.broker.wipe()
        self.wiped = True
        self._tell("the broker is wiped")

    def replay(self) -> None:
        """Operators send everything again."""
        for part in self.parts.values():
            with part.client.begin() as tx:
                marked = outbox.replay(tx, START - timedelta(days=365 * 50)).again
            part.restart_relay()
            self._tell(f"{part.name} replays {marked}")
        self.wiped = False

    # -- how it ends

    def heal(self) -> None:
        """Nothing fails any more, the next release is out, and all that is under way arrives."""
        while self._open:
            self.settle(0, commits=True)
        if self.wiped:
            self.replay()
        for name, messages in self.poisons.items():  # a wipe may have spared us some of it
            self.broker.queues[name] += messages
        self._drain()
        for part in self.parts.values():
            part.misunderstood.clear()
            for filed in part.rows(_REPAIRED):
                with part.client.begin() as tx:
                    parked.replay(tx, filed.id, self.clock.now())
        self._drain()

    def _drain(self) -> None:
        for _ in range(ROUNDS):
            moved = [self.relay(name) for name in self.parts]
            while any(self.broker.queues.values()):
                self.deliver(0, 0)
                moved.append(1)
            if not any(moved) and not any(part.rows(_WAITING) for part in self.parts.values()):
                return
            self.pass_time(4_400)
            for name in self.parts:
                while self.sweep(name):
                    pass
        self._tell("it does not come to rest")

    def poison_of(self, part: Part) -> list[Message]:
        """What was put into a reader's queues that parking is the only answer to."""
        return [m for source in HEARS[part.name] for m in self.poisons[f"{part.name} {source}"]]

    def forget(self) -> None:
        """Leaves no transaction open."""
        while self._open:
            self.settle(0, commits=False)

    def _tell(self, line: str) -> None:
        self.trace.append(line)

    def _named(self, message: Message) -> str:
        """A message without its random names."""
        if message.body == UNDECODABLE:
            return "no event"
        event = json.loads(message.body)
        number = self._ids.setdefault(event["id"], len(self._ids) + 1)
        return f"#{number} {event['subject']}/{event['sequence']} of {message.sender}"


_WAITING = "SELECT 1 FROM inbox WHERE state = 'waiting'"
_REPAIRED = (
    "SELECT event_id::text AS id FROM inbox WHERE state = 'parked' AND type IS NOT NULL"
    " AND reason NOT IN ('gap', 'number taken') ORDER BY received_at"
)
