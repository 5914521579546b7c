"""The public keys that receipts were signed with, for ever."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Forward only."""
    op.execute(
        """
        CREATE TABLE receipt_key (
            kid      text PRIMARY KEY,
            jwk      jsonb NOT NULL,
            shown_at timestamptz NOT NULL
        )
        """
    )
