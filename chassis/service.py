"""The worker side: what a nameko container hosts for every service.

A service subclasses `Service`, marks handlers with `@subscribe` and timers with `@every`. nameko
gives the life cycle and the green threads; deliveries, acknowledgements, retries and publishing
are ours (`chassis.inbox`, `chassis.relay`), because nameko acknowledges what failed and publishes
without knowing whether it arrived.

Import only in a worker process, after `eventlet.monkey_patch()`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from threading import Event as Flag
from typing import Any, ClassVar

import kombu
import sqlalchemy as sa
from eventlet.event import Event as Promise
from eventlet.semaphore import Semaphore
from nameko.containers import ServiceContainer
from nameko.extensions import DependencyProvider, Entrypoint
from sqlalchemy.orm import Session

import contracts
from chassis import idempotency, inbox, metrics, outbox, relay, wire
from chassis.clock import Clock
from chassis.config import Settings
from chassis.database import Transactions, engine, rows
from chassis.events import Event
from chassis.failpoints import failpoint
from chassis.inbox import Inbox
from chassis.logs import cause, log
from chassis.relay import Relay

BATCH = 50  # unacknowledged deliveries per queue and process, handled together
POOL = 12  # database connections per process
BEHIND = 60.0  # seconds: who has not come to the end of the queues by then acts on what is known
WORKERS = 60  # green threads: a batch of each queue, and the timers


def subscribe(*types: str) -> Callable[[Any], Any]:
    """Marks `handler(self, event, tx)` as what an event of any of `types` does here. It runs in
    one transaction with its inbox row; it may raise anything, then nothing of it stays and the
    event is filed (`chassis.inbox`). Raises contracts.UnknownType for a type without contract."""
    for type in types:
        contracts.schema(type)

    def mark(handler: Any) -> Any:
        handler.subscribed = types
        return handler

    return mark


class Every(Entrypoint):
    """Wakes a method every `seconds`, never twice at once; at once again if it returned true."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        super().__init__()

    def start(self) -> None:
        """Starts waking; the first time immediately."""
        self._stopping: Flag = self.container.config["stopping"]
        self.container.spawn_managed_thread(self._run, identifier=self.method_name)

    def _run(self) -> None:
        while not self._stopping.is_set():
            done, started = Promise(), time.perf_counter()
            self.container.spawn_worker(self, (), {}, handle_result=partial(self._finished, done))
            again, failed = done.wait()
            metrics.ENTRYPOINT.labels(
                self.container.service_name, self.method_name, "error" if failed else "ok"
            ).observe(time.perf_counter() - started)
            if failed or not again:
                self._stopping.wait(max(self._seconds, 1.0) if failed else self._seconds)

    def _finished(self, done: Promise, _: Any, result: Any, exc_info: Any) -> Any:
        done.send((bool(result), exc_info is not None))
        if exc_info:
            log.warning("wakeup_failed", name=self.method_name, **cause(exc_info[1]))
        return None, None


every = Every.decorator


