"""The order of a file for who may know only the day of what the reporter did: it tells no more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.routing.life import OPEN, TRANSITIONS, WHO, Action, Part, Role, Status, Then
from services.routing.telling import Filed, order

ZONE = ZoneInfo("Asia/Makassar")
DAY = datetime(2026, 11, 23, tzinfo=ZONE)


def event(what: str, hour: float) -> Filed:
    """`answer>answered`: an action, and to which status it brought the case."""
    name, _, status = what.partition(">")
    changes: dict[str, object] = {"status": ["", status]} if status else {}
    if name == "joined":  # another case follows this one
        name, changes = "merge", {"from": "KTB-12345-67890"}
    action = Action(name)
    alone = {Part.REPORTER: Role.REPORTER, Part.CLOCK: Role.CLOCK}
    role = next((alone[part] for part in WHO[action] if part in alone), Role.LIAISON)
    return Filed(action, role, DAY + timedelta(hours=hour), changes)


def read(text: str) -> str:
    """A file as it is told; `object>in_progress@14`: at which hour of the day."""
    words = text.split()
    parts = [word.partition("@") for word in words]
    file = [event(what, float(hour)) for what, _, hour in parts]
    return " ".join(words[place] for place in order(file, ZONE))


@pytest.mark.parametrize(
    ("filed", "told"),
    [
        # what moved nothing begins its day, also if it was refused
        ("dispose>disposed@9 supplement@14", "supplement@14 dispose>disposed@9"),
        ("dispose>disposed@-9 supplement@14", "dispose>disposed@-9 supplement@14"),
        ("answer>answered@9 object@14 rate@15", "object@14 rate@15 answer>answered@9"),
        # what moved the case stands right below what it presupposes
        ("answer>answered@9 reclassify@10 object>in_progress@14",
         "answer>answered@9 object>in_progress@14 reclassify@10"),
        ("answer>answered@9 object>in_progress@14 follow_up@15",
         "answer>answered@9 object>in_progress@14 follow_up@15"),
        ("answer>answered@-9 reclassify@-8 protect@9 object>in_progress@14",
         "answer>answered@-9 reclassify@-8 object>in_progress@14 protect@9"),
        # as officers can do nothing, but protect, to what is over
        ("answer>answered@9 reclassify@10 protect@11 accept>closed@14",
         "answer>answered@9 reclassify@10 accept>closed@14 protect@11"),
        ("follow_up>in_progress@9 follow_up@10 withdraw>withdrawn@14",
         "follow_up>in_progress@9 follow_up@10 withdraw>withdrawn@14"),
        # unless it was not over for longer than that day
        ("answer>answered@9 reclassify@10 accept>closed@14 reopen>in_progress@15",
         "answer>answered@9 accept>closed@14 reopen>in_progress@15 reclassify@10"),
        ("answer>answered@9 reclassify@10 accept>closed@14 reopen>in_progress@25",
         "answer>answered@9 reclassify@10 accept>closed@14 reopen>in_progress@25"),
        # what others joined could still be objected to; who joins it has its status
        ("answer>answered@9 joined@10 object>in_progress@14",
         "answer>answered@9 object>in_progress@14 joined@10"),
        ("merge>answered@9 answer@9 object>in_progress@14",
         "merge>answered@9 answer@9 object>in_progress@14"),
        ("auto_close>closed@8 reopen>in_progress@14", "auto_close>closed@8 reopen>in_progress@14"),
    ],
)  # fmt: skip
def test_what_the_reporter_did_stands_where_its_day_and_its_status_put_it(
    filed: str, told: str
) -> None:
    assert read(filed) == told


LONG = 4
Line = tuple[str, int]  # what, on which of two days


def files(status: Status, asked_in: Status, length: int) -> Iterator[list[str]]:
    """Every file of that length which the tables allow from there."""
    if not length:
        yield []
    for (stands, action), leads in TRANSITIONS.items() if length else ():
        joined = leads is Then.PARENT
        if stands is not status or (joined and status not in OPEN):
            continue
        after = {Then.BACK: asked_in, Then.PARENT: status}.get(leads, leads)  # type: ignore[call-overload]
        what = "joined" if joined else str(action)
        asks = action is Action.REQUEST_DATA
        for rest in files(after, status if asks else asked_in, length - 1):
            yield [what if after is status else f"{what}>{after}", *rest]


def told(lines: Sequence[Line]) -> tuple[Line, ...]:
    file = [event(what, 24 * day + 8) for what, day in lines]
    return tuple(lines[place] for place in order(file, ZONE))


@pytest.mark.parametrize("status", OPEN)
def test_when_in_its_day_the_reporter_acted_changes_nothing_in_what_is_told(status: Status) -> None:
    """Of all files in which officers and reporter do the same, each in the same order and on the
    same days, but come between one another differently, one is told."""
    possible: defaultdict[object, list[tuple[Line, ...]]] = defaultdict(list)
    for file in files(status, Status.IN_PROGRESS, LONG):
        for first in range(LONG + 1):
            lines = [(what, int(place >= first)) for place, what in enumerate(file)]
            sides: tuple[list[Line], list[Line]] = ([], [])
            for line in lines:
                sides[event(line[0], 0).role is Role.REPORTER].append(line)
            possible[str(sides)].append(told(lines))

    several = [orders for orders in possible.values() if len(orders) > 1]
    assert len(several) > 100
    assert {len(set(orders)) for orders in several} == {1}
