"""One more thing that a message may tell: another unit is to handle it."""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Forward only."""
    op.execute("ALTER TABLE message DROP CONSTRAINT message_about_known")
    op.execute("""
        ALTER TABLE message ADD CONSTRAINT message_about_known CHECK (about IN (
            'received', 'verified', 'disposed', 'reassigned', 'returned', 'handed_up',
            'data_requested', 'data_request_cancelled', 'resumed', 'followed_up', 'answered',
            'objected', 'closed', 'reopened', 'archived', 'forwarded', 'recalled',
            'word_relayed', 'reclassified', 'merged', 'protected', 'withdrawn', 'refused',
            'deadline_approaching', 'deadline_passed', 'deadline_kept', 'deadline_recomputed',
            'escalation_raised', 'escalation_offered', 'handed_over', 'post_reminded',
            'post_raised', 'ombudsman_answered', 'news_comes_here', 'news_ends_here'))
    """)
