"""Until when what was archived may be objected to, as routing said with that: so long an offer
stands."""

from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Forward only. Of what was archived before, it is thirty days after that."""
    op.execute("ALTER TABLE case_state ADD COLUMN reopen_until timestamptz")
