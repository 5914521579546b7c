"""Shows what should alarm somebody, as gauges; each question stands in `metrics`.

What alarms costs what is late, and is asked for often. What costs all that is open is asked for
apart and less often, each by itself: a question that takes too long silences no other.
"""

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
from services.escalation.watch.stale import NEVER_KNOWN

_OVERDUE = sa.text("""
SELECT coalesce(extract(epoch FROM :now - min(due_at)), 0) FROM due
WHERE fired_at IS NULL AND due_at <= :now
""")
_FEED_LAG = sa.text(
    "SELECT coalesce(extract(epoch FROM :now - min(written_at)), 0) FROM feed_pending"
)
_BREACHES = sa.text("""
SELECT c.clock, count(*) FROM breach b JOIN clock c ON c.id = b.clock_id
WHERE b.closed_at IS NULL GROUP BY c.clock
""")
# Also of a clock that has stopped: nobody can say whether it was late. Not of the S of a complaint
# that ended without its class: no decree tells it any more, and the alarm would stand for good.
_UNDECIDABLE = sa.text(f"""
SELECT problem, count(*) FROM (
    SELECT problem FROM clock WHERE stopped_at IS NULL AND problem IS NOT NULL
    UNION ALL
    SELECT c.problem FROM clock c JOIN case_state s ON s.number = c.number
    WHERE {NEVER_KNOWN} AND (c.clock <> 'S' OR s.kind <> 'complaint' OR s.class IS NOT NULL)
) unknown GROUP BY 1
""")  # noqa: S608 - a constant
_UNHEARD = sa.text("""
SELECT count(*) FROM case_state
WHERE unheard_cycle > 0 AND unheard_cycle = cycle AND status IN ('answered', 'awaiting_reporter')
""")
_PULSES = sa.text("""
SELECT s.stream, abs(extract(epoch FROM :now - p.at)) AS age
FROM feed_stream s LEFT JOIN feed_pulse p ON p.stream = s.stream
""")
_POSITIONS = sa.text("SELECT stream, position FROM feed_stream")
_FIRST_ORDER = sa.text("SELECT min(due_at) FROM clock WHERE clock = :clock AND stopped_at IS NULL")
_RUNNING = sa.text("SELECT clock, count(*) FROM clock WHERE stopped_at IS NULL GROUP BY clock")
_PROVISIONAL = sa.text("SELECT count(*) FROM clock WHERE stopped_at IS NULL AND provisional")
# Who is open stands here word for word as in the index, and a test holds it to OVER. R begins when
# the reporter was told, which is soon, or else is heard of, and closes the case once it has passed;
# D begins with the question, but a case that follows another has none. Whoever has a case in hand
# has a running S.
_OPEN = "s.status NOT IN ('archived', 'closed', 'forwarded_externally', 'withdrawn')"
UNWATCHED = sa.text(f"""
SELECT count(*) FROM (
    SELECT s.number FROM case_state s WHERE {_OPEN} AND NOT EXISTS (
        SELECT FROM clock c WHERE c.clock = 'H' AND c.number = s.number AND c.stopped_at IS NULL)
    UNION
    SELECT s.number FROM case_state s WHERE {_OPEN}
    AND s.status = 'awaiting_reporter' AND NOT s.follows AND NOT EXISTS (
        SELECT FROM clock c WHERE c.clock = 'D' AND c.number = s.number AND c.stopped_at IS NULL
        AND coalesce(c.passed_at > :now - interval '6 hours', true))
    UNION
    SELECT s.number FROM case_state s WHERE {_OPEN}
    AND s.status = 'answered' AND s.unheard_cycle IS DISTINCT FROM s.cycle AND NOT EXISTS (
        SELECT FROM clock c WHERE c.clock = 'R' AND c.number = s.number AND c.cycle = s.cycle
        AND c.stopped_at IS NULL AND coalesce(c.passed_at > :now - interval '6 hours', true))
    AND coalesce((SELECT max(e.at) FROM case_event e
                  WHERE e.number = s.number AND e.what = 'case.answered'), s.received_at)
        <= :now - interval '6 hours'
    UNION
    SELECT s.number FROM case_state s WHERE {_OPEN}
    AND s.status IN ('disposed', 'in_progress') AND NOT s.follows AND NOT EXISTS (
        SELECT FROM clock c WHERE c.clock = 'S' AND c.number = s.number AND c.stopped_at IS NULL
        AND NOT EXISTS (SELECT FROM pause p WHERE p.clock_id = c.id AND p.ended_at IS NULL))
) unwatched
""")  # noqa: S608 - constants
_STALLED = sa.text("""
SELECT count(*) FROM consent k JOIN case_state s ON s.number = k.number
WHERE s.status <> ALL(:over) AND s.handed_over_at IS NULL AND EXISTS (
    SELECT 1 FROM clock c WHERE c.number = s.number AND c.clock = ANY(:give_right)
    AND c.passed_at IS NOT NULL AND c.stopped_at IS NULL)
""")
_HANDOVERS = sa.text("""
SELECT coalesce(last.answer, CASE WHEN d.consent_ended_at IS NULL THEN 'none' ELSE :ended END)
       AS answer, count(*) AS cases,
       extract(epoch FROM :now - min(s.handed_over_at)) AS age
FROM case_state s LEFT JOIN dossier d ON d.number = s.number LEFT JOIN LATERAL (
    SELECT answer FROM handover_answer a WHERE a.number = s.number ORDER BY a.id DESC LIMIT 1
) AS last ON true
WHERE s.handed_over_at IS NOT NULL GROUP BY 1
""")


