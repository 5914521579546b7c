"""What notify says: that a message arrived, or that it never will. No address, no name."""

from __future__ import annotations

from datetime import datetime

from chassis.events import Fact, rfc3339
from services.notify.models import Message


def delivered(message: Message, at: datetime) -> Fact:
    """The provider of the reporter's mailbox has the message."""
    data = _about(message, at) | {"channel": "email"}
    return Fact("message.delivered.v1", message.number, data, at)


def failed(message: Message, at: datetime) -> Fact:
    """The message will not be delivered; `message.reason` says why."""
    data = _about(message, at) | {"reason": message.reason}
    return Fact("message.failed.v1", message.number, data, at)


def _about(message: Message, at: datetime) -> dict[str, object]:
    news = message.facts.get("at")
    return {
        "message_id": str(message.id),
        "about": message.about,
        "cycle": message.cycle,
        "news_at": news and rfc3339(datetime.fromisoformat(news)),
        "at": rfc3339(at),
    }
