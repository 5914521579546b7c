"""Until when a receipt promised a case to be settled, while S has not begun: of cases that are open
by now it is not known."""

from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Forward only."""
    op.execute("ALTER TABLE case_state ADD COLUMN settle_by date")
    op.execute("ALTER TABLE clock_change DROP CONSTRAINT clock_change_reason_known")
    op.execute("""
        ALTER TABLE clock_change ADD CONSTRAINT clock_change_reason_known CHECK (
            reason IN ('paused', 'resumed', 'reclassified', 'calendar', 'limit', 'promise'))
    """)
