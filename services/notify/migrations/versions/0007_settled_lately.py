"""What was settled lately is counted every minute, however much was settled before."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Forward only."""
    op.execute("CREATE INDEX message_settled ON message (settled_at) WHERE settled_at IS NOT NULL")
