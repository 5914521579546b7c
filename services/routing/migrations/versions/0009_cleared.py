"""When a limit that had been said to be late was said not to be: what was raised before counts no
more, however late the news of it comes."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Forward only."""
    op.execute("ALTER TABLE deadline ADD COLUMN cleared_at timestamptz")
