"""A breach may end because its limit had been kept: the news of that came late. And an open case is
watched by its own H also while it follows another one."""

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Forward only."""
    op.execute("ALTER TABLE breach DROP CONSTRAINT breach_how_known")
    op.execute("""
        ALTER TABLE breach ADD CONSTRAINT breach_how_known
            CHECK (how IN ('stopped', 'paused', 'recomputed', 'kept'))
    """)
    op.execute("DROP INDEX case_state_open")
    op.execute("""
        CREATE INDEX case_state_open ON case_state (number)
            WHERE status NOT IN ('archived', 'closed', 'forwarded_externally', 'withdrawn')
    """)
