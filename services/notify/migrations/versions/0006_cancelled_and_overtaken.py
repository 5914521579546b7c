"""One more thing that a message may tell: a question was taken back. And one more way in which it
may end: what it would have told was said not to be so before it was sent."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Forward only."""
    op.execute("ALTER TABLE message DROP CONSTRAINT message_about_known")
    op.execute("""
        ALTER TABLE message ADD CONSTRAINT message_about_known CHECK (about IN (
            'received', 'verified', 'disposed', 'returned', 'data_requested',
            'data_request_cancelled', 'resumed', 'followed_up', 'answered', 'objected', 'closed',
            'reopened', 'archived', 'forwarded', 'reclassified', 'merged', 'withdrawn', 'refused',
            'deadline_approaching', 'deadline_passed', 'deadline_kept', 'deadline_recomputed',
            'escalation_raised', 'escalation_offered', 'handed_over', 'post_reminded',
            'post_raised', 'ombudsman_answered'))
    """)
    op.execute("ALTER TABLE message DROP CONSTRAINT message_state_known")
    op.execute("""
        ALTER TABLE message ADD CONSTRAINT message_state_known
            CHECK (state IN ('due', 'sending', 'delivered', 'failed', 'overtaken'))
    """)
