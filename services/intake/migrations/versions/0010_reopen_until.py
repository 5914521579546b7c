"""Until when a report that is over may be taken up again, as routing said when it ended."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Forward only. Of what ended before, it is thirty days after that."""
    op.execute("ALTER TABLE report ADD COLUMN reopen_until TIMESTAMP WITH TIME ZONE")
