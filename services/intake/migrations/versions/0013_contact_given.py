"""Whether a contact came with a report: its reporter is told what they chose."""

from alembic import op

revision = "0013"
down_revision = "0012"

KNOWN = """
UPDATE report SET contact_given = confidentiality <> 'anonymous'
WHERE confidentiality = 'anonymous' OR EXISTS (
    SELECT FROM outbox WHERE type = 'report.contact_sealed.v1' AND subject = report.number)
"""


def upgrade() -> None:
    """Forward only. Of earlier reports it is known as long as what was said of them is kept."""
    op.execute("ALTER TABLE report ADD COLUMN contact_given BOOLEAN")
    op.execute(KNOWN)
