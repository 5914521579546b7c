"""Shows what should alarm somebody, as gauges; each question stands in `metrics`."""

from __future__ import annotations

import math
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from services.escalation import metrics
from services.escalation.domain import offer_reason
from services.escalation.models import STREAMS
from services.escalation.ombudsman import acknowledging, pokes
from services.escalation.ombudsman.answers import Answer
from services.escalation.watch.clockwork import GOVERNMENT, ORDERS, OVER, Clock

_BY_CLOCK = sa.text("""
SELECT clock, count(*) AS running,
       count(*) FILTER (WHERE problem = 'no_limit') AS no_limit,
       count(*) FILTER (WHERE problem = 'calendar') AS no_calendar,
       count(*) FILTER (WHERE provisional) AS provisional, min(due_at) AS first_due
FROM clock WHERE stopped_at IS NULL GROUP BY clock
""")
_BREACHES = sa.text("""
SELECT c.clock, count(*) AS broken FROM breach b JOIN clock c ON c.id = b.clock_id
WHERE b.closed_at IS NULL GROUP BY c.clock
""")
_AGES = sa.text("""
SELECT (SELECT coalesce(extract(epoch FROM :now - min(due_at)), 0) FROM due
        WHERE fired_at IS NULL AND due_at <= :now) AS overdue,
       (SELECT coalesce(extract(epoch FROM :now - min(written_at)), 0) FROM feed_pending) AS feed,
       (SELECT count(*) FROM case_state
        WHERE unheard_cycle > 0 AND unheard_cycle = cycle AND status = 'answered') AS unheard
""")
_UNWATCHED = sa.text("""
SELECT count(*) FROM case_state s
WHERE s.status <> ALL(:over) AND NOT s.follows AND NOT EXISTS (
    SELECT 1 FROM clock c WHERE c.number = s.number AND c.clock = 'H' AND c.stopped_at IS NULL)
""")
_STALLED = sa.text("""
SELECT count(*) FROM consent k JOIN case_state s ON s.number = k.number
WHERE s.status <> ALL(:over) AND s.handed_over_at IS NULL AND EXISTS (
    SELECT 1 FROM clock c WHERE c.number = s.number AND c.clock = ANY(:give_right)
    AND c.passed_at IS NOT NULL AND c.stopped_at IS NULL)
""")
_HANDOVERS = sa.text("""
SELECT coalesce(last.answer, 'none') AS answer, count(*) AS cases,
       extract(epoch FROM :now - min(s.handed_over_at)) AS age
FROM case_state s LEFT JOIN LATERAL (
    SELECT answer FROM handover_answer a WHERE a.number = s.number ORDER BY a.id DESC LIMIT 1
) AS last ON true
WHERE s.handed_over_at IS NOT NULL GROUP BY 1
""")
_POSITIONS = sa.text("SELECT stream, position FROM feed_stream")


def show(tx: Session, now: datetime) -> None:
    """Sets every gauge."""
    by_clock = {row.clock: row for row in tx.execute(_BY_CLOCK)}
    broken = {row.clock: row.broken for row in tx.execute(_BREACHES)}
    for clock in Clock:
        row = by_clock.get(clock)
        metrics.OPEN_CLOCKS.labels(clock.value).set(row.running if row else 0)
    for clock in GOVERNMENT:
        metrics.OPEN_BREACHES.labels(clock.value).set(broken.get(clock, 0))
    rows = by_clock.values()
    metrics.UNDECIDABLE.labels("no_limit").set(sum(row.no_limit for row in rows))
    metrics.UNDECIDABLE.labels("calendar").set(sum(row.no_calendar for row in rows))
    metrics.PROVISIONAL.set(sum(row.provisional for row in rows))
    ages = tx.execute(_AGES, {"now": now}).one()
    metrics.OVERDUE.set(float(ages.overdue))
    metrics.FEED_LAG.set(float(ages.feed))
    metrics.UNHEARD.set(ages.unheard)
    metrics.UNWATCHED.set(tx.scalars(_UNWATCHED, {"over": sorted(OVER)}).one())
    metrics.POKE_AGE.set(pokes.oldest(tx, now))
    positions = {row.stream: row.position for row in tx.execute(_POSITIONS)}
    for stream in STREAMS:
        metrics.FEED_POSITION.labels(stream).set(positions.get(stream, 0))
        entries, seconds = acknowledging.lag(tx, stream, now)
        metrics.UNACKNOWLEDGED.labels(stream).set(entries)
        metrics.UNACKNOWLEDGED_AGE.labels(stream).set(seconds)
    for clock in ORDERS:
        due = by_clock[clock].first_due if clock in by_clock else None
        left = (due - now).total_seconds() if due else math.nan
        metrics.ORDER_LEFT.labels(clock.value).set(left)
    _show_handovers(tx, now)


def _show_handovers(tx: Session, now: datetime) -> None:
    asked = {"over": sorted(OVER), "give_right": [c.value for c in Clock if offer_reason(c)]}
    metrics.STALLED.set(tx.scalars(_STALLED, asked).one())
    found = {row.answer: row for row in tx.execute(_HANDOVERS, {"now": now})}
    for answer in ("none", *Answer):
        cases = found[answer].cases if answer in found else 0
        metrics.HANDOVERS.labels(str(answer)).set(cases)
    metrics.UNANSWERED.set(float(found["none"].age) if "none" in found else 0.0)
