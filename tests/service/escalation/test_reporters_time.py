"""No decree takes a day from the reporter that they were told: R and D only ever end later."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.escalation.rules import hindsight, histories, reckoning, regime
from tests.service.escalation.desk import DAY, DECREE, OTHER, Desk
from tests.service.escalation.tower import NUMBER, Tower, end_of
from tests.service.escalation.window import Window

SHORTER = {"days": 3, "effective_from": "2026-11-02", "decree": DECREE}
SILENCE = SHORTER | {"clock": "R", "unit": "working"}
DATA = SHORTER | {"clock": "D", "unit": "calendar"}


def answered(tower: Tower, number: str = NUMBER) -> None:
    """Answered and told on Monday the 9th: its reporter has until the 23rd."""
    tower.at("2026-11-02 10:00").begin_work(number)
    tower.at("2026-11-09 10:00").answer(number)
    tower.deliver(number)


def asked(tower: Tower) -> None:
    """Asked on Wednesday the 4th: its reporter has until 4 December."""
    tower.open()
    tower.at("2026-11-04 10:00").hear("case.data_requested.v1", awaited_from="unverified")


def decreed(tower: Tower, desk: Desk, path: str, body: dict[str, Any]) -> None:
    desk.decree(path, body, retroactive=True)
    tower.measure_stale()


def told(tower: Tower, clock: str) -> list[Any]:
    """What was said of a limit of the reporter's since it began."""
    facts = tower.said("deadline.recomputed", "deadline.passed", "deadline.approaching")
    return [fact for fact in facts if fact["clock"] == clock]


@pytest.mark.parametrize(
    ("begin", "limit", "clock", "ends"),
    [(answered, SILENCE, "R1", "2026-11-23"), (asked, DATA, "D1", "2026-12-04")],
    ids=["silence", "data"],
)
def test_a_shorter_limit_is_none_for_who_was_told_a_longer_one(
    tower: Tower, desk: Desk, begin: Any, limit: dict[str, Any], clock: str, ends: str
) -> None:
    begin(tower)

    decreed(tower.at("2026-11-16 10:00"), desk, "limits", limit)
    tower.sweep()

    assert tower.clocks()[clock] == ends
    assert told(tower, clock[0]) == []


def test_it_holds_for_the_rounds_that_begin_after_it(tower: Tower, desk: Desk) -> None:
    answered(tower)
    decreed(tower.at("2026-11-16 10:00"), desk, "limits", SILENCE)

    tower.hear("case.objected.v1", status="in_progress", objections=1, cycle=2)
    tower.answer(cycle=2)
    tower.deliver(cycle=2)

    assert tower.clocks()["R2"] == "2026-11-19"


def test_a_longer_one_is_theirs_at_once_and_cannot_be_taken_again(tower: Tower, desk: Desk) -> None:
    answered(tower)
    decreed(tower.at("2026-11-16 10:00"), desk, "limits", SILENCE | {"days": 12})
    decreed(tower, desk, "limits", SILENCE)

    assert tower.clocks()["R1"] == "2026-11-25"
    moved = [(fact["reason"], fact["after"]) for fact in told(tower, "R")]
    assert moved == [("limit", end_of("2026-11-25"))]


@pytest.mark.parametrize(
    "taken_back", [{"rule": "national"}, {"rule": "worked"}], ids=lambda given: given["rule"]
)
def test_a_day_off_that_is_taken_back_shortens_nothing_of_theirs(
    tower: Tower, desk: Desk, taken_back: dict[str, str]
) -> None:
    answered(tower)
    decreed(tower, desk, "calendars/regency/days", DAY | {"day": "2026-11-18"})
    assert tower.clocks()["R1"] == "2026-11-24"
    governments = tower.clocks()["H1"]

    back = DAY | {"day": "2026-11-18", **taken_back}
    decreed(tower, desk, "calendars/regency/days", back)

    assert tower.clocks() | {"H1": governments} == tower.clocks()
    assert tower.clocks()["R1"] == "2026-11-24"


