"""Consent to a hand-over, and the rules that a reporter is told before."""

from alembic import op

revision = "0002"
down_revision = "0001"

CONSENTS = """
ALTER TABLE report
    ADD COLUMN consented_at TIMESTAMP WITH TIME ZONE,
    ADD COLUMN consent_form BOOLEAN NOT NULL DEFAULT false,
    ADD COLUMN handed_over_at TIMESTAMP WITH TIME ZONE;

-- what was known of consents and hand-overs stood in the timeline only
UPDATE report SET
    consented_at = (SELECT max(at) FROM timeline_entry e
                    WHERE e.number = report.number AND what = 'reporter.consent_to_escalation'),
    handed_over_at = (SELECT min(at) FROM timeline_entry e
                      WHERE e.number = report.number AND what = 'escalation.handed_over');

CREATE TABLE admission_rule (
    rule VARCHAR NOT NULL,
    effective_from DATE NOT NULL,
    years INTEGER,
    basis VARCHAR NOT NULL,
    PRIMARY KEY (rule, effective_from),
    CONSTRAINT rule_is_known CHECK (rule IN
        ('event_age', 'agency_asked_first', 'not_over', 'consent', 'identity')),
    CONSTRAINT years_positive CHECK (years > 0)
);
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(CONSENTS)
