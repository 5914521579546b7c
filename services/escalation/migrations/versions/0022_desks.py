"""Which desk decides about a case while no agency has it, and which must hear nothing of it."""

from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Forward only. Of older cases routing says it with the next step, or by `say-desks`."""
    op.execute("""
        ALTER TABLE case_state
            ADD COLUMN decider text NOT NULL DEFAULT 'coordinator'
                CONSTRAINT case_state_decider_known
                    CHECK (decider IN ('coordinator', 'arbiter', 'supervisor')),
            ADD COLUMN passes_by text[] NOT NULL DEFAULT '{}'
                CONSTRAINT case_state_passes_by_known
                    CHECK (passes_by <@ ARRAY['coordinator', 'arbiter', 'supervisor'])
    """)
