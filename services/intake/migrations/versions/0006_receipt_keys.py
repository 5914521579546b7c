"""The public keys that receipts were signed with, for ever."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Forward only."""
    op.execute(
        """
        CREATE TABLE receipt_key (
            kid      text PRIMARY KEY,
            jwk      jsonb NOT NULL,
            shown_at timestamptz NOT NULL
        );
        CREATE FUNCTION only_added_to() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% is only added to', TG_TABLE_NAME;
        END $$;
        CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON receipt_key
            FOR EACH STATEMENT EXECUTE FUNCTION only_added_to();
        """
    )
