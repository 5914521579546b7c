"""Why a clock stood: whoever is told that it did is told the cause."""

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Forward only. Of what stood before, nobody kept why."""
    op.execute("""
        ALTER TABLE pause ADD COLUMN because text CONSTRAINT pause_because_known
            CHECK (because IN ('data_requested', 'answer_given', 'archived', 'unreachable'))
    """)
