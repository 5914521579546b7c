"""Which reports a restore has lost. And a case that is told of twice is known once: routing says
again that it opened it, if it was restored."""

from alembic import op

revision = "0008"
down_revision = "0007"

LOST = """
CREATE TABLE lost_report (
    number VARCHAR NOT NULL,
    noted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (number)
);
"""
ONCE = """
CREATE FUNCTION note_known() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM timeline_entry
                   WHERE number = NEW.number AND what = 'case.opened' AND id < NEW.id) THEN
        INSERT INTO tally VALUES ('cases_known', 1);
    END IF;
    RETURN NULL;
END $$;
DROP TRIGGER tally_opened ON timeline_entry;
CREATE TRIGGER tally_opened AFTER INSERT ON timeline_entry
    FOR EACH ROW WHEN (NEW.what = 'case.opened') EXECUTE FUNCTION note_known();
"""


def upgrade() -> None:
    """Forward only. What was counted twice before, `recount` sets right."""
    op.execute(LOST)
    op.execute(ONCE)
