"""Since when a restored database waits for a person: nothing fires. A worker of the version before
knows nothing of that; the constraint does not let it take the refusal back. And up to which case it
was said again, after that, how clocks stand."""

from alembic import op

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    """Forward only."""
    op.execute("""
        ALTER TABLE breaker ADD COLUMN restored_at timestamptz, ADD COLUMN told_through text
    """)
    op.execute("ALTER TABLE breaker DROP CONSTRAINT breaker_reason_known")
    op.execute("""
        ALTER TABLE breaker ADD CONSTRAINT breaker_reason_known
            CHECK (reason IN ('mass_firing', 'clock_skew', 'clock_jump', 'restored'))
    """)
    op.execute("""
        ALTER TABLE breaker ADD CONSTRAINT breaker_restored_is_refused
            CHECK (restored_at IS NULL OR reason IS NOT NULL)
    """)
