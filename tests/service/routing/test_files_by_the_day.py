"""Where a file tells only the day of what a reporter did, its order tells no more either."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.service.routing.office import ANSWER, DISPOSE, FOLLOW_UP, PROTECT, VERIFY, Office

pytestmark = pytest.mark.usefixtures("still")

WASTE = {"category": "sampah", "reason": "It is about waste, not the road."}
HIDE = {"hidden_from_public": True, "reason": PROTECT[2]["reason"]}
# At which hour of the second day officers do what, which an agency's replies and columns tell.
DAY = {
    9.5: FOLLOW_UP,
    11.5: ANSWER,
    13.5: ("reclassification", "coordinator", WASTE),
    18.5: ("confidentiality", "coordinator", HIDE),
}
# And at which the reporter does what: between each two of theirs where that is possible.
DOES = {
    "report.supplemented.v1": (0, 10, 12, 17, 23),
    "report.objected.v1": (12, 17, 23),
    "report.rated.v1": (12, 17, 23),
    "report.accepted.v1": (17, 23),
}


def goes_on(office: Office, at: Callable[[float], None], event: str, hour: int) -> str:
    """A case in which the reporter does that on the second day at that hour."""
    at(-12)
    number = office.open(confidentiality="anonymous", hidden_from_public=False)
    for verb, as_, body in (VERIFY, DISPOSE):
        assert office.act(number, verb, as_, **body).status_code == 200
    for when in sorted([*DAY, hour]):
        at(when)
        if when == hour:
            assert office.hear(event, number) == "done"
        else:
            verb, as_, body = DAY[when]
            assert office.act(number, verb, as_, **body).status_code == 200, verb
    return number


@pytest.mark.parametrize("event", DOES)
def test_an_agency_reads_the_same_whenever_in_a_day_the_unnamed_reporter_acted(
    office: Office, event: str
) -> None:
    began = office.clock.now()
    midnight = began.astimezone(ZoneInfo(office.settings.time_zone)) + timedelta(days=3)
    midnight = midnight.replace(hour=0, minute=0, second=0, microsecond=0)

    def at(hour: float) -> None:
        office.now_again()
        office.later(seconds=(midnight - began).total_seconds() + 3600 * hour)

    def read(hour: int) -> tuple[dict[str, Any], dict[str, Any]]:
        number = goes_on(office, at, event, hour)
        liaison, desk = (office.case(number, as_) for as_ in ("liaison", "coordinator"))
        assert liaison.pop("number") == desk.pop("number") == number
        return liaison, desk

    told = [read(hour) for hour in DOES[event]]

    assert all(liaison == told[0][0] for liaison, _ in told)
    assert len({str(desk) for _, desk in told}) == len(told)  # who reads moments
