"""Who is at the posts that the ladder names: decreed by the day, only added to."""

from alembic import op

revision = "0004"
down_revision = "0003"

POSTS = """
CREATE TABLE post_standing (
    id              integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    post            text NOT NULL,
    agency          text,
    standing        text NOT NULL,
    effective_from  date NOT NULL,
    effective_until date,
    decree          text NOT NULL,
    decided_by      uuid NOT NULL,
    decided_at      timestamptz NOT NULL,
    CONSTRAINT post_standing_post_known CHECK (post IN (
        'holder', 'head_of_coordinator', 'head_of_agency', 'sekda', 'inspectorate', 'bupati')),
    CONSTRAINT post_standing_standing_known CHECK (
        standing IN ('held', 'deputised', 'absent', 'vacant')),
    CONSTRAINT post_standing_forward CHECK (effective_until >= effective_from),
    CONSTRAINT post_standing_of_agencies CHECK (
        agency IS NULL OR post IN ('holder', 'head_of_agency'))
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON post_standing
    EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(POSTS)
