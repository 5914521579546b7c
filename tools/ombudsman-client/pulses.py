"""A stream's pulse: the regency's signed word, said anew every ten minutes, that the stream still
ends so. Whoever holds a feed back can show old ones only. Once one was seen, one is always wanted.
"""

import time
from datetime import datetime

from chain import Broken

HOURS = 3  # without a fresh one, until the feed is taken for held back
AHEAD = 300  # seconds that the regency's clock may be ahead of ours at least
SHARE = 36  # as many times shorter than our patience, if that is more: 5 minutes of 3 hours


def is_old(moment, now, seconds):
    """Whether a time (RFC 3339) is so long before now (seconds since 1970); also if it is none."""
    at = _seconds(moment)
    return at is None or at < now - seconds


def patience(config):
    """Seconds without a fresh pulse, until a stream is silent."""
    return config.get("silent_after", HOURS) * 3600


def ahead(config):
    """Seconds that the regency's clock may be ahead of ours: a share of a long patience."""
    return max(AHEAD, patience(config) / SHARE)


def is_silent(newest, config):
    """Whether the newest pulse that was believed is too old by now, or is to come, as after a clock
    was wrong; also if one was seen and none believed."""
    return newest is not None and (
        is_old(newest, time.time(), patience(config))
        or _is_to_come(_seconds(newest), ahead(config))
    )


class Pulse:
    """The newest one of a stream that was believed."""

    def __init__(self, stream, newest, config):
        self.stream, self._ahead = stream, ahead(config)
        self.newest = newest  # its time, as it tells it; "": none was believed; None: none was seen
        self.odd = None  # why the last one that was shown is not believed
        self._shown = None

    def show(self, told):
        """Notes what is shown, which the entries must bear out that are asked for after it. An
        older regency shows none."""
        self._shown = told

    def take(self, chain):
        """Goes by what was shown, now that all entries are here. Raises Broken for one that is not
        signed, or tells of an end that the stream never had. A key that another has followed counts
        no more; it may just have been so."""
        told, self._shown = self._shown, None
        if told is None:
            return
        try:
            if chain.bears_out(told):
                self._believe(told["time"])
        except Broken as broken:
            broken.page = told
            raise

    def is_silent(self, config):
        """Whether it has shown no fresh one for too long."""
        return is_silent(self.newest, config)

    def trouble(self, config):
        """What is wrong, or None."""
        odd = f"a pulse that is shown {self.odd}; " if self.odd else ""
        if odd or is_silent(self.newest, config):
            return f"{odd}its newest pulse is of {self.newest or 'no time'}"
        return None

    def _believe(self, moment):
        at, before = _seconds(moment), _seconds(self.newest)
        if at is None:
            raise Broken(self.stream, "its pulse", "form")
        self.odd = None
        if _is_to_come(at, self._ahead):
            self.odd = f"is of {moment}, which is to come by our clock"
            self.newest = self.newest or ""
        elif before is not None and at < before and not _is_to_come(before, self._ahead):
            self.odd = f"is of {moment}, and one of {self.newest} was shown before"
        else:
            self.newest = moment


def _is_to_come(at, seconds):
    return at > time.time() + seconds


def _seconds(moment):
    """Since 1970; None for what is no time with its offset."""
    try:
        at = datetime.fromisoformat(moment)
        return at.timestamp() if at.tzinfo else None
    except (TypeError, ValueError, OverflowError):
        return None
