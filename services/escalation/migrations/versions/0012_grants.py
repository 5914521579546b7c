"""Which sessions of officers are over: their tokens hold here no more."""

from alembic import op

revision = "0012"
down_revision = "0011"

GRANTS = """
CREATE TABLE ended_grant (
    grant_id uuid PRIMARY KEY,
    heard_at timestamptz NOT NULL
);
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(GRANTS)
