"""The feed: which key signs since when, its epochs, and how far the Ombudsman has acknowledged."""

from alembic import op

revision = "0006"
down_revision = "0005"

PROOF = """
CREATE TABLE feed_key_use (
    id    integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kid   text NOT NULL UNIQUE REFERENCES feed_key (kid),
    since timestamptz NOT NULL
);
INSERT INTO feed_key_use (kid, since) SELECT kid, since FROM feed_key ORDER BY since;

CREATE TABLE feed_epoch (
    stream          text NOT NULL REFERENCES feed_stream (stream),
    epoch           integer NOT NULL,
    before_epoch    integer NOT NULL,
    before_position bigint NOT NULL,
    before_hash     bytea NOT NULL,
    opened_at       timestamptz NOT NULL,
    opened_by       text NOT NULL,
    PRIMARY KEY (stream, epoch)
);
CREATE TABLE feed_acknowledgement (
    stream   text NOT NULL REFERENCES feed_stream (stream),
    epoch    integer NOT NULL,
    position bigint NOT NULL,
    hash     bytea NOT NULL,
    at       timestamptz NOT NULL,
    PRIMARY KEY (stream, epoch, position)
);
"""
APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {}
    EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(PROOF)
    for table in ("feed_key", "feed_key_use", "feed_epoch", "feed_acknowledgement"):
        op.execute(APPEND_ONLY.format(table))
