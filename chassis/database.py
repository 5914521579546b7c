"""PostgreSQL through SQLAlchemy: one engine a process, one transaction a request or event."""

from __future__ import annotations

import random
import re
import select
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import Any, TypeVar, cast

import psycopg2
import sqlalchemy as sa
from psycopg2.extensions import POLL_OK, POLL_READ, STATUS_BEGIN, STATUS_READY
from psycopg2.extras import NamedTupleCursor
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker

from chassis.failpoints import failpoint

Answer = TypeVar("Answer")

# Milliseconds: nothing waits for ever, and no forgotten transaction holds a lock. Connections that
# a burst needed are closed after five minutes without use: each fills some 3 MB of the server.
LIMITS = (
    "-c statement_timeout=10000 -c lock_timeout=1500 -c idle_session_timeout=300000 "
    "-c idle_in_transaction_session_timeout=30000 -c timezone=UTC "
    # A host that vanished frees its locks within a minute, the relay's among them.
    "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
)
AGAIN = {"40001", "40P01"}  # serialization failure, deadlock
LOST = {"57P01", "57P02", "57P03"}  # the server is going down, crashed, or is starting

# First in a transaction that tells one thing by several statements: all see the same moment. It is
# for reading; who writes might meet a row that has changed since.
AS_OF_NOW = sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
# In one that looks at all that is stored, asked for by hand: it takes as long as it takes.
UNHURRIED = sa.text("SET LOCAL statement_timeout = 0")
FRESH = 1.0  # seconds; a connection that was used since then is not asked whether it still works
# Seconds without a word, after which a server is away: as long as a lock may keep a statement, and
# longer within a transaction, whose statements may be large.
SILENCE, SILENCE_WITHIN = 1.6, 5.0


class Silent(psycopg2.OperationalError):
    """The server, or the way to it, takes what it is told and says nothing."""

    until = float("-inf")  # as `time.monotonic`: who comes to connect before is refused at once


def listen(connection: Any) -> None:
    """psycopg2's wait callback for threads: they let go of a server that says nothing, for which
    libpq would wait as long as some kernel acknowledges. Who then comes to connect is refused for
    two seconds: they would wait one behind the other. Not for a statement that takes long: the
    server may well answer others."""
    while (state := connection.poll()) != POLL_OK:
        within = connection.status == STATUS_BEGIN
        connecting = not within and connection.status != STATUS_READY
        if connecting and time.monotonic() < Silent.until:
            raise Silent("the database has just said nothing")
        ready = select.poll()
        ready.register(connection.fileno(), select.POLLIN if state == POLL_READ else select.POLLOUT)
        if not ready.poll(1000 * (SILENCE_WITHIN if within else SILENCE)):
            if connecting:
                Silent.until = time.monotonic() + 2
            raise Silent("the database says nothing")


def engine(url: str | sa.URL, size: int = 10, **more: Any) -> sa.Engine:
    """An engine with `size` connections; waits <= 1.5 s for one, and to make one as
    long as whoever waits for the server's word bears its silence (`listen`). Who gets one
    that a restarted server had closed more than FRESH ago gets another instead."""
    made = sa.create_engine(
        url,
        pool_size=size,
        max_overflow=0,
        pool_timeout=1.5,  # a client hears within 2 s that there is none
        pool_use_lifo=True,  # the server's process that worked last has all that it needs at hand
        hide_parameters=True,
        executemany_mode="values_plus_batch",  # one round trip for many rows
        **more,
        connect_args={
            "options": LIMITS,
            "connect_timeout": 3,
            "keepalives_idle": 30,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 15000,
        },
    )

    @sa.event.listens_for(made, "checkout")
    def ask(connection: Any, record: Any, _: Any) -> None:
        now, used = time.monotonic(), record.info.get("used", float("-inf"))
        record.info["used"] = now
        if now - used > FRESH:
            try:
                made.dialect.do_ping(connection)
            except Silent:
                Silent.until = time.monotonic() + 2
                made.dispose()
                raise
            except psycopg2.Error:
                raise sa.exc.DisconnectionError from None

    return made


