"""From where officers have signed in, and what was tried from there and within a session."""

from alembic import op

revision = "0007"
down_revision = "0006"

DEVICES = """
CREATE TABLE device (
    device_hash   bytea PRIMARY KEY,
    officer_id    uuid NOT NULL REFERENCES officer,
    given_at      timestamptz NOT NULL,
    used_at       timestamptz NOT NULL,
    failures      integer NOT NULL,
    blocked_until timestamptz NOT NULL
);
CREATE INDEX device_officer ON device (officer_id);
ALTER TABLE session
    ADD COLUMN failures      integer NOT NULL DEFAULT 0,
    ADD COLUMN blocked_until timestamptz NOT NULL DEFAULT now();
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(DEVICES)
