"""What the Ombudsman answers: on the case, in its file, and in the worklist while it orders
something, however the case itself stands."""

from alembic import op

revision = "0002"
down_revision = "0001"

_ANSWERS = """(
    'received', 'declined', 'under_examination', 'mediation', 'corrective_action',
    'recommendation', 'closed')"""
_OPEN = "('unverified', 'awaiting_reporter', 'disposed', 'in_progress', 'answered')"

CASES = f"""
ALTER TABLE cases ADD COLUMN ombudsman varchar
    CONSTRAINT cases_ombudsman_known CHECK (ombudsman IN {_ANSWERS});
DROP INDEX cases_open;
CREATE INDEX cases_open ON cases (due_at, number)
    WHERE (merged_into IS NULL AND status IN {_OPEN})
       OR ombudsman IN ('corrective_action', 'recommendation');
ALTER TABLE deadline DROP CONSTRAINT deadline_clock_known,
    ADD CONSTRAINT deadline_clock_known
        CHECK (clock IN ('V', 'F', 'S', 'R', 'A', 'D', 'H', 'C', 'O'));
"""
ANSWERS = f"""
CREATE TABLE ombudsman_answer (
    id         uuid PRIMARY KEY,
    number     text NOT NULL REFERENCES cases,
    answer     varchar NOT NULL CONSTRAINT ombudsman_answer_answer_known
               CHECK (answer IN {_ANSWERS}),
    reason     text,
    reference  text,
    decided_at timestamptz NOT NULL,
    at         timestamptz NOT NULL
);
CREATE INDEX ombudsman_answer_number ON ombudsman_answer (number, at);
CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON ombudsman_answer
    FOR EACH STATEMENT EXECUTE FUNCTION only_added_to();
CREATE TABLE ombudsman_words (
    id     uuid PRIMARY KEY,
    number text NOT NULL REFERENCES cases,
    text   text NOT NULL
);
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(CASES)
    op.execute(ANSWERS)
