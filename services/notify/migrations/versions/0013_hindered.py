"""Two more ends of a try, which are not about its message: the server takes nothing, or nothing
from us; and no key here opens the address."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Forward only. What was tried before counts as its message's own."""
    op.execute("ALTER TABLE attempt DROP CONSTRAINT attempt_outcome_known")
    op.execute("""
        ALTER TABLE attempt ADD CONSTRAINT attempt_outcome_known CHECK (outcome IN (
            'delivered', 'rejected', 'unavailable', 'hindered', 'unreadable', 'withheld',
            'unknown'))
    """)
