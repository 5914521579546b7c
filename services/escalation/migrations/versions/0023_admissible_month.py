"""Until which month the law lets a case be taken: the day told the day of the event in clear."""

from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Forward only. What is known to the day stays so until it is handed over."""
    op.execute("ALTER TABLE consent ADD COLUMN admissible_month text")
