"""Routing is restored to a state before the end of a case, and what its officers did since is done
again: the case goes on with its clocks, and the time in which it was taken for over stands still.
"""

import pytest

from services.escalation.watch import watching
from tests.service.escalation.tower import NUMBER, Tower, end_of, local, rfc3339

ENDS = {
    "accepted": ("case.closed.v1", {"how": "accepted", "cycle": 1}),
    "silent": ("case.closed.v1", {"how": "auto_closed", "cycle": 1}),
    "archived": ("case.archived.v1", {"reason": "incomplete"}),
    "forwarded": ("case.forwarded.v1", {}),
    "withdrawn": ("case.withdrawn.v1", {}),
}


def unwatched(tower: Tower) -> int:
    with tower.db.begin() as tx:
        return int(tx.scalars(watching.UNWATCHED, {"now": tower.clock.now()}).one())


def end(tower: Tower, how: str = "accepted") -> None:
    type, data = ENDS[how]
    tower.hear(type, **data)
    assert set(tower.clocks().values()) == {"stopped"}


def answered_and_ended(tower: Tower) -> None:
    """S ends on 20 November and H on 1 January; answered, told of it on Monday the 9th, and
    accepted on Wednesday the 11th."""
    tower.begin_work()
    tower.at("2026-11-09 10:00").answer()
    tower.deliver()
    tower.at("2026-11-11 10:00")
    end(tower)


def test_a_case_that_is_answered_again_has_its_clocks_again(tower: Tower) -> None:
    answered_and_ended(tower)

    tower.at("2026-11-16 10:00").answer()

    assert tower.clocks() == {
        "V1": "stopped", "H1": "2027-01-07", "F1": "stopped", "S1": "paused", "R1": "stopped",
    }  # fmt: skip
    tower.at("2026-11-17 10:00").deliver()
    assert tower.clocks()["R1"] == "2026-12-01"  # ten working days from when they were told
    assert unwatched(tower) == 0
    [_, again] = [f for f in tower.said("deadline.started") if f["clock"] == "R"]
    assert (again["cycle"], again["started_at"]) == (1, rfc3339(local("2026-11-17 10:00")))
    assert again["ends_on"] == "2026-12-01"


def test_the_silence_after_what_was_answered_again_closes_it(tower: Tower) -> None:
    answered_and_ended(tower)
    tower.at("2026-11-16 10:00").answer()
    tower.deliver()

    tower.at("2026-12-01 10:00").sweep()

    assert [f["due_at"] for f in tower.said("deadline.passed") if f["clock"] == "R"] == [
        end_of("2026-11-30")
    ]


def test_what_was_passed_in_the_lost_time_passes_again(tower: Tower) -> None:
    tower.begin_work()
    tower.at("2026-11-09 10:00").answer()
    tower.deliver()
    tower.at("2026-11-24 10:00").sweep()
    end(tower, "silent")

    tower.at("2026-11-25 10:00").answer()
    tower.deliver()
    assert tower.clocks()["R1"] == "2026-12-09"
    tower.at("2026-12-10 10:00").sweep()

    passed = [f["ends_on"] for f in tower.said("deadline.passed") if f["clock"] == "R"]
    assert passed == ["2026-11-23", "2026-12-09"]


def test_an_answer_that_is_given_again_before_the_silence_is_over_has_its_whole_silence(
    tower: Tower,
) -> None:
    tower.begin_work()
    tower.at("2026-11-09 10:00").answer()
    tower.deliver()

    tower.at("2026-11-18 10:00").answer()
    assert tower.clocks()["R1"] == "stopped"
    tower.deliver()

    assert tower.clocks()["R1"] == "2026-12-02"


@pytest.mark.parametrize("how", ENDS)
def test_whatever_is_done_to_it_brings_its_limits_back(tower: Tower, how: str) -> None:
    tower.begin_work()  # S has 14 working days: until 20 November
    tower.at("2026-11-09 10:00")  # of which 4 are used: no day counts on which it began to stand
    end(tower, how)

    tower.at("2026-11-16 10:00").hear("case.followed_up.v1", agency="dpupr", first=False, cycle=1)

    assert tower.clocks()["S1"] == "2026-11-30"
    assert tower.clocks()["H1"] == "2027-01-09"
    assert unwatched(tower) == 0


