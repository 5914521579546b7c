"""What end a clock had when it began to stand: a merge compares what is left of it.

Of what stands already that is not known, and nothing is merged by it.
"""

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Forward only."""
    op.execute(
        "ALTER TABLE deadline ADD COLUMN stood_at timestamptz, ADD COLUMN stood_due_at timestamptz"
    )
