"""When the consent ended that a case was handed over by. The Ombudsman is told, late, also of those
that ended before, where it is certain: a signed entry cannot be taken back. That a consent is gone
proves nothing, for until 29 November an operator's erasure took it away, too."""

from alembic import op

revision = "0032"
down_revision = "0031"

KEPT = "ALTER TABLE dossier ADD COLUMN consent_ended_at timestamptz"
ENDED = """
UPDATE dossier d SET consent_ended_at = coalesce(
    (SELECT e.at FROM consent_end e WHERE e.number = d.number
     AND e.at >= (d.content #>> '{consent,at}')::timestamptz),
    (SELECT max(h.at) FROM case_event h
     WHERE h.number = d.number AND h.what = 'case.withdrawn' AND h.at >= d.assembled_at),
    (SELECT min((f.entry ->> 'time')::timestamptz) FROM feed_entry f
     WHERE f.stream = 'handovers' AND f.entry ->> 'type' = 'feed.case.erased.v1'
     AND f.entry ->> 'subject' = d.number AND f.entry #>> '{data,why}' = 'withdrawn'))
WHERE NOT EXISTS (SELECT FROM consent c WHERE c.number = d.number)
"""
TOLD = """
INSERT INTO feed_pending (stream, event_id, type, subject, time, data, written_at)
SELECT 'handovers', gen_random_uuid(), 'feed.case.consent_ended.v1', number, now(),
       jsonb_build_object('at', to_char(consent_ended_at AT TIME ZONE 'UTC',
                                        'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')), now()
FROM dossier WHERE consent_ended_at IS NOT NULL ORDER BY consent_ended_at, number
"""


def upgrade() -> None:
    """Forward only."""
    for statement in (KEPT, ENDED, TOLD):
        op.execute(statement)
