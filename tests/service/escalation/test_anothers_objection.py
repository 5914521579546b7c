"""The reporter of a case was content, or silent, and that of one that follows it objects: clocks go
on with the days that were left when the answer came."""

import pytest

from services.escalation.watch import watching
from tests.service.escalation.tower import Tower, end_of

FOLLOWER = "KTB-54321-09876"
OWN = ("KTB-12345-67890",)
OBJECTED = {"status": "in_progress", "objections": 1, "cycle": 2}


@pytest.fixture
def both(tower: Tower) -> Tower:
    """S ends on 20 November and H on 1 January; both are answered on Monday the 9th and told so."""
    tower.begin_work()
    tower.open(FOLLOWER)
    tower.hear("case.merged.v1", FOLLOWER, status="in_progress", cycle=1)
    tower.at("2026-11-09 10:00")
    for number in (FOLLOWER, *OWN):
        tower.answer(number)
        tower.deliver(number)
    return tower


def object(tower: Tower) -> None:
    for number in (*OWN, FOLLOWER):
        tower.hear("case.objected.v1", number, **OBJECTED)


def running(tower: Tower, number: str = OWN[0]) -> dict[str, str]:
    return {name: day for name, day in tower.clocks(number).items() if day != "stopped"}


def unwatched(tower: Tower) -> int:
    with tower.db.begin() as tx:
        return int(tx.scalars(watching.UNWATCHED, {"now": tower.clock.now()}).one())


@pytest.mark.parametrize("how", ["accepted", "auto_closed"])
def test_the_days_go_on_that_were_left_when_the_answer_came(both: Tower, how: str) -> None:
    both.at("2026-11-11 10:00").hear("case.closed.v1", how=how, cycle=1)
    assert running(both) == {}

    object(both.at("2026-11-16 10:00"))

    # the six working days of the answer, and of H those for which its own reporter's case was over
    assert running(both) == {"S1": "2026-11-30", "H1": "2027-01-07"}
    assert running(both, FOLLOWER) == {"H1": "2027-01-01"}
    assert unwatched(both) == 0
    moved = [f for f in both.said("deadline.recomputed") if f["clock"] == "S"]
    assert moved[-1]["after"] == end_of("2026-11-30")
    because = "SELECT DISTINCT because FROM pause"
    assert both.database.psql(because) == [("answer_given",)]


def test_they_are_as_many_as_if_nobody_had_been_content(both: Tower) -> None:
    object(both.at("2026-11-16 10:00"))

    assert running(both)["S1"] == "2026-11-30"


def test_whoever_is_answered_anew_and_content_stops_them_and_another_objection_goes_on(
    both: Tower,
) -> None:
    both.at("2026-11-11 10:00").hear("case.closed.v1", how="accepted", cycle=1)
    object(both.at("2026-11-16 10:00"))
    both.at("2026-11-18 10:00").answer(cycle=2)
    both.hear("case.closed.v1", how="accepted", cycle=2)  # said with the answer
    both.answer(FOLLOWER, cycle=2)
    assert running(both) == {}
    both.deliver(cycle=2)
    assert running(both) == {}  # nobody asks them again

    for number in (*OWN, FOLLOWER):
        both.at("2026-11-23 10:00").hear("case.objected.v1", number, **OBJECTED | {"cycle": 3})

    assert running(both)["S1"] == "2026-12-04"
    assert unwatched(both) == 0


def test_an_objection_that_was_said_before_the_acceptance_is_heard_all_the_same(
    both: Tower,
) -> None:
    both.at("2026-11-11 10:00").hear("case.closed.v1", how="accepted", cycle=1)
    both.at("2026-11-11 09:59")

    object(both)

    assert running(both) == {"S1": "2026-11-25", "H1": "2027-01-01"}


def test_a_limit_that_had_passed_before_the_answer_is_a_breach_again(tower: Tower) -> None:
    tower.begin_work()
    tower.at("2026-11-24 10:00").sweep()  # S ended on the 20th
    tower.answer()
    tower.hear("case.closed.v1", how="accepted", cycle=1)
    assert tower.closings()[-1:] == ["S paused"]

    tower.at("2026-11-26 10:00").hear("case.objected.v1", **OBJECTED)

    standing = "SELECT clock FROM breach b JOIN clock c ON c.id = clock_id WHERE closed_at IS NULL"
    assert tower.database.psql(standing) == [("S",)]
    assert running(tower)["S1"] == "2026-11-20"


def test_its_own_reporters_no_begins_anew_as_ever(both: Tower) -> None:
    both.at("2026-11-11 10:00").hear("case.closed.v1", how="accepted", cycle=1)

    both.at("2026-11-16 10:00").hear("case.reopened.v1", cycle=2)

    assert running(both) == {"S2": "2026-12-04", "H2": "2027-01-15"}


@pytest.mark.parametrize(
    ("how", "again", "goes"),
    [
        ("accepted", False, []),
        ("accepted", True, [OWN[0]]),  # they consent once more, though they had been content
        ("auto_closed", False, [OWN[0]]),
        (None, False, [OWN[0]]),
    ],
)
def test_nobodys_name_goes_to_the_ombudsman_for_what_others_object_to(
    both: Tower, how: str | None, again: bool, goes: list[str]
) -> None:
    consent = "report.escalation_consented.v1"
    both.hear(consent)
    if how:
        both.at("2026-11-11 10:00").hear("case.closed.v1", how=how, cycle=1)
    object(both.at("2026-11-16 10:00"))
    if again:
        both.hear(consent)

    both.at("2026-12-02 08:00").sweep()
    both.append()

    assert [entry["subject"] for entry in both.entries("handovers")] == goes
