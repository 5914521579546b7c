"""A contact may be replaced: since when, what still goes to the one before, and two more news."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Forward only. No contact was replaced before."""
    op.execute("ALTER TABLE reporter ADD COLUMN since timestamptz")
    op.execute("ALTER TABLE message ADD COLUMN former boolean NOT NULL DEFAULT false")
    op.execute("""
        CREATE TABLE former_reach (
            message_id uuid PRIMARY KEY,
            number     text NOT NULL,
            kek        integer NOT NULL,
            data_key   bytea NOT NULL,
            reach      bytea NOT NULL
        )
    """)
    op.execute("CREATE INDEX former_reach_number ON former_reach (number)")
    op.execute("CREATE INDEX former_reach_kek ON former_reach (kek)")
    op.execute("ALTER TABLE message DROP CONSTRAINT message_about_known")
    op.execute("""
        ALTER TABLE message ADD CONSTRAINT message_about_known CHECK (about IN (
            'received', 'verified', 'disposed', 'reassigned', 'returned', 'data_requested',
            'data_request_cancelled', 'resumed', 'followed_up', 'answered', 'objected', 'closed',
            'reopened', 'archived', 'forwarded', 'recalled', 'word_relayed', 'reclassified',
            'merged', 'protected', 'withdrawn', 'refused', 'deadline_approaching',
            'deadline_passed', 'deadline_kept', 'deadline_recomputed', 'escalation_raised',
            'escalation_offered', 'handed_over', 'post_reminded', 'post_raised',
            'ombudsman_answered', 'news_comes_here', 'news_ends_here'))
    """)
