"""Proof that what officers did, and what they were refused, was not changed afterwards."""

from alembic import op

revision = "0008"
down_revision = "0007"

TRAIL = """
ALTER TABLE officer_event ADD COLUMN recorded_at timestamptz NOT NULL DEFAULT clock_timestamp();
ALTER TABLE denial ADD COLUMN recorded_at timestamptz NOT NULL DEFAULT clock_timestamp();
CREATE TABLE trail_link (
    position  bigint PRIMARY KEY,
    prev_hash bytea NOT NULL,
    hash      bytea NOT NULL,
    entry     jsonb NOT NULL
);
CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON trail_link
    FOR EACH STATEMENT EXECUTE FUNCTION only_added_to();
CREATE TABLE trail_mark (
    one     boolean PRIMARY KEY CONSTRAINT trail_mark_one CHECK (one),
    through jsonb NOT NULL,
    horizon text NOT NULL,
    at      timestamptz NOT NULL
);
"""


def upgrade() -> None:
    """Forward only. What was done before is proved from the first link on."""
    op.execute(TRAIL)
