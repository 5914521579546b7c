"""The chassis' own tables, which stand in every service's database.

A migration calls `install(op)` and executes each later version; the SQL of a version never changes,
a later one gets its own.
"""

from __future__ import annotations

from typing import Any

V1 = """
CREATE TABLE outbox (            -- what this service has said
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id      uuid NOT NULL,
    source        text NOT NULL,
    type          text NOT NULL,
    subject       text NOT NULL,
    sequence      bigint NOT NULL,
    correlationid text NOT NULL,
    time          timestamptz NOT NULL,
    data          json NOT NULL,
    emitted_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    published_at  timestamptz
);
CREATE INDEX outbox_unpublished ON outbox (id) WHERE published_at IS NULL;
CREATE INDEX outbox_emitted ON outbox USING brin (emitted_at);
CREATE TABLE stream (            -- how far each of its streams is numbered
    source   text NOT NULL,
    subject  text NOT NULL,
    sequence bigint NOT NULL,
    PRIMARY KEY (source, subject)
);
CREATE TABLE inbox (             -- what it has heard; the body only while it is not done
    event_id    uuid PRIMARY KEY,
    type        text,
    source      text,
    subject     text,
    sequence    bigint,
    state       text NOT NULL CHECK (state IN ('done', 'waiting', 'parked')),
    reason      text,
    attempts    integer NOT NULL DEFAULT 1,
    next_try_at timestamptz,
    body        bytea,
    received_at timestamptz NOT NULL
);
CREATE INDEX inbox_waiting ON inbox (next_try_at) WHERE state = 'waiting';
CREATE INDEX inbox_open ON inbox (source, subject, sequence) WHERE state <> 'done';
CREATE INDEX inbox_received ON inbox USING brin (received_at);
CREATE TABLE position (          -- how far it has followed each stream
    source   text NOT NULL,
    subject  text NOT NULL,
    sequence bigint NOT NULL,
    PRIMARY KEY (source, subject)
);
CREATE TABLE idempotency (       -- answers given, sealed with the client's own key
    key         bytea PRIMARY KEY,
    fingerprint bytea NOT NULL,
    answer      bytea NOT NULL,
    made_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX idempotency_made ON idempotency USING brin (made_at);
"""
V2 = """
CREATE TABLE epoch (             -- one row: the number after which its streams count now
    one   boolean PRIMARY KEY DEFAULT true CHECK (one),
    began bigint NOT NULL DEFAULT 0
);
INSERT INTO epoch DEFAULT VALUES;
CREATE TABLE tally (             -- how many rows there are of what is counted, as a sum of notes
    what  text NOT NULL,
    count bigint NOT NULL
);
-- For each row that comes (or goes) a note: what is counted costs what came since it last was, and
-- nobody waits for a counter. Its argument is what the rows are counted as.
CREATE FUNCTION note_tally() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tally VALUES (TG_ARGV[0], CASE TG_OP WHEN 'DELETE' THEN -1 ELSE 1 END);
    RETURN NULL;
END $$;
CREATE FUNCTION tallied() RETURNS TABLE (what text, count bigint) LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock(hashtext('chassis.tally'));
    WITH noted AS (DELETE FROM tally RETURNING *)
    INSERT INTO tally SELECT n.what, sum(n.count) FROM noted n GROUP BY n.what
    RETURNING tally.what, tally.count;
$$;
"""
NAMES = frozenset({"outbox", "stream", "inbox", "position", "idempotency", "epoch", "tally"})


def install(op: Any) -> None:
    """Makes the tables; `op` is alembic's. Forward only."""
    op.execute(V1)
