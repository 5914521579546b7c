"""What is taken back while it is being sent is marked so."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Forward only."""
    op.execute("ALTER TABLE message ADD COLUMN taken_back boolean NOT NULL DEFAULT false")
