"""A reporter reads that another unit is to handle their report, and what runs meanwhile."""

import pytest

from services.intake import domain
from services.intake.domain import Status
from services.intake.events import instant
from tests.service.intake.test_consenting import hear, seen

TAKEN = ("case.handed_up", {"returns": None})
DISPOSED, ACTED = ("case.disposed", {}), ("case.followed_up", {})


def test_it_is_with_the_desk_again_and_nothing_is_asked_of_them(api, receipt, worker):
    hear(worker, receipt, "case.data_requested.v1", status="awaiting_reporter")

    at = instant(worker.clock.now())
    told = {"returns": None, "cycle": 2, "decider": "arbiter", "passes_by": ["coordinator"]}
    hear(worker, receipt, "case.handed_up.v1", 2, **told, at=at)

    shown = seen(api, receipt)
    assert shown["status"] == "unverified"
    line = shown["timeline"][-1]
    assert (line["what"], line["text"]) == ("case.handed_up", None)
    assert "diskominfo" not in str(line)


@pytest.mark.parametrize(
    ("happened", "clocks"),
    [
        ([DISPOSED, TAKEN], "FS"),
        ([DISPOSED, ACTED, TAKEN], "FS"),
        ([DISPOSED, ACTED, ("case.handed_up", {"returns": 2})], "AFS"),
        ([DISPOSED, ACTED, TAKEN, DISPOSED, ("case.returned", {"returns": 1})], "FS"),
        ([DISPOSED, ACTED, TAKEN, DISPOSED, ACTED, ("case.archived", {})], "S"),
    ],
)
def test_the_first_follow_up_is_promised_again(happened, clocks):
    assert domain.clocks(Status.UNVERIFIED, (), happened) == frozenset(clocks)
