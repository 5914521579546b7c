"""An administrator enters a year's national decree; an import leaves that year alone then."""

from alembic import op

revision = "0020"
down_revision = "0019"

NATION = """
ALTER TABLE calendar_year ADD COLUMN entered boolean NOT NULL DEFAULT false;
ALTER TABLE amendment DROP CONSTRAINT amendment_what_known;
ALTER TABLE amendment ADD CONSTRAINT amendment_what_known CHECK (what IN (
    'limit', 'rung', 'calendar', 'week', 'day', 'assignment', 'import', 'nation'));
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(NATION)
