"""Two more things that a message may tell of what was forwarded outside: that it was recalled, and
that there is word of it."""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Forward only."""
    op.execute("ALTER TABLE message DROP CONSTRAINT message_about_known")
    op.execute("""
        ALTER TABLE message ADD CONSTRAINT message_about_known CHECK (about IN (
            'received', 'verified', 'disposed', 'reassigned', 'returned', 'data_requested',
            'data_request_cancelled', 'resumed', 'followed_up', 'answered', 'objected', 'closed',
            'reopened', 'archived', 'forwarded', 'recalled', 'word_relayed', 'reclassified',
            'merged', 'protected', 'withdrawn', 'refused', 'deadline_approaching',
            'deadline_passed', 'deadline_kept', 'deadline_recomputed', 'escalation_raised',
            'escalation_offered', 'handed_over', 'post_reminded', 'post_raised',
            'ombudsman_answered'))
    """)
