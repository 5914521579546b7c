"""Which case one follows: the dossier of one that follows tells how the other was handled."""

from alembic import op

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    """Forward only."""
    op.execute("ALTER TABLE case_state ADD COLUMN merged_into text")
