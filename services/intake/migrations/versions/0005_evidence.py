"""What agencies name with their replies as evidence."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Forward only. Nothing was named before."""
    op.execute("ALTER TABLE reply ADD COLUMN evidence jsonb NOT NULL DEFAULT '[]'")
