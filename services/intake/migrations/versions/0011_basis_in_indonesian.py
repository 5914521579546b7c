"""The basis of a rule of hand-overs that the system began with is said in Indonesian."""

from alembic import op

revision = "0011"
down_revision = "0010"

BASIS = """
UPDATE admission_rule SET basis = 'Praktik SP4N-Ombudsman; menunggu penetapan pemerintah daerah'
WHERE rule = 'not_over' AND basis = 'SP4N-Ombudsman practice; to be confirmed by the regency'
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(BASIS)