class Deliveries(Entrypoint):
    """Consumes all of a service's queues over one connection, and acknowledges what is settled."""

    def setup(self) -> None:
        """Reads from the service class which streams it follows."""
        self._settings: Settings = self.container.config["settings"]
        self._stopping: Flag = self.container.config["stopping"]
        self._sources = {contracts.source(t) for t in handlers(self.container.service_cls)}
        self._writing = Semaphore()
        self._in_hand: set[Any] = set()
        self._caught_up: Flag = self.container.config["caught_up"]

    def start(self) -> None:
        """Starts consuming; a broker that is away is waited for."""
        self._thread = self.container.spawn_managed_thread(self._run, identifier="deliveries")

    def stop(self) -> None:
        """Stops consuming, once the deliveries in hand are acknowledged."""
        self._stopping.set()
        self._thread.wait()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._consume()
            except Exception as error:  # whatever it is: this thread's death would be the process'
                log.warning("broker_away", **cause(error))
            self.container.config["broker"].clear()
            self._caught_up.clear()
            self._stopping.wait(1)

    def _consume(self) -> None:
        connection = wire.connect(self._settings.amqp_uri)
        try:
            in_hand = self._in_hand = set()
            queues = wire.queues(self._settings.service, self._sources)
            consumers = [self._consumer(connection.channel(), queue) for queue in queues]
            self.container.config["broker"].set()
            self._patience = time.monotonic() + BEHIND
            log.info("consuming", count=len(queues))
            # The connection itself, not kombu's wrapper: that one would connect anew by itself,
            # without a consumer, and wait for ever.
            self._drain(connection.connection, consumers, in_hand)
            connection.release()
        finally:
            connection.collect()  # who is in doubt waits for no farewell: it may never come

    def _consumer(self, channel: Any, queue: kombu.Queue) -> kombu.Consumer:
        """Consumes a queue over a channel of its own, so that its deliveries can be acknowledged up
        to the last one."""
        bound = queue(channel)
        bound.declare()
        buried = queue.name == wire.graveyard(self._settings.service)
        waiting = Waiting(channel, buried, self._in_hand)
        consumer = kombu.Consumer(
            channel,
            [bound],
            on_message=partial(self._deliver, waiting),
            auto_declare=False,
            prefetch_count=BATCH,
        )
        consumer.consume()
        return consumer

    def _drain(self, connection: Any, consumers: list[kombu.Consumer], in_hand: set[Any]) -> None:
        """Until the process stops, or what is in hand is given up; that may have been already, by
        what came while other queues were declared."""
        while not self._stopping.is_set() and in_hand is self._in_hand:
            self._turn(connection)
        with self._writing:
            for consumer in consumers:
                consumer.cancel()
        while in_hand and in_hand is self._in_hand:
            self._turn(connection)

    def _turn(self, connection: Any) -> None:
        is_end, is_idle = time.monotonic() > self._patience, not self._in_hand
        try:
            connection.drain_events(timeout=0.5)
        except TimeoutError:
            is_end |= is_idle  # all the time: at its end, the next batch may be on its way
            with self._writing:
                connection.heartbeat_tick()
        if is_end:
            self._caught_up.set()

    def _deliver(self, waiting: Waiting, message: kombu.message.Message) -> None:
        """What comes while a batch of its queue is in hand is the next batch."""
        if not self._is_ours(waiting):
            return
        waiting.in_hand.add(message)
        waiting.messages.append(message)
        if len(waiting.messages) == BATCH:
            waiting.full.set()
        if not waiting.busy:
            self._handle(waiting)

    def _handle(self, waiting: Waiting) -> None:
        batch: list[Any] = []
        waiting.busy = True

        def take() -> list[tuple[bytes, str | None]]:
            """All that has come until the work begins: at once, or in its turn if much comes."""
            waiting.full.wait(max(0.0, waiting.next_at - time.monotonic()))
            waiting.next_at = time.monotonic() + self.container.service_cls.between_batches
            waiting.full.clear()
            batch[:], waiting.messages = waiting.messages, []
            return [self._told(message) for message in batch]

        told = (take, waiting.buried, partial(self._is_ours, waiting))
        settle = partial(self._settle, waiting, batch)
        self.container.spawn_worker(self, told, {}, handle_result=settle)

    def _told(self, message: kombu.message.Message) -> tuple[bytes, str | None]:
        body = message.body if isinstance(message.body, bytes) else bytes(message.body, "utf-8")
        known = self._settings.broker_accounts
        return body, message.properties.get("user_id") if known else inbox.ANYBODY

    def _settle(self, waiting: Waiting, batch: list[Any], _: Any, __: Any, exc_info: Any) -> Any:
        """Acknowledges what the inbox has. After anything else the connection is given up, so that
        all goes back: the next acknowledgement would be of the failed batch, too."""
        if not exc_info:
            try:
                failpoint("inbox.before_ack")
                with self._writing:
                    waiting.channel.basic_ack(batch[-1].delivery_tag, multiple=True)
            except Exception as error:  # it comes again, and the inbox knows it
                log.warning("ack_failed", **cause(error))
                exc_info = error
        if exc_info:
            self._in_hand = set() if self._is_ours(waiting) else self._in_hand
            return None, None
        waiting.in_hand.difference_update(batch)
        waiting.busy = False  # no sooner: what comes during the acknowledgement would begin, too
        if waiting.messages:
            self._handle(waiting)
        return None, None

    def _is_ours(self, waiting: Waiting) -> bool:
        """Whether its connection has not been given up."""
        return waiting.in_hand is self._in_hand


@dataclass
class Waiting:
    """The deliveries of one queue that nobody has taken in hand yet."""

    channel: Any
    buried: bool
    in_hand: set[Any]
    messages: list[Any] = field(default_factory=list)
    busy: bool = False
    full: Flag = field(default_factory=Flag)
    next_at: float = 0.0


class _Shared(DependencyProvider):
    """Gives every worker something that the process has one of."""

    def __init__(self, name: str) -> None:
        self._name = name
        super().__init__()

    def get_dependency(self, worker_ctx: Any) -> Any:
        return self.container.config[self._name]


