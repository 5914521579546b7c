"""A clock may stand for the time in which its case was taken for over, though it goes on."""

from alembic import op

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    """Forward only."""
    op.execute("ALTER TABLE pause DROP CONSTRAINT pause_because_known")
    op.execute("""
        ALTER TABLE pause ADD CONSTRAINT pause_because_known CHECK (because IN (
            'data_requested', 'answer_given', 'archived', 'unreachable', 'end_lost'))
    """)
