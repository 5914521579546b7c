"""Where the feed's pokes go, by two administrators; and each poke until it is taken."""

from alembic import op

revision = "0010"
down_revision = "0009"

POKES = """
CREATE TABLE feed_target (
    id           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    url          text,
    proposed_by  uuid NOT NULL,
    proposed_at  timestamptz NOT NULL,
    confirmed_by uuid,
    confirmed_at timestamptz,
    CONSTRAINT feed_target_confirmed_by_another CHECK (confirmed_by <> proposed_by),
    CONSTRAINT feed_target_confirmed_whole
        CHECK ((confirmed_by IS NULL) = (confirmed_at IS NULL))
);
CREATE TABLE feed_poke (
    id          uuid PRIMARY KEY,
    stream      text NOT NULL REFERENCES feed_stream (stream),
    epoch       integer NOT NULL,
    position    bigint NOT NULL,
    made_at     timestamptz NOT NULL,
    next_try_at timestamptz,
    attempts    integer NOT NULL,
    settled_at  timestamptz,
    outcome     text CONSTRAINT feed_poke_outcome_known
                CHECK (outcome IN ('delivered', 'expired', 'withdrawn')),
    CONSTRAINT feed_poke_open_or_settled CHECK ((next_try_at IS NULL) = (outcome IS NOT NULL))
);
CREATE UNIQUE INDEX feed_poke_open ON feed_poke (stream) WHERE next_try_at IS NOT NULL;
CREATE INDEX feed_poke_place ON feed_poke (stream, epoch, position);
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(POKES)