def test_a_refusal_of_what_a_reporter_did_in_the_lost_time_is_enough(tower: Tower) -> None:
    answered_and_ended(tower)

    refused = {"status": "in_progress", "action": "accept", "reason_code": "wrong_status"}
    accepted_at = tower.clock.at  # under that moment routing says that it cannot be
    tower.at("2026-11-16 10:00")
    tower.receive(tower.stream.body("case.refused.v1", NUMBER, accepted_at, **refused))

    assert tower.clocks() == {
        "V1": "stopped", "H1": "2027-01-07", "F1": "stopped", "R1": "stopped",
        "S1": "2026-11-30",  # of 14 working days 4 were used
    }  # fmt: skip
    assert unwatched(tower) == 0


def test_who_asks_again_gives_the_whole_time_to_answer(tower: Tower) -> None:
    tower.open()
    tower.at("2026-11-04 10:00").hear("case.data_requested.v1", awaited_from="unverified")
    tower.at("2026-11-09 10:00")
    end(tower, "withdrawn")

    tower.at("2026-11-16 10:00").hear("case.data_requested.v1", awaited_from="unverified")

    assert tower.clocks() == {
        "V1": "paused", "H1": "2027-01-09", "D1": "stopped", "D2": "2026-12-16",
    }  # fmt: skip
    assert unwatched(tower) == 0


def test_what_still_stands_makes_them_stand_again(tower: Tower) -> None:
    answered_and_ended(tower)

    tower.at("2026-11-16 10:00").hear("case.protected.v1", status="answered")

    assert tower.clocks()["S1"] == "paused"
    assert tower.clocks()["R1"] == "2026-11-27"  # of 10 working days one was used
    assert unwatched(tower) == 0


def test_an_objection_to_an_archiving_that_was_done_again_finds_the_clocks(tower: Tower) -> None:
    answered_and_ended(tower)
    tower.at("2026-11-16 10:00").hear("case.archived.v1", reason="incomplete")
    assert set(tower.clocks().values()) == {"stopped"}

    tower.at("2026-11-18 10:00").hear(
        "case.objected.v1", status="unverified", objections=1, cycle=2
    )

    assert tower.clocks()["H1"] == "2027-01-09"
    assert unwatched(tower) == 0


def test_a_case_that_is_opened_again_after_its_end_is_watched_again(tower: Tower) -> None:
    answered_and_ended(tower)

    tower.at("2026-11-16 10:00").open()

    assert tower.clocks()["H1"] == "2027-01-07"
    assert unwatched(tower) == 0
    assert tower.count(f"SELECT count(*) FROM case_state WHERE number = '{NUMBER}'") == 1


def test_the_days_for_which_it_was_taken_for_over_are_told_as_such(tower: Tower) -> None:
    answered_and_ended(tower)

    tower.at("2026-11-16 10:00").answer()

    because = "SELECT because FROM pause p JOIN clock c ON c.id = p.clock_id WHERE clock = 'H'"
    assert tower.database.psql(because) == [("end_lost",)]


def test_who_takes_up_what_is_over_gives_nothing_back(tower: Tower) -> None:
    """The ordinary way: a new round with new limits."""
    answered_and_ended(tower)

    tower.at("2026-11-16 10:00").hear("case.reopened.v1", cycle=2)

    running = {name: day for name, day in tower.clocks().items() if day != "stopped"}
    assert running == {"S2": "2026-12-04", "H2": "2027-01-15"}


def test_a_limit_that_was_over_before_the_lost_end_is_a_breach_again(tower: Tower) -> None:
    tower.begin_work()
    tower.at("2026-11-24 10:00").sweep()  # S ended on the 20th
    end(tower, "forwarded")
    assert "S stopped" in tower.closings()

    tower.at("2026-11-26 10:00").hear("case.followed_up.v1", agency="dpupr", first=False, cycle=1)

    standing = "SELECT clock FROM breach b JOIN clock c ON c.id = clock_id WHERE closed_at IS NULL"
    assert tower.database.psql(standing) == [("S",)]
    assert len([f for f in tower.said("deadline.passed") if f["clock"] == "S"]) == 1
