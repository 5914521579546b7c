"""When a limit began: of a question's, that names the question whose time it is."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Forward only. Of what began before, it stays unknown."""
    op.execute("ALTER TABLE deadline ADD COLUMN started_at timestamptz")
