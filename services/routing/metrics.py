"""What routing measures, each under the question that it answers. Labels are closed sets."""

from __future__ import annotations

from datetime import datetime

from prometheus_client import Counter, Gauge, Histogram

from services.routing.life import Action, Case, Closing, Status

DAY = 86400
DAYS = tuple(DAY * days for days in (0.25, 0.5, 1, 2, 3, 4, 5, 7, 10, 14, 21, 30, 60, 90))

# How long do citizens wait until an agency has their report?  (objective: 3 working days)
DISPOSITION_DELAY = Histogram(
    "lapor_disposition_delay_seconds",
    "From receipt until the first disposition",
    ["kind"],
    buckets=DAYS,
)
# And then until the agency does something of substance?  (objective: 5 working days)
FOLLOW_UP_DELAY = Histogram(
    "lapor_follow_up_delay_seconds",
    "From the first disposition of a round until the first follow-up",
    ["kind"],
    buckets=DAYS,
)
# How long from receipt until an answer?
ANSWER_DELAY = Histogram(
    "lapor_answer_delay_seconds", "From receipt until an answer", ["kind"], buckets=DAYS
)
# What do people get to hear, and do they accept it?
ANSWERS = Counter("lapor_answers", "Final answers, by outcome", ["outcome"])
DISAGREEMENTS = Counter(
    "lapor_disagreements", "What reporters did not accept, by action (object, reopen)", ["action"]
)
CLOSED = Counter("lapor_closed", "Cases closed: accepted is not auto-closed", ["how"])
ARCHIVED = Counter("lapor_archived", "Cases archived unhandled, by reason", ["reason"])
# Is there ping-pong between agencies?
RETURNS = Counter("lapor_returns", "Returned cases, by who decides next", ["decider"])
# Does somebody try what they have no right to?
DENIALS = Counter("lapor_denials", "Refusals to signed-in officers, by address", ["route"])
# Can what officers did be proved?
TRAIL_AGE = Gauge("lapor_trail_age_seconds", "How long what was done has waited for its link")
# Is somebody guessing passwords?
SIGN_INS = Counter("lapor_sign_ins", "Sign-ins, by result (ok, wrong, blocked, locked)", ["result"])
for _result in ("ok", "wrong", "blocked", "locked"):
    SIGN_INS.labels(_result)  # an alarm sees only what rises from nought


def moved(action: Action, before: Case, after: Case, at: datetime) -> None:
    """Counts one step of one case."""
    if action is Action.DISPOSE and before.disposed_at is None and before.cycle == 1:
        _since(DISPOSITION_DELAY, before.received_at, before, at)
    elif action is Action.FOLLOW_UP and before.status != after.status and before.disposed_at:
        _since(FOLLOW_UP_DELAY, before.disposed_at, before, at)
    elif action is Action.ANSWER:
        _since(ANSWER_DELAY, before.received_at, before, at)
        ANSWERS.labels(after.outcome).inc()
    elif action in (Action.OBJECT, Action.REOPEN):
        DISAGREEMENTS.labels(action).inc()
    elif action in (Action.ACCEPT, Action.AUTO_CLOSE):
        if before.closed_how is not Closing.ACCEPTED:  # what was accepted once is counted once
            CLOSED.labels(after.closed_how).inc()
    elif after.status is Status.ARCHIVED and action in (Action.ARCHIVE, Action.GIVE_UP):
        ARCHIVED.labels(after.archive_reason).inc()
    elif action is Action.RETURN:
        RETURNS.labels(after.decider).inc()


def _since(histogram: Histogram, start: datetime, case: Case, at: datetime) -> None:
    histogram.labels(case.kind).observe(max(0.0, (at - start).total_seconds()))
