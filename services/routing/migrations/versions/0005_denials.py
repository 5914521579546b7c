"""What signed-in officers were refused."""

from alembic import op

revision = "0005"
down_revision = "0004"

DENIALS = """
CREATE TABLE denial (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL,
    officer_id uuid NOT NULL REFERENCES officer,
    method     text NOT NULL,
    route      text NOT NULL,
    status     integer NOT NULL,
    number     text,
    times      integer NOT NULL CONSTRAINT denial_counted CHECK (times > 0)
);
CREATE INDEX denial_at ON denial (at);
CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON denial
    FOR EACH STATEMENT EXECUTE FUNCTION only_added_to();
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(DENIALS)
