"""Who changed which rule by which decree. A limit or rung may be corrected from the same day on:
the later row holds, the earlier one stays to be seen."""

from alembic import op

revision = "0007"
down_revision = "0006"

AMENDMENTS = """
CREATE TABLE amendment (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    what        text NOT NULL CONSTRAINT amendment_what_known CHECK (what IN (
                'limit', 'rung', 'calendar', 'week', 'day', 'assignment', 'import')),
    row_id      integer,
    decree      text NOT NULL,
    retroactive boolean NOT NULL,
    detail      jsonb NOT NULL,
    decided_by  uuid,
    decided_as  text,
    decided_at  timestamptz NOT NULL,
    CONSTRAINT amendment_by_somebody CHECK ((decided_by IS NULL) <> (decided_as IS NULL))
);
CREATE INDEX amendment_row ON amendment (what, row_id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON amendment
    EXECUTE FUNCTION refuse_rewriting();
ALTER TABLE limit_rule DROP CONSTRAINT limit_rule_once;
ALTER TABLE ladder_rule DROP CONSTRAINT ladder_rule_once;
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(AMENDMENTS)
