"""Who had held the account that proposed a target. Of older proposals it is not known."""

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Forward only."""
    op.execute("ALTER TABLE feed_target ADD COLUMN handed_by uuid[]")
