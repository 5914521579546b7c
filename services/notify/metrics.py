"""What notify measures, each under the question that it answers."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from services.notify.domain import About
from services.notify.models import REASONS

# Are reporters told, and of what are they not?
MESSAGES = Counter(
    "lapor_notify_messages", "Messages settled, by news and outcome", ["about", "outcome"]
)
for _news in About:  # what is counted from nought shows the first one, too
    for _outcome in ("delivered", *REASONS, "overtaken"):
        MESSAGES.labels(_news.value, _outcome)
# How many could be brought lately?  (of the rows: mail that comes back is noted by a process that
# nobody scrapes)
SETTLED = Gauge(
    "lapor_notify_settled",
    "Messages settled within the last hours, by whom they were for and outcome",
    ["to", "outcome", "hours"],
)
# How many are they for whom none of it is right?  (one mistyped address fails with each news)
UNREACHED = Gauge(
    "lapor_notify_unreached",
    "Cases' reporters, and posts, whose mail was rejected or expired within the last six hours",
)
# How long does a reporter wait for news that we have?
DELAY = Histogram(
    "lapor_notify_delay_seconds",
    "From the event's arrival until the mail server took the message",
    buckets=(1, 2, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600),
)
# Is anything stuck on its way to a reporter?
OLDEST_UNSENT = Gauge("lapor_notify_oldest_unsent_seconds", "Age of the oldest unsent message")
UNSENT = Gauge("lapor_notify_unsent", "Messages not yet sent and not given up")
# Or is it one mailbox only?  (a domain that does not resolve is tried for hours with each news)
STUCK = Gauge(
    "lapor_notify_stuck",
    "Cases' reporters, and posts, who have waited for a message for more than a quarter of an hour",
)
# Or is it that we cannot read an address?  (no key here opens it; while it is tried again, this is
# between two tries, too)
UNREADABLE = Gauge(
    "lapor_notify_unreadable",
    "Cases' reporters, and posts, with a message that waits because no key opens their address",
)
DELIVERING = Gauge(
    "lapor_notify_delivering",
    "Whether all unsent messages are tried, and another was delivered since the oldest came",
)
# Does a mailbox get more than it has room for, and for how long?  (not stuck: it goes when its time
# has come, and from then on it is. In tens and in hours: who floods a mailbox must not see which
# report is one more)
PUT_OFF = Gauge("lapor_notify_put_off", "Messages that wait until their mailbox has room, in tens")
PUT_OFF_SECONDS = Gauge("lapor_notify_put_off_seconds", "Until the last may go, in whole hours")
# Is it the mail server?
ATTEMPTS = Counter(
    "lapor_notify_attempts",
    "Tries to send, by outcome and class of the server's reply",
    ["outcome", "reply"],
)
# Whose answer could not be delivered, so that their time to respond did not start?
SILENT_ANSWERS = Gauge(
    "lapor_notify_undelivered_answers", "Answers whose notice was rejected or expired, ever"
)
