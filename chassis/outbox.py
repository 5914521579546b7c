"""`emit`: a fact is written in the same transaction as the change that it tells of.

Nobody publishes. The relay (`chassis.relay`) takes committed rows to the broker, as often as it
must; `replay` marks old rows unpublished, so that a wiped broker is filled again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

import contracts
from chassis.database import UNHURRIED, Prepared, drop
from chassis.events import EPOCH, Fact, correlation
from chassis.together import later

KEPT_DAYS = 30
_KEPT = f"now() - interval '{KEPT_DAYS} days'"

# One statement numbers events within their streams and files them. The counters' row locks are
# held until commit, so the numbers of one subject are in the order of commit and have no gaps,
# but for the one at which an epoch began.
_SAY = Prepared(
    "say",
    """
WITH said AS (
    SELECT * FROM unnest(CAST(:id AS text[]), CAST(:source AS text[]), CAST(:type AS text[]),
        CAST(:subject AS text[]), CAST(:correlationid AS text[]), CAST(:time AS timestamptz[]),
        CAST(:data AS text[]))
    WITH ORDINALITY AS fact(id, source, type, subject, correlationid, time, data, place)
), numbered AS (
    INSERT INTO stream (source, subject, sequence)
    SELECT source, subject, began + count(*) FROM said, epoch
    GROUP BY source, subject, began ORDER BY source, subject
    ON CONFLICT (source, subject) DO UPDATE SET sequence = excluded.sequence
        + greatest(stream.sequence - (SELECT began FROM epoch), 0)
    RETURNING source, subject, sequence AS last
)
INSERT INTO outbox (event_id, source, type, subject, sequence, correlationid, time, data)
SELECT CAST(id AS uuid), source, type, subject,
    last + 1 - row_number() OVER (PARTITION BY source, subject ORDER BY place DESC),
    correlationid, time, CAST(data AS json)
FROM said JOIN numbered USING (source, subject) ORDER BY place
""",
)

_OPENING = """\
numbered_{i} AS (
    INSERT INTO stream SELECT :source_{i}, :subject_{i}, began + 1 FROM go, epoch
),
said_{i} AS (
    INSERT INTO outbox (event_id, source, type, subject, sequence, correlationid, time, data)
    SELECT CAST(:id_{i} AS uuid), :source_{i}, :type_{i}, :subject_{i}, began + 1,
        :correlationid_{i}, CAST(:time_{i} AS timestamptz), CAST(:data_{i} AS json) FROM go, epoch
)"""


def emit(tx: Session, fact: Fact) -> None:
    """Says `fact` when (and only when) `tx` commits; all facts of a transaction are written then,
    together and in order. Raises contracts.Violation for a fact that does not keep its contract:
    that is our own fault, and nothing of the transaction stays."""
    later(tx, _say, prepare(fact))


def _say(tx: Session, said: list[dict[str, Any]]) -> None:
    _SAY.run(tx, {name: [row[name] for row in said] for name in said[0]})


def prepare(fact: Fact) -> dict[str, Any]:
    """The columns of an outbox row, without `sequence`."""
    contracts.validate(fact.type, fact.data)
    event_id = str(uuid4())
    return {
        "id": event_id,
        "source": contracts.source(fact.type),
        "type": fact.type,
        "subject": fact.subject,
        "correlationid": correlation.get() or event_id,
        "time": fact.time,
        "data": json.dumps(fact.data, allow_nan=False),
    }


def opening(count: int) -> str:
    """The CTEs that file the first events of `count` new streams inside a statement of the
    caller's, which names the CTE `go` (one row: do it; none: do nothing)."""
    return ",\n".join(_OPENING.format(i=i) for i in range(count))


def opened(facts: Sequence[Fact]) -> dict[str, Any]:
    """The parameters of `opening(len(facts))`; at most one fact per stream."""
    rows = enumerate(prepare(fact) for fact in facts)
    return {f"{name}_{i}": value for i, row in rows for name, value in row.items()}


def replay(tx: Session, since: datetime) -> Any:
    """Marks all events emitted from `since` on as unpublished. Receivers know what they have had,
    so this is safe at any time; of what is older than `KEPT_DAYS` they may know nothing more, and
    it is left out. Returns how many are sent `again`, from what `start` on, and how many `old` ones
    are not."""
    tx.execute(UNHURRIED)
    marked = sa.text(f"""
WITH marked AS (
    UPDATE outbox SET published_at = NULL
    WHERE published_at IS NOT NULL AND emitted_at >= greatest(:since, {_KEPT}) RETURNING 1
)
SELECT (SELECT count(*) FROM marked) AS again, greatest(:since, {_KEPT}) AS start, count(*) AS old
FROM outbox WHERE published_at IS NOT NULL AND emitted_at >= :since AND emitted_at < {_KEPT}
""")  # noqa: S608 - a constant
    return tx.execute(marked, {"since": since}).one()


def number_anew(tx: Session, now: datetime) -> None:
    """After this database was restored to an earlier state: what is said from now on has numbers
    that nothing said in the lost time can have had, and receivers take the first as the next."""
    anew = sa.text("UPDATE epoch SET began = greatest(began + :epoch, :began)")
    tx.execute(anew, {"epoch": EPOCH, "began": int(now.timestamp()) // 60 * EPOCH})


def trim(tx: Session) -> int:
    """Forgets a batch of events published more than `KEPT_DAYS` ago; returns how many."""
    return drop(tx, "outbox", f"published_at IS NOT NULL AND emitted_at < {_KEPT}")
