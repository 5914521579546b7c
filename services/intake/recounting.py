"""What is counted for the other services to compare with, after a restore has taken reports away.

Accepted and lost is accepted all the same, so a lost report counts as one, and as one whose case is
known: otherwise the comparison would be out by as many for ever. It is told by what routing says of
it: a report is written before anybody can hear of it, so a case without one has lost it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

import contracts
from chassis.database import UNHURRIED, rows

_FIND = """
INSERT INTO lost_report (number, noted_at)
SELECT DISTINCT subject, CAST(:now AS timestamptz) FROM inbox
WHERE state <> 'done' AND source = :source AND reason IN ('too early', 'gap', 'gap closed')
AND NOT EXISTS (SELECT FROM report WHERE number = subject)
ON CONFLICT DO NOTHING RETURNING number
"""
# One statement sees one moment: the difference is right whatever others note meanwhile, and it is
# one note more. Only another recount must not come between.
_ALONE = sa.text("SELECT pg_advisory_xact_lock(hashtext('chassis.tally'))")
_RECOUNT = """
WITH stored (what, count) AS (
    SELECT 'reports_accepted', (SELECT count(*) FROM report) + lost.count
    FROM (SELECT count(*) FROM lost_report) lost
    UNION ALL
    SELECT 'cases_known', count(DISTINCT number) + (SELECT count(*) FROM lost_report)
    FROM timeline_entry WHERE what = 'case.opened'
), compared AS (
    SELECT what, stored.count AS now, (SELECT coalesce(sum(tally.count), 0)
        FROM tally WHERE tally.what = stored.what)::bigint AS before FROM stored
), noted AS (
    INSERT INTO tally SELECT what, now - before FROM compared WHERE now <> before
)
SELECT what, before, now FROM compared ORDER BY what DESC
"""


@dataclass(frozen=True)
class Counted:
    """What is counted as `what`: how many before, and how many now."""

    what: str
    before: int
    now: int


def find_lost(tx: Session, now: datetime) -> list[str]:
    """Notes the reports that went with a restore and are not noted yet; returns their numbers."""
    found = rows(tx, _FIND, now=now, source=contracts.source("case.opened.v1"))
    return sorted(row.number for row in found)


def recount(tx: Session) -> list[Counted]:
    """Has the tally say what is stored, and what was lost. Holds up nobody who writes."""
    tx.execute(UNHURRIED)
    tx.execute(_ALONE)
    return [Counted(*row) for row in rows(tx, _RECOUNT)]
