"""Of which cases it was said whom a limit must pass by: of those from before, it has to be said."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Forward only. What was said before this was counted is said once more, which does no harm."""
    op.execute("ALTER TABLE cases ADD COLUMN desks_known boolean NOT NULL DEFAULT false")
