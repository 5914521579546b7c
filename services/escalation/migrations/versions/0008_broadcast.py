"""How far each stream of the feed is on the broker too."""

from alembic import op

revision = "0008"
down_revision = "0007"

BROADCAST = """
CREATE TABLE feed_broadcast (
    stream   text PRIMARY KEY REFERENCES feed_stream (stream),
    epoch    integer NOT NULL,
    position bigint NOT NULL
);
INSERT INTO feed_broadcast SELECT stream, 0, 0 FROM feed_stream;
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(BROADCAST)
