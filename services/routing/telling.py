"""A case's file as an officer reads it who may know no more than the day of what its reporter did:
where that stands between the officers' own acts, whose moments they know, tells no more (ADR 14).

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from services.routing.life import OPEN, TRANSITIONS, Action, Role, Status


class Filed(NamedTuple):
    """An event of the file; `at` is aware, `changes` the values before and after, as JSON."""

    action: Action
    role: Role
    at: datetime
    changes: Mapping[str, Any]


def order(file: Sequence[Filed], zone: ZoneInfo) -> list[int]:
    """The places of these events, in the order in which they are told. Officers and clocks keep
    theirs. What the reporter did begins its day; and if it moved the case, it stands right below
    the last of theirs that came before it however late in that day it was."""
    end = len(file)
    known = [place for place, event in enumerate(file) if event.role is not Role.REPORTER]
    above: dict[int, list[int]] = {place: [] for place in (*known, end)}
    for place, event in enumerate(file):
        if event.role is Role.REPORTER:
            first, day = _presupposed(file, place, zone) + 1, _day(event, zone)
            below = (one for one in known if one >= first and _day(file[one], zone) >= day)
            above[next(below, end)].append(place)
    return [one for place, theirs in above.items() for one in (*theirs, place) if one != end]


def _presupposed(file: Sequence[Filed], place: int, zone: ZoneInfo) -> int:
    """The place of the last event of an officer or a clock that must have come before this one of
    the reporter; -1 if none must. One must have that moved the case, and one that could have come
    in none of the statuses to which the reporter brought it then, as far as a day tells."""
    if "status" not in file[place].changes:
        return -1
    then = list(_statuses(file[place:], zone))
    for before in range(place - 1, -1, -1):
        event, day = file[before], _day(file[before], zone)
        if event.role is Role.REPORTER:
            continue
        later = (status for status, since in then if since <= day)
        if "status" in event.changes or not any(_could_come_in(status, event) for status in later):
            return before
    return -1


def _statuses(file: Sequence[Filed], zone: ZoneInfo) -> Iterator[tuple[Status, date]]:
    """To which the reporter brings the case, and on which day, until another moves it."""
    for event in file:
        if "status" in event.changes:
            if event.role is not Role.REPORTER:
                return
            yield Status(event.changes["status"][1]), _day(event, zone)


def _could_come_in(status: Status, event: Filed) -> bool:
    """Whether the event, which left the status as it was, could have come in that one."""
    if event.action is Action.MERGE and "from" in event.changes:  # another case joined this one
        return status in OPEN
    return TRANSITIONS.get((status, event.action)) == status


def _day(event: Filed, zone: ZoneInfo) -> date:
    return event.at.astimezone(zone).date()
