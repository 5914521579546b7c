"""When a case was disposed that was returned, archived and objected to: the objection took that
away, and the worklist showed V or S where A or F runs."""

from alembic import op

revision = "0015"
down_revision = "0014"

# Its file tells what it was. Of a case that an agency held the objection took the agency away too,
# and when that got it counts no more.
GIVEN_BACK = """
UPDATE cases AS c SET disposed_at = CAST(last.changes->'disposed_at'->>0 AS timestamptz)
FROM (
    SELECT DISTINCT ON (number) number, action, changes FROM case_event
    WHERE changes ? 'disposed_at' ORDER BY number, id DESC
) AS last
WHERE last.number = c.number AND last.action = 'object' AND NOT last.changes ? 'agency'
AND c.disposed_at IS NULL AND c.returns > 0;

UPDATE cases AS c SET disposed_at = parent.disposed_at FROM cases AS parent
WHERE parent.number = c.merged_into AND parent.returns > 0 AND c.disposed_at IS NULL;

UPDATE cases AS c
SET due_at = first.due_at, ends_on = first.ends_on, level = coalesce(first.level, 0)
FROM cases AS given LEFT JOIN LATERAL (
    SELECT due_at, ends_on, level FROM (
        SELECT DISTINCT ON (clock) * FROM deadline
        WHERE number = given.number AND clock IN (
            CASE WHEN given.returns >= 2 THEN 'A' ELSE 'F' END,
            CASE given.ombudsman WHEN 'corrective_action' THEN 'C'
                                 WHEN 'recommendation' THEN 'O' END
        )
        ORDER BY clock, cycle DESC
    ) AS newest
    ORDER BY due_at LIMIT 1
) AS first ON true
WHERE given.number = c.number AND c.status = 'unverified' AND c.merged_into IS NULL
AND c.returns > 0 AND c.disposed_at IS NOT NULL;
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(GIVEN_BACK)
