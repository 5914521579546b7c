"""Which key opens all the words of a report, so that a further consent need not say them anew."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Forward only. Of earlier consents it is not known: the next one seals everything."""
    op.execute("ALTER TABLE report ADD COLUMN sealed_to VARCHAR")
