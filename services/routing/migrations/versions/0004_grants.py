"""What a session is called where its officer's tokens are carried."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Forward only."""
    op.execute("ALTER TABLE session ADD COLUMN grant_id uuid NOT NULL DEFAULT gen_random_uuid()")