def show_what_is_late(tx: Session, now: datetime) -> None:
    """What should wake somebody, the worst first: as cheap as there is little of it."""
    metrics.OVERDUE.set(float(tx.scalars(_OVERDUE, {"now": now}).one()))
    metrics.FEED_LAG.set(float(tx.scalars(_FEED_LAG, {"now": now}).one()))
    undecidable = _counted(tx, _UNDECIDABLE)
    for problem in ("no_limit", "calendar"):
        metrics.UNDECIDABLE.labels(problem).set(undecidable.get(problem, 0))
    broken = _counted(tx, _BREACHES)
    for clock in GOVERNMENT:
        metrics.OPEN_BREACHES.labels(clock.value).set(broken.get(clock, 0))
    metrics.UNHEARD.set(tx.scalars(_UNHEARD).one())
    for order in ORDERS:
        due = tx.scalars(_FIRST_ORDER, {"clock": order}).one()
        left = (due - now).total_seconds() if due else math.nan
        metrics.ORDER_LEFT.labels(order.value).set(left)
    metrics.POKE_AGE.set(pokes.oldest(tx, now))
    for stream, age in tx.execute(_PULSES, {"now": now}):
        metrics.PULSE_AGE.labels(stream).set(math.inf if age is None else float(age))
    positions = _counted(tx, _POSITIONS)
    for stream in STREAMS:
        metrics.FEED_POSITION.labels(stream).set(positions.get(stream, 0))
        entries, seconds = acknowledging.lag(tx, stream, now)
        metrics.UNACKNOWLEDGED.labels(stream).set(entries)
        metrics.UNACKNOWLEDGED_AGE.labels(stream).set(seconds)


def show_clocks(tx: Session) -> None:
    """How many promises run, and how many of them rest on what is not decreed yet."""
    running = _counted(tx, _RUNNING)
    for clock in Clock:
        metrics.OPEN_CLOCKS.labels(clock.value).set(running.get(clock, 0))
    metrics.PROVISIONAL.set(tx.scalars(_PROVISIONAL).one())


def show_unwatched(tx: Session, now: datetime) -> None:
    """How many open cases a clock does not watch that should."""
    metrics.UNWATCHED.set(tx.scalars(UNWATCHED, {"now": now}).one())


def show_handovers(tx: Session, now: datetime) -> None:
    """Where the cases stand that the Ombudsman has."""
    asked = {"over": sorted(OVER), "give_right": [c.value for c in Clock if offer_reason(c)]}
    metrics.STALLED.set(tx.scalars(_STALLED, asked).one())
    shown = {"now": now, "ended": metrics.CONSENT_ENDED}
    found = {row.answer: row for row in tx.execute(_HANDOVERS, shown)}
    for answer in ("none", metrics.CONSENT_ENDED, *Answer):
        cases = found[answer].cases if answer in found else 0
        metrics.HANDOVERS.labels(str(answer)).set(cases)
    metrics.UNANSWERED.set(float(found["none"].age) if "none" in found else 0.0)


def _counted(tx: Session, asked: sa.TextClause) -> dict[str, int]:
    return dict(tx.execute(asked).all())
