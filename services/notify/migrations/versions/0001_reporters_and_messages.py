"""Reporters (sealed), the messages to them, and the ledger of tries."""

from alembic import op

from chassis import tables

revision = "0001"
down_revision = None

UP = """
CREATE TABLE reporter (
    number   text PRIMARY KEY,
    state    text NOT NULL
             CONSTRAINT reporter_state_known
             CHECK (state IN ('expected', 'unreachable', 'held', 'erased')),
    opened   boolean NOT NULL DEFAULT false,
    mailable boolean NOT NULL DEFAULT false,
    kek      integer,
    data_key bytea,
    reach    bytea,
    identity bytea,
    CONSTRAINT reporter_sealed_whole CHECK (
        (state = 'held') = (num_nulls(kek, data_key, reach, identity) = 0)
        AND num_nulls(kek, data_key, reach, identity) IN (0, 4))
);
CREATE INDEX reporter_kek ON reporter (kek) WHERE kek IS NOT NULL;

CREATE TABLE message (
    id            uuid PRIMARY KEY,
    number        text NOT NULL,
    about         text NOT NULL CONSTRAINT message_about_known CHECK (about IN (
        'received', 'verified', 'disposed', 'returned', 'data_requested', 'resumed',
        'followed_up', 'answered', 'objected', 'closed', 'reopened', 'archived', 'forwarded',
        'reclassified', 'merged', 'withdrawn', 'refused', 'deadline_approaching',
        'deadline_passed', 'deadline_recomputed', 'escalation_raised', 'escalation_offered',
        'handed_over')),
    cause         uuid NOT NULL,
    cycle         integer,
    facts         jsonb NOT NULL,
    correlationid text NOT NULL,
    state         text NOT NULL CONSTRAINT message_state_known
                  CHECK (state IN ('due', 'sending', 'delivered', 'failed')),
    reason        text CONSTRAINT message_reason_known
                  CHECK (reason IN ('no_address', 'rejected', 'expired')),
    attempts      integer NOT NULL DEFAULT 0,
    next_at       timestamptz,
    written_at    timestamptz NOT NULL,
    settled_at    timestamptz,
    CONSTRAINT message_once UNIQUE (number, about, cause),
    CONSTRAINT message_open_has_time
        CHECK ((state IN ('due', 'sending')) = (next_at IS NOT NULL)),
    CONSTRAINT message_failed_has_reason CHECK ((state = 'failed') = (reason IS NOT NULL))
);
CREATE INDEX message_next ON message (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX message_unheard ON message (about) WHERE reason IN ('rejected', 'expired');

CREATE TABLE attempt (
    message_id uuid NOT NULL REFERENCES message,
    n          integer NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at   timestamptz,
    outcome    text CONSTRAINT attempt_outcome_known CHECK (outcome IN (
        'delivered', 'rejected', 'unavailable', 'withheld', 'unknown')),
    reply      text CONSTRAINT attempt_reply_known
               CHECK (reply IN ('4xx', '5xx', 'other', 'none')),
    PRIMARY KEY (message_id, n)
);
"""


def upgrade() -> None:
    """Makes notify's tables and the chassis'."""
    tables.install(op)
    op.execute(UP)
