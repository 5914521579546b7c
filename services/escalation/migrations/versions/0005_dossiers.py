"""What happened to each case, what was sealed for the Ombudsman, and the dossiers made of both."""

from alembic import op

revision = "0005"
down_revision = "0004"

DOSSIERS = """
ALTER TABLE consent ADD COLUMN admissible_until date;

CREATE TABLE case_event (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number text NOT NULL,
    at     timestamptz NOT NULL,
    what   text NOT NULL,
    detail jsonb NOT NULL
);
CREATE INDEX case_event_number ON case_event (number, id);
CREATE FUNCTION refuse_rewriting_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what happened is never changed or removed';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON case_event
    EXECUTE FUNCTION refuse_rewriting_history();

CREATE TABLE sealed_part (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number     text NOT NULL,
    part       text NOT NULL CONSTRAINT sealed_part_part_known
               CHECK (part IN ('identity', 'report', 'addition', 'reply')),
    written_at timestamptz NOT NULL,
    sealed_at  timestamptz NOT NULL,
    key_id     text NOT NULL,
    sha256     text NOT NULL,
    sealed     text NOT NULL
);
CREATE INDEX sealed_part_number ON sealed_part (number, id);
CREATE INDEX sealed_part_sealed_at ON sealed_part (sealed_at);

CREATE TABLE dossier (
    number       text PRIMARY KEY,
    version      integer NOT NULL,
    content      jsonb NOT NULL,
    sha256       text NOT NULL,
    assembled_at timestamptz NOT NULL,
    erased_at    timestamptz
);
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(DOSSIERS)
