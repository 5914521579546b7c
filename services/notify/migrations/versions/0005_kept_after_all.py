"""One more thing that a message may tell: a limit had been kept after all."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Forward only."""
    op.execute("ALTER TABLE message DROP CONSTRAINT message_about_known")
    op.execute("""
        ALTER TABLE message ADD CONSTRAINT message_about_known CHECK (about IN (
            'received', 'verified', 'disposed', 'returned', 'data_requested', 'resumed',
            'followed_up', 'answered', 'objected', 'closed', 'reopened', 'archived', 'forwarded',
            'reclassified', 'merged', 'withdrawn', 'refused', 'deadline_approaching',
            'deadline_passed', 'deadline_kept', 'deadline_recomputed', 'escalation_raised',
            'escalation_offered', 'handed_over', 'post_reminded', 'post_raised',
            'ombudsman_answered'))
    """)
