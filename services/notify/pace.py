"""When a message is tried again, and when no more. Pure.

What may be about a message or its address has four hours. What an operator has to mend has days,
and a mail server that is away is asked by one message now and then, not by each that waits.
"""

from __future__ import annotations

from datetime import datetime, timedelta

RETRY_EVERY = timedelta(minutes=5)
RETRIES = 48
# After a whole text was sent and never answered the server very likely has it: each try may be one
# more copy. So there are only these, the last one when an operator may have mended the server.
AFTER_SILENCE = (timedelta(minutes=5), timedelta(hours=1))
SLOWEST = timedelta(hours=1)
PATIENCE = timedelta(days=5)  # at least four to five (RFC 5321, 4.5.4.1)
# What we ourselves left lying for so long is not given up at a first hiccup: eight take four hours.
LEAST_HINDERED = 8
FIRST_QUESTION, LAST_QUESTION = timedelta(seconds=5), timedelta(minutes=5)


def after_refusal(own: int, at: datetime, *, of_all: bool = False) -> datetime | None:
    """When to try again what was not taken `own` times, which may be its own or its address's
    fault; None: every try is used up. `of_all`: the server took nobody's mail meanwhile."""
    if own <= RETRIES:
        return at + RETRY_EVERY
    return at + SLOWEST if of_all else None


def after_silence(silences: int, at: datetime) -> datetime | None:
    """When to try again what was sent whole and not answered so often; None: not again."""
    return at + AFTER_SILENCE[silences - 1] if silences <= len(AFTER_SILENCE) else None


def after_hindrance(hindered: int, at: datetime, since: datetime) -> datetime | None:
    """When to try again what could not be handed over so often and was to go from `since`, more and
    more slowly; None once that is too long ago."""
    if at - since > PATIENCE and hindered >= LEAST_HINDERED:
        return None
    return at + min(RETRY_EVERY * 2 ** min(hindered - 1, 10), SLOWEST)


class Outage:
    """Whether the mail server was away when this process last knew, and when to ask it again. One
    answer ends it, and all may go."""

    def __init__(self) -> None:
        self._pause, self._is_asking = FIRST_QUESTION, False
        self._ask_at: datetime | None = None

    def room(self, limit: int, now: datetime) -> int:
        """How many of `limit` messages may be tried: all; one, that asks; or none yet. No clock
        that was wrong has them wait longer than `LAST_QUESTION`."""
        if self._ask_at is None:
            return limit
        return 0 if now < self._ask_at <= now + LAST_QUESTION else 1

    def asks(self, now: datetime) -> None:
        """One is on the way; the next only goes if nothing is heard of it."""
        if self._ask_at is not None:
            self._ask_at, self._is_asking = now + LAST_QUESTION, True

    def met(self, now: datetime) -> None:
        """A try found the server away. Of several that had begun together the first one counts."""
        if self._ask_at is not None and not self._is_asking:
            return
        self._ask_at, self._is_asking = now + self._pause, False
        self._pause = min(2 * self._pause, LAST_QUESTION)

    def not_met(self, now: datetime) -> None:
        """A try ended before it came to the server: another may ask."""
        if self._is_asking:
            self._ask_at, self._is_asking = now, False

    def over(self) -> None:
        """The server answered to a message."""
        self._pause, self._ask_at, self._is_asking = FIRST_QUESTION, None, False
