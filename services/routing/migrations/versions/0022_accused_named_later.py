"""Whom a case complains about may be named later than at verification."""

from alembic import op

revision = "0022"
down_revision = "0021"

_ACTION = """
('verify', 'dispose', 'reassign', 'archive', 'forward', 'recall', 'relay', 'request_data',
 'cancel_data_request', 'return', 'follow_up', 'answer', 'reclassify', 'merge', 'protect',
 'name_accused', 'supplement', 'object', 'accept', 'rate', 'reopen', 'withdraw', 'auto_close',
 'give_up')
"""


def upgrade() -> None:
    """Forward only."""
    for table in ("case_event", "reporter_note"):
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_action_known")
        op.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_action_known CHECK (action IN {_ACTION})"
        )
