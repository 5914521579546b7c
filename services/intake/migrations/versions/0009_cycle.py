"""The round of handling that a report is in, so that no limit of an earlier one is shown."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Forward only. Of earlier reports it is not known before the case moves."""
    op.execute("ALTER TABLE report ADD COLUMN cycle INTEGER")
