"""What agencies name as evidence, by the SHA-256 of what is in the files that they keep."""

from alembic import op

revision = "0012"
down_revision = "0011"

EVIDENCE = """
CREATE TABLE evidence (
    reply_id uuid NOT NULL REFERENCES reply,
    place    integer NOT NULL,
    title    text NOT NULL,
    sha256   text NOT NULL CONSTRAINT evidence_sha256_is_one CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    PRIMARY KEY (reply_id, place)
);
CREATE INDEX evidence_sha256 ON evidence (sha256);
CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON evidence
    FOR EACH STATEMENT EXECUTE FUNCTION only_added_to();
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(EVIDENCE)
