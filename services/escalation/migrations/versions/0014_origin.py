"""The feed knows the database in which its places are given: where it was restored, nothing is
appended before an epoch is opened (`ombudsman.feed.here`)."""

from alembic import op

revision = "0014"
down_revision = "0013"

ORIGIN = """
ALTER TABLE feed_stream ADD COLUMN origin text;
UPDATE feed_stream SET origin = (SELECT system_identifier FROM pg_control_system())
    || ':' || left(pg_walfile_name(pg_current_wal_lsn()), 8)
    || ':' || 'feed_stream'::regclass::oid;
ALTER TABLE feed_stream ALTER COLUMN origin SET NOT NULL;
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(ORIGIN)
