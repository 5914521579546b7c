"""One function refuses to rewrite what is only added to, and names the table; there were three."""

from alembic import op

revision = "0011"
down_revision = "0010"

REFUSAL = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is only added to', TG_TABLE_NAME;
END $$;
DO $$
DECLARE added_to regclass;
BEGIN
    FOR added_to IN
        SELECT tgrelid FROM pg_trigger
        WHERE tgfoid IN ('refuse_rewriting'::regproc, 'refuse_rewriting_history'::regproc)
    LOOP
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %s'
            ' EXECUTE FUNCTION refuse_change()',
            added_to
        );
    END LOOP;
END $$;
DROP FUNCTION refuse_rewriting;
DROP FUNCTION refuse_rewriting_history;
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(REFUSAL)
