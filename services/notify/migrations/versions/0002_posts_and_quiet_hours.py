"""Messages to posts of the government, and messages that wait for the morning."""

from alembic import op

revision = "0002"
down_revision = "0001"

UP = """
CREATE TABLE post (
    place    text PRIMARY KEY,
    kek      integer NOT NULL,
    data_key bytea NOT NULL,
    reach    bytea NOT NULL
);
CREATE INDEX post_kek ON post (kek);

ALTER TABLE message ADD COLUMN place text, ADD COLUMN not_before timestamptz;
UPDATE message SET not_before = written_at;
ALTER TABLE message ALTER COLUMN not_before SET NOT NULL;

ALTER TABLE message DROP CONSTRAINT message_once;
ALTER TABLE message ADD CONSTRAINT message_once
    UNIQUE NULLS NOT DISTINCT (number, about, cause, place);

ALTER TABLE message DROP CONSTRAINT message_about_known;
ALTER TABLE message ADD CONSTRAINT message_about_known CHECK (about IN (
    'received', 'verified', 'disposed', 'returned', 'data_requested', 'resumed',
    'followed_up', 'answered', 'objected', 'closed', 'reopened', 'archived', 'forwarded',
    'reclassified', 'merged', 'withdrawn', 'refused', 'deadline_approaching',
    'deadline_passed', 'deadline_recomputed', 'escalation_raised', 'escalation_offered',
    'handed_over', 'post_reminded', 'post_raised'));
ALTER TABLE message ADD CONSTRAINT message_for_one
    CHECK ((place IS NULL) = (about NOT IN ('post_reminded', 'post_raised')));
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(UP)
