"""What administrators change of agencies."""

from alembic import op

revision = "0014"
down_revision = "0013"

CHANGES = """
CREATE TABLE agency_event (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agency      text NOT NULL REFERENCES agency,
    by          uuid NOT NULL REFERENCES officer,
    at          timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    changes     jsonb NOT NULL
);
CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON agency_event
    FOR EACH STATEMENT EXECUTE FUNCTION only_added_to();
"""


def upgrade() -> None:
    """Forward only. What was changed before stands nowhere."""
    op.execute(CHANGES)
