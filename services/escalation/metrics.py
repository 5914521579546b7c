"""What escalation measures, each under the question that it answers."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from services.escalation.models import STREAMS

# Is everything fired when it is due?  (objective: 60 s, 120 s after a downtime)
LATENESS = Histogram(
    "lapor_escalation_lateness_seconds",
    "From the due time of a wake-up until it was fired, by what it is for",
    ["what"],
    buckets=(1, 2, 5, 10, 30, 60, 120, 600, 3600, 24 * 3600),
)
# Is something due that nobody fires?
OVERDUE = Gauge("lapor_escalation_overdue_seconds", "Age of the oldest wake-up not yet fired")
FAILED = Counter("lapor_escalation_turns_failed", "Cases passed over because their work failed")
# Is firing held back until a person has looked?
BREAKER = Gauge("lapor_escalation_breaker", "1 while nothing fires, by reason", ["reason"])
# How many promises are running, and how many have been broken?
OPEN_CLOCKS = Gauge("lapor_escalation_open_clocks", "Clocks not stopped, by clock", ["clock"])
OPEN_BREACHES = Gauge(
    "lapor_escalation_open_breaches", "Limits passed and not yet met, by clock", ["clock"]
)
# Is there a clock whose end nobody can tell?  (no limit in force, or a year without calendar)
UNDECIDABLE = Gauge(
    "lapor_escalation_undecidable_clocks", "Clocks whose end is not known, by reason", ["reason"]
)
# Does any promise rest on a year whose joint leave is not decreed yet?
PROVISIONAL = Gauge("lapor_escalation_provisional_clocks", "Clocks with a provisional end")
# Is there an open case that no clock watches?
UNWATCHED = Gauge(
    "lapor_escalation_unwatched_cases",
    "Open cases without a running hand-over limit, or without the reporter's that should run",
)
# Is there a case that should be with the Ombudsman and is not?
STALLED = Gauge(
    "lapor_escalation_stalled_handovers", "Open cases, limit passed, consented, not handed over"
)
# Whose time to object did not start, because the answer could not be brought to them?
UNHEARD = Gauge(
    "lapor_escalation_unheard_answers", "Answers and questions whose notice was never delivered"
)
# Does an officer try what they have no right to?
DENIALS = Counter("lapor_escalation_denials", "Refusals to officers whom routing vouches for")
# How far is the Ombudsman's feed behind?
FEED_LAG = Gauge("lapor_escalation_feed_lag_seconds", "Age of the oldest entry not yet appended")
FEED_POSITION = Gauge("lapor_escalation_feed_position", "End of each stream", ["stream"])
# Could somebody hold the feed back, and nobody tell that from silence?
PULSE_AGE = Gauge(
    "lapor_escalation_feed_pulse_seconds",
    "From the newest pulse to now, or back; infinite: none",
    ["stream"],
)
# Has the Ombudsman what we have written for it, and is it the same?
UNACKNOWLEDGED = Gauge(
    "lapor_escalation_feed_unacknowledged", "Entries not yet acknowledged", ["stream"]
)
UNACKNOWLEDGED_AGE = Gauge(
    "lapor_escalation_feed_unacknowledged_seconds",
    "Age of the oldest entry not yet acknowledged",
    ["stream"],
)
FORKS = Counter(
    "lapor_escalation_feed_forks", "Readers who hold another feed than ours", ["stream", "how"]
)
for _stream in STREAMS:
    for _how in ("forked", "ahead"):
        FORKS.labels(_stream, _how)  # an alarm sees only what rises from nought
# Does the Ombudsman's receiver hear that there is something to read?
POKES = Counter("lapor_escalation_feed_pokes", "Tries to tell it, by how they went", ["result"])
POKE_AGE = Gauge("lapor_escalation_feed_poke_seconds", "Age of the oldest poke not yet taken")
for _result in ("delivered", "refused", "unreachable", "forbidden"):
    POKES.labels(_result)
# Do receipts carry dates?
NO_PROMISES = Gauge("lapor_escalation_no_promises", "1 while promises cannot be computed")
# Where do the cases stand that the Ombudsman has?
CONSENT_ENDED = "consent_ended"  # before any answer: none need come
HANDOVERS = Gauge(
    "lapor_escalation_handovers", "Cases handed over, by the Ombudsman's last answer", ["answer"]
)
UNANSWERED = Gauge(
    "lapor_escalation_unanswered_handover_seconds",
    "Age of the oldest hand-over without any answer whose consent stands",
)
# How long does the regency have for what the Ombudsman orders?
ORDER_LEFT = Gauge(
    "lapor_escalation_order_left_seconds",
    "Until the first order of a kind must be done; below 0: late, NaN: there is none",
    ["clock"],
)
