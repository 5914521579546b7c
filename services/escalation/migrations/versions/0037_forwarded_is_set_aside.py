"""What was forwarded outside may be objected to as what was archived: its clocks are set aside, and
its offer ends with the time for that."""

from alembic import op

revision = "0037"
down_revision = "0036"

SET_ASIDE = """
UPDATE clock c SET set_aside = true FROM case_state s
WHERE s.number = c.number AND s.status = 'forwarded_externally'
AND c.stopped_at = (SELECT max(e.at) FROM case_event e
                    WHERE e.number = c.number AND e.what = 'case.forwarded')
"""


def upgrade() -> None:
    """Forward only. Of what is outside already, what its forwarding stopped is set aside."""
    op.execute("ALTER TABLE pause DROP CONSTRAINT pause_because_known")
    op.execute("""
        ALTER TABLE pause ADD CONSTRAINT pause_because_known CHECK (because IN (
            'data_requested', 'answer_given', 'archived', 'forwarded', 'unreachable', 'end_lost'))
    """)
    op.execute("DROP INDEX case_state_archived_offer")
    op.execute("""
        CREATE INDEX case_state_aside_offer ON case_state (number)
            WHERE offered_at IS NOT NULL AND handed_over_at IS NULL
            AND status IN ('archived', 'forwarded_externally')
    """)
    op.execute(SET_ASIDE)