def test_what_brings_it_later_holds_at_once_also_for_who_keeps_an_earlier_limit(
    tower: Tower, desk: Desk
) -> None:
    answered(tower)
    decreed(tower, desk, "limits", SILENCE | {"days": 5, "effective_from": "2026-11-09"})
    assert tower.clocks()["R1"] == "2026-11-23"

    decreed(tower, desk, "calendars/regency/days", DAY | {"day": "2026-11-18"})
    assert tower.clocks()["R1"] == "2026-11-24"

    decreed(tower, desk, "limits", SILENCE | {"days": 12, "effective_from": "2026-11-09"})
    assert tower.clocks()["R1"] == "2026-11-26"


def test_nor_does_a_saturday_that_is_worked_and_the_governments_own_limits_move(
    tower: Tower, desk: Desk
) -> None:
    answered(tower)
    tower.begin_work(OTHER)  # on the 9th: S ends on the 27th

    decreed(tower, desk, "calendars/regency/days", DAY | {"day": "2026-11-14", "rule": "worked"})

    assert tower.clocks()["R1"] == "2026-11-23"
    assert tower.clocks(OTHER)["S1"] == "2026-11-26"


def test_its_days_are_explained_by_what_gave_them(tower: Tower, desk: Desk, window: Window) -> None:
    answered(tower)
    decreed(tower, desk, "limits", SILENCE)

    limit = window.told()["R1"]["limit"]
    days = window.told("explain")["R1"]["days"]
    assert (limit["days"], limit["decree"] == DECREE) == (10, False)
    assert sum(day["verdict"] == "counted" for day in days) == 10


def test_a_question_that_did_not_reach_them_keeps_the_longer_limit_too(
    tower: Tower, desk: Desk
) -> None:
    """D stands from the day on which its mail came back until another one arrives."""
    asked(tower)
    failed = {"about": "data_requested", "cycle": 1, "reason": "rejected"}
    tower.at("2026-11-05 10:00").hear("message.failed.v1", **failed)
    decreed(tower, desk, "limits", DATA)
    assert tower.clocks()["D1"] == "paused"

    tower.at("2026-11-09 10:00").hear("message.delivered.v1", about="data_requested", cycle=1)

    assert tower.clocks()["D1"] == "2026-12-09"  # thirty days, without the five that it stood


def test_a_preview_says_for_how_many_their_day_stays(tower: Tower, desk: Desk) -> None:
    for n in range(5):
        answered(tower, f"KTB-34567-0000{n}")

    foretold = desk.preview("limits", SILENCE, retroactive=True)
    longer = desk.preview("limits", SILENCE | {"days": 12}, retroactive=True)
    off = desk.preview("calendars/regency/days", DAY | {"day": "2026-11-14", "rule": "worked"})

    assert (foretold["kept_end"], foretold["other_end"]) == (5, 0)
    assert (longer["kept_end"], longer["other_end"]) == (0, 5)
    assert off["kept_end"] == 5
    assert desk.decree("limits", SILENCE, retroactive=True)["kept_end"] is None


def test_history_replayed_is_what_was(tower: Tower, desk: Desk) -> None:
    answered(tower)
    decreed(tower.at("2026-11-16 10:00"), desk, "limits", SILENCE)
    tower.at("2026-11-24 10:00").sweep()

    with tower.db.begin() as tx:
        now = regime.current(tx, tower.settings.zone)
        lives = list(histories.lives(tx))
    forgotten = [replace(life, told=None) for life in lives]

    def unlike(of: list[hindsight.Life]) -> int:
        told = hindsight.compare(of, now, now, tower.clock.now())
        return int(told["unlike_history"])

    assert [fact["type"] for fact in told(tower, "R")] == ["deadline.passed"]
    assert (unlike(lives), unlike(forgotten)) == (0, 1)


def test_broken_on_purpose_the_reporters_limits_are_shortened_like_the_governments(
    tower: Tower, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it was: their time is over the moment the decree is made."""
    monkeypatch.setattr(reckoning, "REPORTERS", frozenset())
    answered(tower)

    decreed(tower.at("2026-11-16 10:00"), desk, "limits", SILENCE)
    tower.sweep()

    assert "deadline.passed" in [fact["type"] for fact in told(tower, "R")]