class Prepared:
    """A statement that each connection prepares once, as it costs as much to plan as to run.

    `sql` names its values `:name`; where no column tells a value's type, it must be cast.
    """

    def __init__(self, name: str, sql: str) -> None:
        names = list(dict.fromkeys(re.findall(r"(?<!:):(\w+)", sql)))
        numbers = {name: f"${i}" for i, name in enumerate(names, 1)}
        numbered = re.sub(r"(?<!:):(\w+)", lambda found: numbers[found[1]], sql)
        self._name, self._prepare = name, f"PREPARE {name} AS {numbered}"
        self._execute = f"EXECUTE {name} ({', '.join(f'%({name})s' for name in names)})"

    def run(self, on: sa.Connection | Session, values: Mapping[str, Any]) -> sa.CursorResult[Any]:
        """Executes it, after preparing it if this connection has not met it yet."""
        connection = on.connection() if isinstance(on, Session) else on
        self._meet(connection)
        return connection.exec_driver_sql(self._execute, values)

    def one(self, connection: sa.Connection, values: Mapping[str, Any]) -> Any:
        """The one row that it answers, its columns by name, as the driver gives it: SQLAlchemy's
        way there and back costs as much as the driver's. Raises what SQLAlchemy would."""
        self._meet(connection)
        try:
            with closing(connection.connection.cursor(cursor_factory=NamedTupleCursor)) as cursor:
                cursor.execute(self._execute, values)
                return cursor.fetchone()
        except psycopg2.Error as error:
            raise _told(connection, error) from error

    def _meet(self, connection: sa.Connection) -> None:
        if self._name not in connection.info:
            connection.exec_driver_sql(self._prepare)
            connection.info[self._name] = True


class Transactions:
    """Where transactions come from: `with db.begin() as tx:` commits at the end of the block."""

    def __init__(self, bind: sa.Engine) -> None:
        self.engine = bind
        # A pool of its own: to change a connection's mode costs as much as the statement.
        size = cast(sa.QueuePool, bind.pool).size()
        self._alone = engine(bind.url, size, isolation_level="AUTOCOMMIT")
        self._session = sessionmaker(bind, expire_on_commit=False)

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """One transaction; rolled back when the block raises."""
        with self._session.begin() as tx:
            yield tx
            failpoint("transaction.before_commit")
        failpoint("transaction.after_commit")

    def once(self, statement: Prepared, values: Mapping[str, Any]) -> Any:
        """The one row that `statement` answers; it is a transaction by itself and costs one round
        trip instead of three."""
        with self._alone.connect() as connection:
            return statement.one(connection, values)

    def is_up(self) -> bool:
        """Whether the database answers now."""
        with suppress(sa.exc.SQLAlchemyError), self.engine.connect() as connection:
            return bool(connection.scalar(sa.text("SELECT 1")))
        return False


def _told(connection: sa.Connection, error: psycopg2.Error) -> BaseException:
    """A driver's error as SQLAlchemy's. Who loses a connection loses those that wait beside it."""
    lost = bool(connection.connection.closed)
    if lost:
        connection.invalidate(error)
        connection.engine.dispose()
    return DBAPIError.instance(
        None, None, error, psycopg2.Error, connection_invalidated=lost, hide_parameters=True
    )


def is_away(error: BaseException) -> bool:
    """Whether this means that the database cannot be reached (and not that a statement failed)."""
    lost = isinstance(error, DBAPIError) and _code(error) in LOST
    if lost or isinstance(error, PoolTimeout | InterfaceError):
        return True
    return isinstance(error, OperationalError) and (
        error.connection_invalidated or _code(error) is None
    )


def again(work: Callable[[], Answer], tries: int = 3) -> Answer:
    """Runs `work`, and again when the database undid it for concurrency: after a short pause, of
    another length for each, so that two who met do not meet again."""
    for attempt in range(1, tries):
        try:
            return work()
        except DBAPIError as error:
            if _code(error) not in AGAIN:
                raise
            time.sleep(random.uniform(0.01, 0.05) * attempt)  # noqa: S311 - jitter, no secret
    return work()


def _code(error: DBAPIError) -> str | None:
    return getattr(error.orig, "pgcode", None)


def drop(tx: Session, table: str, condition: str, batch: int = 10_000) -> int:
    """Deletes up to `batch` rows that meet a constant condition; returns how many."""
    chosen = f"SELECT ctid FROM {table} WHERE {condition} LIMIT {batch}"  # noqa: S608 - constants
    return len(rows(tx, f"DELETE FROM {table} WHERE ctid IN ({chosen}) RETURNING 1"))  # noqa: S608


def rows(tx: Session, statement: str, **values: Any) -> list[Any]:
    """All rows of a textual statement."""
    return list(tx.execute(sa.text(statement), values))
