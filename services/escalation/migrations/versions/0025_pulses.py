"""Pulses of the feed: that a stream still ended so at a moment, said anew."""

from alembic import op

revision = "0025"
down_revision = "0024"

PULSES = """
CREATE TABLE feed_pulse (
    stream    text PRIMARY KEY REFERENCES feed_stream (stream),
    epoch     integer NOT NULL,
    position  bigint NOT NULL,
    hash      bytea NOT NULL,
    at        timestamptz NOT NULL,
    signature bytea NOT NULL,
    kid       text NOT NULL REFERENCES feed_key (kid)
);
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(PULSES)
