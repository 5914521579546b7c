"""Which pepper codes are given out with, so that another one is noticed before it is used."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Forward only."""
    op.execute(
        """
        CREATE TABLE pepper (
            proof bytea PRIMARY KEY
        );
        CREATE UNIQUE INDEX pepper_is_one ON pepper ((true));
        CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON pepper
            FOR EACH STATEMENT EXECUTE FUNCTION only_added_to();
        """
    )
