"""A case that a clock ended at midnight is told of in the morning; what somebody did, at once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.service.notify.desk import Desk

AUTO_CLOSED = ("case.closed.v1", {"how": "auto_closed"})
AUTO_ARCHIVED = ("case.archived.v1", {"reason": "incomplete", "reply_id": None})
SILENT = ("case.resumed.v1", {"how": "silent"})
WRITTEN = {"reason": "out_of_scope", "reply_id": "9f1c2d3e-0000-4000-8000-000000000000"}


def told(desk: Desk) -> list[str]:
    """What the reporter was told since the receipt."""
    return [said["about"] for said in desk.said("message.delivered")][1:]


@pytest.mark.parametrize(
    "ended", [AUTO_CLOSED, AUTO_ARCHIVED, SILENT], ids=["closed", "archived", "silent"]
)
def test_an_end_that_a_clock_brought_about_is_told_in_the_morning(
    at_night: Desk, ended: tuple[str, dict[str, Any]]
) -> None:
    at_night.hear(ended[0], **ended[1])
    assert at_night.send() == 0

    at_night.later(hours=7)

    assert at_night.send() == 1


@pytest.mark.parametrize(
    ("type", "data"),
    [
        ("case.closed.v1", {"how": "accepted"}),
        ("case.archived.v1", WRITTEN),
        ("case.resumed.v1", {"how": "supplied"}),
    ],
)
def test_an_end_that_somebody_brought_about_is_told_at_night_too(
    at_night: Desk, type: str, data: dict[str, Any]
) -> None:
    at_night.hear(type, **data)

    assert at_night.send() == 1


@pytest.mark.parametrize(
    ("ended", "then"),
    [(AUTO_CLOSED, "case.reopened.v1"), (AUTO_ARCHIVED, "case.objected.v1")],
    ids=["reopened", "objected"],
)
def test_who_is_told_at_night_that_it_goes_on_is_told_first_that_it_had_ended(
    at_night: Desk, ended: tuple[str, dict[str, Any]], then: str
) -> None:
    at_night.hear(ended[0], **ended[1])
    at_night.later(minutes=5)
    at_night.hear(then)

    at_night.send()

    names = [type.split(".")[1] for type in (ended[0], then)]
    assert told(at_night) == names


def test_what_a_clock_says_later_in_the_night_wakes_nobody_for_it(at_night: Desk) -> None:
    at_night.hear(AUTO_CLOSED[0], **AUTO_CLOSED[1])
    at_night.hear("deadline.kept.v1", clock="S", cycle=1)

    assert at_night.send() == 0
