"""What a mailbox has no room for is put off."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Forward only."""
    op.execute("ALTER TABLE message ADD COLUMN put_off boolean NOT NULL DEFAULT false")
