"""Checkpoints of the feed: the signed word that a stream stood so at a moment."""

from alembic import op

revision = "0002"
down_revision = "0001"

CHECKPOINTS = """
CREATE TABLE feed_checkpoint (
    stream    text NOT NULL REFERENCES feed_stream (stream),
    epoch     integer NOT NULL,
    position  bigint NOT NULL,
    hash      bytea NOT NULL,
    at        timestamptz NOT NULL,
    signature bytea NOT NULL,
    kid       text NOT NULL REFERENCES feed_key (kid),
    PRIMARY KEY (stream, epoch, position)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON feed_checkpoint
    EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(CHECKPOINTS)