class Service:
    """What every service's worker process does besides its own handlers and timers."""

    name: ClassVar[str]
    between_batches: ClassVar[float] = 0.3  # seconds, of a queue; unless the next one is full
    settings: Settings = _Shared("settings")
    clock: Clock = _Shared("clock")
    db: Transactions = _Shared("db")
    relay: Relay = _Shared("relay")
    stopping: Flag = _Shared("stopping")
    caught_up: Flag = _Shared("caught_up")  # with what came while this process or the broker slept

    def counts(self, tx: Session) -> dict[str, int]:
        """What this service has, for the gauge that compares it with what the others have: what
        its migrations have noted in the tally (`chassis.tables`)."""
        return dict(rows(tx, "SELECT * FROM tallied()"))

    def foresee(self, events: Sequence[Event], tx: Session) -> None:
        """Reads (and locks) by few statements what the handlers of a batch would each ask for."""

    @property
    def inbox(self) -> Inbox:
        """This service's inbox, with the handlers bound to this instance."""
        own: Any = type(self)
        bound = {t: partial(handler, self) for t, handler in handlers(own).items()}
        return Inbox(self.name, self.db, self.clock, bound, self.foresee)

    @Deliveries.decorator()
    def receive(
        self,
        take: Callable[[], list[tuple[bytes, str | None]]],
        buried: bool,
        is_ours: Callable[[], bool],
    ) -> None:
        """Settles deliveries (`take`: bodies, and the accounts of the broker that sent them),
        however long the database is away: they stay unacknowledged meanwhile, and the prefetch
        keeps more from coming. Gives up when their connection has ended (`is_ours`): then they
        come again. What the broker had to bury (`buried`) is only filed: it may be what killed the
        process."""
        deliveries = take()
        while True:
            try:
                if buried:
                    for body, sender in deliveries:
                        self.inbox.file(body, sender)
                else:
                    self.inbox.receive_all(deliveries)
                return
            except Exception as error:
                log.warning("delivery_waits", **cause(error))
                if self.stopping.wait(1) or not is_ours():
                    raise

    @every(0.2)
    def retry_waiting(self) -> bool:
        """Tries what was filed and is due."""
        return self.inbox.retry_due()

    @every(0.05)
    def publish(self) -> bool:
        """Takes what was said to the broker; what is said while it does goes with the next."""
        return self.relay.turn() == relay.BATCH

    @every(5)
    def measure(self) -> None:
        """Shows what is stuck."""
        with self.db.begin() as tx:
            row = tx.execute(_STUCK, {"now": self.clock.now()}).one()
        for gauge, value in zip(_STUCK_GAUGES, row, strict=True):
            gauge.labels(self.name).set(float(value))

    @every(60)
    def count(self) -> None:
        """Publishes the conservation counts."""
        with self.db.begin() as tx:
            counted = self.counts(tx)
        for what, number in counted.items():
            metrics.ACCOUNTED.labels(self.name, what).set(number)

    @every(3600)
    def forget(self) -> bool:
        """Drops what no replay and no client will ask for again, a batch in each transaction."""
        dropped = 0
        for trim in (outbox.trim, inbox.trim, idempotency.trim):
            with self.db.begin() as tx:
                dropped += trim(tx)
        return dropped > 0


_STUCK_GAUGES = (
    metrics.OUTBOX_AGE,
    metrics.OUTBOX_UNPUBLISHED,
    metrics.INBOX_AGE,
    metrics.INBOX_WAITING,
    metrics.INBOX_PARKED,
)
# What is tried again in more than a day was filed while a clock was wrong.
_STUCK = sa.text("""
SELECT o.age, o.rows, i.age, i.waiting, i.parked
FROM (SELECT coalesce(extract(epoch FROM now() - min(emitted_at)), 0) AS age, count(*) AS rows
      FROM outbox WHERE published_at IS NULL) o,
     (SELECT greatest(0, extract(epoch FROM :now - min(received_at)
                                 FILTER (WHERE state = 'waiting')),
                      extract(epoch FROM max(next_try_at) FILTER (WHERE state = 'waiting'
                          AND next_try_at > :now + interval '25 hours') - :now)) AS age,
             count(*) FILTER (WHERE state = 'waiting') AS waiting,
             count(*) FILTER (WHERE state = 'parked') AS parked
      FROM inbox WHERE state <> 'done') i
""")


@cache
def handlers(service_cls: type) -> dict[str, Callable[..., object]]:
    """The subscriptions of a service class: event type to (unbound) handler."""
    members = (getattr(service_cls, name) for name in dir(service_cls))
    return {type: member for member in members for type in getattr(member, "subscribed", ())}


def container(service_cls: type, settings: Settings) -> ServiceContainer:
    """A container ready to start; its `config` holds what the process has one of."""
    clock, bind = Clock(settings.clock_file), engine(settings.database_url, POOL)
    shared = {
        "settings": settings,
        "clock": clock,
        "db": Transactions(bind),
        "relay": Relay(settings.service, engine(settings.database_url, 1), settings.amqp_uri),
        "stopping": Flag(),
        "broker": Flag(),
        "caught_up": Flag(),
        "max_workers": WORKERS,
    }
    return ServiceContainer(service_cls, shared)
