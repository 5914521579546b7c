"""Keys of the feed that were shown and will never sign."""

from alembic import op

revision = "0029"
down_revision = "0028"

WITHDRAWN = """
CREATE TABLE feed_key_withdrawal (
    kid text PRIMARY KEY REFERENCES feed_key (kid),
    at  timestamptz NOT NULL
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON feed_key_withdrawal
    EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(WITHDRAWN)
