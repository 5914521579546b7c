"""Nobody is woken by what a clock alone brought about. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.notify.domain import About

# What only a clock brings about, mostly at midnight, can be told in the morning as well.
CAN_WAIT = frozenset(
    {
        About.DEADLINE_APPROACHING,
        About.DEADLINE_PASSED,
        About.DEADLINE_KEPT,
        About.DEADLINE_RECOMPUTED,
        About.ESCALATION_RAISED,
        About.ESCALATION_OFFERED,
        About.POST_REMINDED,
        About.POST_RAISED,
    }
)

# What somebody may bring about as well; of what no one did, the event says this.
IF_NOBODY_DID: Mapping[About, tuple[str, str | None]] = {
    About.CLOSED: ("how", "auto_closed"),
    About.ARCHIVED: ("reply_id", None),  # an officer writes why
    About.RESUMED: ("how", "silent"),
}


@dataclass(frozen=True, slots=True)
class Quiet:
    """The hours of the day in which nobody is woken: from the hour `since` to the hour `until`."""

    since: int
    until: int

    def left(self, local: datetime) -> timedelta:
        """How long it is still quiet at a local time."""
        ahead = (self.until - local.hour) % 24
        if (local.hour - self.since) % 24 >= (self.until - self.since) % 24:
            return timedelta()
        return timedelta(hours=ahead) - (local - local.replace(minute=0, second=0, microsecond=0))


def can_wait(news: About, data: Mapping[str, object]) -> bool:
    """Whether a clock alone brought about what this event's `data` tell."""
    name, said = IF_NOBODY_DID.get(news, ("", None))
    return news in CAN_WAIT or (name in data and data[name] == said)


def wait(
    news: About, data: Mapping[str, object], local: datetime, quiet: Quiet | None
) -> timedelta:
    """How long a message that is written at a local time is kept back."""
    return quiet.left(local) if quiet and can_wait(news, data) else timedelta()
