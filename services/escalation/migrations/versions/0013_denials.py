"""What officers were refused."""

from alembic import op

revision = "0013"
down_revision = "0012"

DENIALS = """
CREATE TABLE denial (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL,
    officer_id uuid NOT NULL,
    method     text NOT NULL,
    route      text NOT NULL,
    status     integer NOT NULL,
    number     text,
    times      integer NOT NULL CONSTRAINT denial_counted CHECK (times > 0)
);
CREATE INDEX denial_at ON denial (at);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON denial
    EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(DENIALS)
