"""Where the Ombudsman is offered in an archived case: until nobody can object to that any more."""

from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Forward only."""
    op.execute("""
        CREATE INDEX case_state_archived_offer ON case_state (number)
            WHERE offered_at IS NOT NULL AND handed_over_at IS NULL AND status = 'archived'
    """)
