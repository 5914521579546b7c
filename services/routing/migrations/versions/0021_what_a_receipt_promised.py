"""The last day to settle it that a receipt promised: a merge compares it. Of older cases it is not
known here, and nothing is compared.
"""

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Forward only."""
    op.execute("ALTER TABLE cases ADD COLUMN settle_by date")
