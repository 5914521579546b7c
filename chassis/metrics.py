"""What every process measures, each under the question that it answers.

Labels are closed sets: services, routes, event types, outcomes. Never an id, never a person.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

# How long do people and clients wait, and does it end well?
HTTP = Histogram(
    "lapor_http_request_seconds",
    "Time to answer, by route and outcome (ok, expected refusal, error)",
    ["service", "route", "method", "outcome"],
    buckets=SECONDS,
)
# How long does it take to handle an event or a wake-up, and does it end well?
ENTRYPOINT = Histogram(
    "lapor_entrypoint_seconds",
    "Time in a subscription or timer, by name and outcome",
    ["service", "entrypoint", "outcome"],
    buckets=SECONDS,
)
# How long does a fact wait until the broker has it?
RELAY_LAG = Histogram(
    "lapor_relay_lag_seconds", "From emission to the broker's confirm", ["service"], buckets=SECONDS
)
# Is anything stuck on its way out, or in?
OUTBOX_AGE = Gauge("lapor_outbox_age_seconds", "Age of the oldest unpublished event", ["service"])
OUTBOX_UNPUBLISHED = Gauge("lapor_outbox_unpublished", "Events not yet published", ["service"])
INBOX_AGE = Gauge("lapor_inbox_age_seconds", "Age of the oldest waiting event", ["service"])
INBOX_WAITING = Gauge("lapor_inbox_waiting", "Events filed for another try", ["service"])
INBOX_PARKED = Gauge("lapor_inbox_parked", "Events that need a person", ["service"])
GAPS = Counter("lapor_inbox_gaps", "Gaps that stayed open for their whole time", ["service"])
# Has a process what it needs to work?
READY = Gauge("lapor_ready", "1 while a check of /health/ready holds", ["check"])
# Does the event loop turn?  (a blocked hub starves heartbeats)
HUB_LAG = Gauge("lapor_hub_lag_seconds", "Worst delay of a 0.5 s sleep, last minute", ["service"])
# Is every accepted report accounted for?  (compared across services by a recording rule)
ACCOUNTED = Gauge("lapor_accounted", "Conservation counts", ["service", "what"])
# Does what happens leave its trace?
LOG_LINES_LOST = Counter("lapor_log_lines_lost", "Lines of the log that could not be written")
