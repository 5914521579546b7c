"""What is decreed while a clock stands is told when it goes on, apart from the days it stood."""

from __future__ import annotations

from typing import Any

import pytest

from services.escalation.watch import clocks
from tests.service.escalation.desk import DAY, DECREE, Desk
from tests.service.escalation.tower import NUMBER, Tower, end_of

THREE_DAYS = {"clock": "S", "kind": "complaint", "class": "ordinary", "days": 3,
              "unit": "working", "effective_from": "2026-11-02", "decree": DECREE}  # fmt: skip
CHANGES = "SELECT reason, before, after FROM clock_change ORDER BY id"


def ask(tower: Tower) -> None:
    tower.hear("case.data_requested.v1", awaited_from="in_progress")


def supply(tower: Tower) -> None:
    tower.hear("case.resumed.v1", status="in_progress", cycle=1)


def answer(tower: Tower) -> None:
    tower.answer()
    tower.deliver()


def object_to_it(tower: Tower) -> None:
    tower.hear("case.objected.v1", status="in_progress", objections=1, cycle=2)


def archive(tower: Tower) -> None:
    tower.hear("case.archived.v1")


def object_to_archiving(tower: Tower) -> None:
    tower.hear("case.objected.v1", status="unverified", objections=1, cycle=2)


def moves(tower: Tower) -> list[tuple[str, str | None, str | None]]:
    """How S moved, as it was told."""
    told = [fact for fact in tower.said("deadline.recomputed") if fact["clock"] == "S"]
    return [(fact["reason"], fact["before"], fact["after"]) for fact in told]


def stand_and_decree(tower: Tower, desk: Desk, path: str, decree: dict[str, Any]) -> None:
    """S ends on 20 November, and stands from 9 November on; then something is decreed."""
    tower.begin_work()
    ask(tower.at("2026-11-09 10:00"))
    desk.decree(path, decree, retroactive=True)
    tower.measure_stale()


@pytest.mark.parametrize(
    ("stops", "goes_on"),
    [(ask, supply), (answer, object_to_it), (archive, object_to_archiving)],
    ids=["a question", "an answer", "an archiving"],
)
def test_a_limit_decreed_while_a_clock_stood_is_told_when_it_goes_on(
    tower: Tower, desk: Desk, stops: Any, goes_on: Any
) -> None:
    tower.begin_work()  # S ends on 20 November; 4 days are used on the 9th
    stops(tower.at("2026-11-09 10:00"))
    desk.decree("limits", THREE_DAYS | {"days": 6}, retroactive=True)
    tower.measure_stale()
    before = tower.clocks()["S1"]

    goes_on(tower.at("2026-11-18 10:00"))

    told = moves(tower)
    assert before != tower.clocks()["S1"] == "2026-11-20"
    assert [reason for reason, _, _ in told][-2:] == ["resumed", "limit"]
    assert told[-1] == ("limit", end_of("2026-12-02"), end_of("2026-11-20"))
    assert told[-2][2] == end_of("2026-12-02")


def test_so_is_a_day_off_and_both_are_kept(tower: Tower, desk: Desk) -> None:
    stand_and_decree(tower, desk, "calendars/regency/days", DAY | {"day": "2026-11-20"})

    supply(tower.at("2026-11-12 10:00"))

    assert moves(tower) == [
        ("paused", end_of("2026-11-20"), None),
        ("resumed", None, end_of("2026-11-26")),
        ("calendar", end_of("2026-11-26"), end_of("2026-11-27")),
    ]
    kept = [reason for reason, *_ in tower.database.psql(CHANGES)]
    assert kept == ["paused", "resumed", "calendar"]


def test_what_moves_nothing_is_no_news(tower: Tower, desk: Desk) -> None:
    """The day that is off now is one on which the clock stood."""
    stand_and_decree(tower, desk, "calendars/regency/days", DAY | {"day": "2026-11-11"})

    supply(tower.at("2026-11-12 10:00"))

    assert [reason for reason, _, _ in moves(tower)] == ["paused", "resumed"]


def test_it_is_told_once_though_the_clock_stands_again(tower: Tower, desk: Desk) -> None:
    stand_and_decree(tower, desk, "limits", THREE_DAYS | {"days": 20})
    supply(tower.at("2026-11-12 10:00"))
    ask(tower.at("2026-11-13 10:00"))

    supply(tower.at("2026-11-16 10:00"))

    assert [r for r, _, _ in moves(tower)] == ["paused", "resumed", "limit", "paused", "resumed"]


def test_a_limit_that_was_over_before_its_clock_stood_is_told_at_once(
    tower: Tower, desk: Desk
) -> None:
    stand_and_decree(tower, desk, "limits", THREE_DAYS)  # until Thursday, and it stood on Monday

    supply(tower.at("2026-11-12 10:00"))

    assert moves(tower) == [
        ("paused", end_of("2026-11-20"), None),
        ("limit", None, end_of("2026-11-05")),
    ]


def test_a_class_that_was_given_while_it_stood_is_not_called_a_decree(tower: Tower) -> None:
    tower.begin_work()
    ask(tower.at("2026-11-09 10:00"))
    given = {"class": "supervisory", "kind": "complaint"}
    tower.hear("case.reclassified.v1", NUMBER, status="awaiting_reporter", **given)

    supply(tower.at("2026-11-12 10:00"))

    assert [reason for reason, _, _ in moves(tower)] == ["paused", "resumed", "reclassified"]


def test_broken_on_purpose_what_was_told_is_forgotten_while_it_stands(
    tower: Tower, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it was: the decree's days pass for those of the pause, and nobody is told."""
    monkeypatch.setattr(clocks, "told_by", lambda row: None)
    stand_and_decree(tower, desk, "limits", THREE_DAYS | {"days": 6})

    supply(tower.at("2026-11-18 10:00"))

    assert moves(tower)[-1] == ("resumed", None, end_of("2026-11-20"))


@pytest.mark.parametrize(
    ("path", "decree", "reason"),
    [("limits", THREE_DAYS | {"days": 15}, "limit"),
     ("calendars/regency/days", DAY | {"day": "2026-11-20"}, "calendar")],
)  # fmt: skip
def test_what_was_in_time_by_a_decree_after_its_archiving_says_so_when_it_goes_on(
    tower: Tower, desk: Desk, path: str, decree: dict[str, Any], reason: str
) -> None:
    """S was over on 20 November, and archived before anybody looked; then it was a day later."""
    tower.begin_work()
    archive(tower.at("2026-11-21 00:00:01"))
    desk.decree(path, decree, retroactive=True)
    tower.sweep()
    assert "passed S" not in tower.fired()
    assert moves(tower) == []

    object_to_archiving(tower.at("2026-11-25 10:00"))

    goes_on_until = tower.clocks()["S1"]
    assert goes_on_until > "2026-11-24"
    assert moves(tower) == [(reason, end_of("2026-11-20"), end_of(goes_on_until))]


def test_what_was_over_all_the_same_is_told_with_the_end_that_the_decree_gave(
    tower: Tower, desk: Desk
) -> None:
    """The negative control: so that is the end which was told last."""
    tower.begin_work()
    archive(tower.at("2026-11-21 00:00:01"))
    desk.decree("limits", THREE_DAYS | {"days": 13}, retroactive=True)
    tower.sweep()

    [passed] = [fact for fact in tower.said("deadline.passed") if fact["clock"] == "S"]
    assert passed["due_at"] == end_of("2026-11-19")
    object_to_archiving(tower.at("2026-11-25 10:00"))
    assert "limit" not in [why for why, _, _ in moves(tower)]
