"""The Ombudsman's answers, and the clocks that they start.

A database that has its limits and ladder already gets the rows that a new one is seeded with.
"""

from alembic import op

revision = "0009"
down_revision = "0008"

CLOCKS = "('V', 'F', 'S', 'R', 'A', 'D', 'H', 'C', 'O')"
RAISED = "('V', 'F', 'S', 'A', 'C', 'O')"

LETTERS = f"""
ALTER TABLE limit_rule DROP CONSTRAINT limit_rule_clock_known,
    ADD CONSTRAINT limit_rule_clock_known CHECK (clock IN {CLOCKS});
ALTER TABLE ladder_rule DROP CONSTRAINT ladder_rule_clock_known,
    ADD CONSTRAINT ladder_rule_clock_known CHECK (clock IN {CLOCKS});
ALTER TABLE ladder_rule DROP CONSTRAINT ladder_rule_raised_known,
    ADD CONSTRAINT ladder_rule_raised_known CHECK (level = 0 OR clock IN {RAISED});
ALTER TABLE clock DROP CONSTRAINT clock_clock_known,
    ADD CONSTRAINT clock_clock_known CHECK (clock IN {CLOCKS});
"""
ROWS = """
INSERT INTO limit_rule (clock, days, unit, effective_from, decree)
SELECT clock, days, 'calendar', '2019-01-01', decree FROM (VALUES
    ('C', 30, 'Ombudsman''s practice for an LHP (number unconfirmed)'),
    ('O', 60, 'UU 37/2008 art. 38 (number unconfirmed)')
) AS added (clock, days, decree)
WHERE EXISTS (SELECT FROM limit_rule);

INSERT INTO ladder_rule (clock, level, after_days, brought_to, effective_from, decree)
SELECT clock, level, after_days, brought_to, '2019-01-01', 'local rule'
FROM unnest(ARRAY['C', 'O']) AS clock, (VALUES
    (0, -1, 'holder'), (1, 0, 'head_of_agency'), (2, 3, 'sekda'), (3, 5, 'bupati')
) AS rung (level, after_days, brought_to)
WHERE EXISTS (SELECT FROM ladder_rule);
"""
ANSWERS = """
CREATE TABLE handover_answer (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    answer_id  uuid NOT NULL UNIQUE,
    message_id text NOT NULL UNIQUE,
    number     text NOT NULL REFERENCES case_state (number),
    answer     text NOT NULL CONSTRAINT handover_answer_answer_known CHECK (answer IN (
        'received', 'declined', 'under_examination', 'mediation', 'corrective_action',
        'recommendation', 'closed')),
    reason     text CONSTRAINT handover_answer_reason_known CHECK (reason IN (
        'incomplete', 'too_old', 'not_asked_first', 'before_court', 'being_settled', 'settled',
        'not_within_authority', 'no_maladministration', 'other')),
    reference  text,
    body_hash  bytea NOT NULL,
    decided_at timestamptz NOT NULL,
    at         timestamptz NOT NULL,
    CONSTRAINT handover_answer_reason_declined CHECK ((answer = 'declined') = (reason IS NOT NULL))
);
CREATE INDEX handover_answer_number ON handover_answer (number, id);
CREATE INDEX case_state_handed_over ON case_state (handed_over_at)
    WHERE handed_over_at IS NOT NULL;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON handover_answer
    EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    """Forward only."""
    for part in (LETTERS, ROWS, ANSWERS):
        op.execute(part)
