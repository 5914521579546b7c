"""What the breaker sees besides the backlog: what was moved into the past and has fired, and when
it last looked."""

from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Forward only."""
    op.execute("ALTER TABLE breaker ADD COLUMN looked_at timestamptz")
    op.execute("ALTER TABLE breaker DROP CONSTRAINT breaker_reason_known")
    op.execute("""
        ALTER TABLE breaker ADD CONSTRAINT breaker_reason_known
            CHECK (reason IN ('mass_firing', 'clock_skew', 'clock_jump'))
    """)
    op.execute("""
        CREATE INDEX due_moved ON due (fired_at)
            WHERE fired_at IS NOT NULL AND armed_at > due_at
    """)
