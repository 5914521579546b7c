"""Whether a contact came with a report: its reporter is told what they chose."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Forward only. Of earlier reports it stays unknown: to find out would keep all others waiting
    for as long as there are many."""
    op.execute("ALTER TABLE report ADD COLUMN contact_given BOOLEAN")
