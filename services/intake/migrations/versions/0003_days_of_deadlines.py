"""The local day on whose end a limit ends, which its zone decides."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Forward only."""
    op.execute("ALTER TABLE deadline ADD COLUMN ends_on DATE")
