"""Since when a wake-up is armed for its time: what was due before that is not late by it."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Forward only. Of what was armed before, nobody knows since when."""
    op.execute("ALTER TABLE due ADD COLUMN armed_at timestamptz")
