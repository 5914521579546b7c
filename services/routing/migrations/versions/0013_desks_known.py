"""Of which cases it was said whom a limit must pass by: of those from before, it has to be said."""

from alembic import op

revision = "0013"
down_revision = "0012"

SAID = """
UPDATE cases SET desks_known = true WHERE number IN (
    SELECT subject FROM outbox
    WHERE source = '/routing/cases' AND data ->> 'passes_by' IS NOT NULL)
"""


def upgrade() -> None:
    """Forward only. What the outbox has forgotten may be said twice."""
    op.execute("ALTER TABLE cases ADD COLUMN desks_known boolean NOT NULL DEFAULT false")
    op.execute(SAID)
