"""By which limit and calendars the end was counted that was told of a clock last: of one that was
not measured since, by those that it was measured by."""

from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """Forward only."""
    op.execute("ALTER TABLE clock ADD COLUMN told_rule_id integer, ADD COLUMN told_regime bigint")
