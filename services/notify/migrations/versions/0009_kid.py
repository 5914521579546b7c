"""Of each message it is kept which key its Message-ID is made with: that stays the same when
another one comes."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Forward only. Of what was tried before, none was kept: it had the oldest."""
    op.execute("ALTER TABLE message ADD COLUMN kid text")
