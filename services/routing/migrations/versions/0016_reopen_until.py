"""Until when a case that is over may be taken up again, as its reporter is told when it ends: a
decree that comes later takes nothing away."""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Forward only. Of what ended before, it follows from the days that hold when somebody asks."""
    op.execute("ALTER TABLE cases ADD COLUMN reopen_until timestamptz")
