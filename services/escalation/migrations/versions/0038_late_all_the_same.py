"""A clock that stopped before its end could be told is measured once that can: found by an index
that holds no others."""

from alembic import op

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    """Forward only."""
    op.execute("""
        CREATE INDEX clock_never_known ON clock (regime)
            WHERE stopped_at IS NOT NULL AND problem IS NOT NULL AND NOT announced
    """)
