"""What was forwarded outside may be recalled, and what is said of it there is told."""

from alembic import op

revision = "0019"
down_revision = "0018"

_ACTION = """
('verify', 'dispose', 'reassign', 'archive', 'forward', 'recall', 'relay', 'request_data',
 'cancel_data_request', 'return', 'follow_up', 'answer', 'reclassify', 'merge', 'protect',
 'supplement', 'object', 'accept', 'rate', 'reopen', 'withdraw', 'auto_close', 'give_up')
"""


def upgrade() -> None:
    """Forward only."""
    for table in ("case_event", "reporter_note"):
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_action_known")
        op.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_action_known CHECK (action IN {_ACTION})"
        )
    op.execute("ALTER TABLE reply DROP CONSTRAINT reply_about_known")
    op.execute("""
        ALTER TABLE reply ADD CONSTRAINT reply_about_known CHECK (about IN (
            'follow_up', 'answer', 'data_request', 'cancellation', 'archive', 'forwarding',
            'recall', 'outside_word', 'reclassification', 'protection'))
    """)
