"""Whoever's receipt promised an earlier end than S has when it begins is told so, once."""

from __future__ import annotations

from typing import Any

import pytest

from services.escalation.watch import receipts
from tests.service.escalation.desk import DAY, DECREE, OTHER, Desk
from tests.service.escalation.tower import NUMBER, Tower, end_of

FORTY_DAYS = {"clock": "S", "kind": "complaint", "class": "ordinary", "days": 40,
              "unit": "working", "effective_from": "2026-11-02", "decree": DECREE}  # fmt: skip
PROMISED = "2026-11-25"  # of what came on 2 November: 3 working days, and 14 after them


def moves(tower: Tower, number: str = NUMBER) -> list[tuple[str, str, str | None, str | None]]:
    told = tower.said("deadline.recomputed", number=number)
    return [(f["clock"], f["reason"], f["before"], f["after"]) for f in told]


@pytest.mark.parametrize(
    ("day", "given", "ends"),
    [
        ("2026-11-09", {}, "2026-11-27"),
        ("2026-11-03", {"class": "supervisory"}, "2027-02-01"),
        ("2026-11-03", {"kind": "aspiration", "class": None}, None),
        ("2026-11-05", {}, None),
    ],
    ids=["handed on late", "supervisory", "another kind", "on the last day"],
)
def test_an_end_later_than_the_receipt_says_is_told(
    tower: Tower, day: str, given: dict[str, Any], ends: str | None
) -> None:
    tower.open()

    tower.at(f"{day} 10:00").dispose(**given)

    told = [("S", "promise", end_of(PROMISED), end_of(ends))] if ends else []
    assert moves(tower) == told
    if ends:
        assert tower.clocks()["S1"] == ends
        kept = tower.database.psql("SELECT reason, before < after FROM clock_change")
        assert kept == [("promise", True)]


def test_so_is_a_longer_limit_that_was_decreed_before_the_case_was_handed_on(
    tower: Tower, desk: Desk
) -> None:
    tower.open()
    desk.decree("limits", FORTY_DAYS)
    tower.measure_stale()

    tower.at("2026-11-03 10:00").dispose()

    [(clock, reason, before, after)] = moves(tower)
    assert (clock, reason, before) == ("S", "promise", end_of(PROMISED))
    assert str(after)[:10] == tower.clocks()["S1"]


def test_it_is_said_after_the_limit_that_it_is_about_has_begun(tower: Tower) -> None:
    tower.open()
    tower.at("2026-11-09 10:00").dispose()

    of_s = [f["type"] for f in tower.said("deadline") if f["clock"] == "S"]
    assert of_s == ["deadline.started", "deadline.recomputed"]


def test_no_later_round_is_held_against_the_receipt(tower: Tower) -> None:
    tower.begin_work()
    tower.answer()
    tower.hear("case.closed.v1", how="accepted", cycle=1)

    tower.at("2026-11-30 10:00").hear("case.reopened.v1", cycle=2)

    assert tower.clocks()["S2"] > PROMISED
    assert [move for move in moves(tower) if move[1] == "promise"] == []


def test_a_case_that_follows_another_has_no_s_to_hold_against_it(tower: Tower) -> None:
    tower.open(OTHER)
    tower.hear("case.merged.v1", OTHER, status="unverified")

    tower.at("2026-11-09 10:00").dispose(OTHER)

    assert moves(tower, OTHER) == []


def test_nor_has_who_is_reopened_alone_after_following_another(tower: Tower) -> None:
    tower.open(OTHER)
    tower.hear("case.merged.v1", OTHER, status="unverified")
    tower.hear("case.closed.v1", OTHER, how="accepted", cycle=1)

    tower.at("2026-12-21 10:00").hear("case.reopened.v1", OTHER, cycle=2, status="in_progress")

    assert tower.clocks(OTHER)["S2"] > PROMISED
    assert [move for move in moves(tower, OTHER) if move[1] == "promise"] == []


def test_a_receipt_without_dates_promised_nothing(bare_tower: Tower) -> None:
    bare_tower.open()
    bare_tower.plant()

    bare_tower.at("2026-11-09 10:00").dispose()

    assert "S1" in bare_tower.clocks()
    assert [move for move in moves(bare_tower) if move[1] == "promise"] == []


def test_a_day_off_that_comes_later_is_told_as_one(tower: Tower, desk: Desk) -> None:
    tower.open()
    tower.at("2026-11-03 10:00").dispose()

    desk.decree("calendars/regency/days", DAY)
    tower.measure_stale()

    told = {(clock, reason) for clock, reason, _, _ in moves(tower)}
    assert told == {("F", "calendar"), ("S", "calendar")}


def test_broken_on_purpose_nobody_looks_at_what_the_receipt_promised(
    tower: Tower, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it was: the date of the receipt is over, and nothing was said of another."""
    monkeypatch.setattr(receipts, "compare", lambda *_: None)
    tower.open()

    tower.at("2026-11-09 10:00").dispose()

    assert moves(tower) == []
