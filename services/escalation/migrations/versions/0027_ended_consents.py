"""When a consent was taken back last: one from before that never holds again."""

from alembic import op

revision = "0027"
down_revision = "0026"

ENDS = """
CREATE TABLE consent_end (
    number text PRIMARY KEY,
    at timestamptz NOT NULL
);
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(ENDS)
