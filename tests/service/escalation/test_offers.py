"""An offer of the Ombudsman rests on a limit that passed, and is taken back if it had not, or with
the case's end."""

from __future__ import annotations

from itertools import pairwise

import pytest
import sqlalchemy as sa

from services.escalation.models import Breaker
from services.escalation.ombudsman.offers import _EXPIRED, A_TURN
from tests.service.escalation.test_calendars import decree
from tests.service.escalation.test_cancelled_questions import ask, cancel, failed
from tests.service.escalation.test_late_news import late
from tests.service.escalation.test_no_longer_passed import consented
from tests.service.escalation.tower import NUMBER, Tower

S_ENDS = "2026-11-20"  # of a case that was disposed of on Monday, 2 November; H on 1 January
BY_S, BY_H = "offered settlement_passed", "offered handover_limit"
BACK = "offer_taken_back"


def offers(tower: Tower) -> list[str]:
    """What was said of offers, in order; each taking back names the offer before it."""
    told = tower.said("escalation.offer")
    for before, fact in pairwise(told):
        assert fact.get("offered_at") in (None, before["at"])
    return [" ".join([f["type"].split(".")[1], *filter(None, [f.get("reason")])]) for f in told]


def answered_in_time(tower: Tower) -> None:
    """The news comes only now."""
    late(tower, f"{S_ENDS} 15:00", "case.answered.v1", agency="dpupr", cycle=1)


def longer(tower: Tower, clock: str, days: int, unit: str) -> None:
    """Another limit for what is handled already."""
    tower.database.psql(
        "INSERT INTO limit_rule (clock, kind, class, days, unit, effective_from, decree) VALUES"
        f" ('{clock}', 'complaint', 'ordinary', {days}, '{unit}', '2026-01-02', 'Perbup 72/2026')"
    )
    tower.measure_stale()


@pytest.mark.parametrize("heard", ["before", "after"])
def test_who_has_the_right_by_another_limit_is_offered_it_by_that(tower: Tower, heard: str) -> None:
    """H passes before or after it is heard that S was kept; both in one night, or not."""
    tower.begin_work()
    tower.at("2026-11-21 00:00:05").sweep()
    if heard == "before":
        answered_in_time(tower)
    tower.at("2027-01-02 00:00:05").sweep()
    if heard == "after":
        answered_in_time(tower)

    assert offers(tower) == [BY_S, BACK, BY_H]
    assert consented(tower.at("2027-01-02 10:00")) == [NUMBER]


@pytest.mark.parametrize("story", ["supervisory", "answered in time"])
def test_where_the_regency_is_not_late_the_offer_says_that_it_is_by_h(
    tower: Tower, story: str
) -> None:
    """S ends months later, or stands while R runs."""
    tower.open()
    tower.dispose(**{"class": "supervisory" if story == "supervisory" else "ordinary"})
    tower.hear("case.followed_up.v1", agency="dpupr", first=True, cycle=1)
    if story == "answered in time":
        tower.at(f"{S_ENDS} 15:00").answer()
        tower.at("2026-12-28 08:00").deliver()
    tower.at("2027-01-02 00:00:05").sweep()

    assert [told for told in tower.fired() if told.split()[1] in "SHR"] == ["passed H"]
    assert offers(tower) == [BY_H]


@pytest.mark.parametrize("moved", ["S", "H"])
def test_an_offer_by_two_limits_of_one_sweep_rests_on_either(tower: Tower, moved: str) -> None:
    tower.begin_work()
    tower.at("2027-01-02 00:00:05").sweep()
    assert offers(tower) == [BY_S]

    if moved == "S":
        answered_in_time(tower)
    else:
        longer(tower, "H", 90, "calendar")

    assert offers(tower) == [BY_S]
    assert consented(tower.at("2027-01-02 10:00")) == [NUMBER]


def test_the_offer_stands_in_a_case_that_was_handed_over(tower: Tower) -> None:
    tower.begin_work()
    tower.at("2026-11-21 00:00:05").sweep()
    assert consented(tower.at("2026-11-21 08:00")) == [NUMBER]

    answered_in_time(tower)

    assert [fact["clock"] for fact in tower.said("deadline.kept")] == ["S"]
    assert offers(tower) == [BY_S]


def test_who_follows_a_case_that_is_reopened_is_not_offered_it_again(tower: Tower) -> None:
    """It was never over, and its H goes on."""
    tower.open()
    tower.at("2026-11-03 10:00").hear("case.merged.v1", status="in_progress")
    tower.at("2027-01-02 00:00:05").sweep()
    assert offers(tower) == [BY_H]

    tower.at("2027-01-04 10:00").hear("case.answered.v1", agency="dpupr", cycle=1)
    tower.at("2027-01-05 10:00").hear("case.reopened.v1", status="in_progress", cycle=2)

    assert tower.clocks()["H1"] == "2027-01-01"
    assert offers(tower) == [BY_H]


def test_an_offer_that_another_limit_gave_stands(tower: Tower) -> None:
    tower.begin_work()
    tower.at("2026-11-21 00:00:05").sweep()
    tower.at("2027-01-02 00:00:05").sweep()

    longer(tower, "H", 90, "calendar")

    assert "passed H" in tower.fired()
    assert tower.clocks()["H1"] == "2027-01-31"
    assert offers(tower) == [BY_S]


def test_an_offer_by_a_limit_that_was_kept_is_taken_back(tower: Tower) -> None:
    tower.begin_work()
    tower.at("2026-11-21 00:00:05").sweep()

    answered_in_time(tower)

    assert offers(tower) == [BY_S, BACK]
    assert consented(tower.at("2026-11-23 10:00")) == []


@pytest.mark.parametrize("moved_by", ["days off", "limit"])
def test_an_offer_by_a_limit_that_was_moved_is_taken_back_until_that_passes(
    tower: Tower, moved_by: str
) -> None:
    tower.begin_work()
    tower.at("2026-11-21 00:00:05").sweep()

    tower.at("2026-11-21 08:00")
    if moved_by == "limit":
        longer(tower, "S", 15, "working")
    else:
        decree(tower, "regency", S_ENDS, "off")
        tower.measure_stale()
    assert offers(tower) == [BY_S, BACK]

    tower.at("2026-11-24 00:00:05").sweep()
    assert offers(tower) == [BY_S, BACK, BY_S]


def test_an_offer_by_a_clock_that_stands_is_taken_back_though_no_other_end_is_told(
    tower: Tower,
) -> None:
    tower.begin_work()
    tower.at("2026-11-21 00:00:05").sweep()
    tower.at("2026-11-23 10:00").answer()

    tower.at("2026-11-24 10:00").hear(
        "case.reclassified.v1", status="answered", kind="complaint", **{"class": "supervisory"}
    )

    assert tower.said("deadline.recomputed")[-1]["after"] is None
    assert offers(tower) == [BY_S, BACK]


def test_rules_that_take_one_right_away_leave_the_other(tower: Tower) -> None:
    tower.begin_work()
    tower.at("2026-11-21 00:00:05").sweep()
    tower.at("2027-01-02 00:00:05").sweep()

    longer(tower, "S", 60, "working")

    assert offers(tower) == [BY_S, BACK, BY_H]


def test_time_that_is_given_late_leaves_the_right_by_another_limit(tower: Tower) -> None:
    """A question had not reached its reporter, which is heard of once both limits have passed."""
    tower.begin_work()
    ask(tower, "S")
    cancel(tower, "S", "2026-12-29 10:00")
    tower.at("2027-01-02 00:00:05").sweep()

    failed(tower)

    assert offers(tower) == [BY_S]
    assert consented(tower.at("2027-01-02 10:00")) == [NUMBER]


def test_who_objects_to_an_archiving_still_has_what_was_offered(tower: Tower) -> None:
    """H passed, then S; and it is heard that S was set aside between the two."""
    tower.open()
    tower.at("2026-12-28 10:00").dispose()
    tower.at("2027-01-29 00:00:05").sweep()
    assert offers(tower) == [BY_H]

    late(tower, "2027-01-10 10:00", "case.archived.v1", reason="incomplete")
    tower.at("2027-01-29 10:00").hear("case.objected.v1", status="unverified", cycle=2)

    assert offers(tower) == [BY_H]
    assert consented(tower.at("2027-01-29 11:00")) == [NUMBER]


ENDS = {
    "closed": {"how": "accepted", "cycle": 1},
    "withdrawn": {},
    "merged": {"status": "closed"},
}


@pytest.mark.parametrize("end", ENDS)
def test_with_the_case_its_offer_ends(tower: Tower, end: str) -> None:
    tower.begin_work()
    tower.at("2027-01-02 00:00:05").sweep()

    tower.at("2027-01-02 02:00").hear(f"case.{end}.v1", **ENDS[end])

    assert offers(tower) == [BY_S, BACK]
    assert consented(tower.at("2027-01-02 10:00")) == []


def test_an_answer_leaves_the_offer_and_who_ends_the_case_by_it_is_offered_it_anew(
    tower: Tower,
) -> None:
    """Who reopens a closed case has a new S, which must pass."""
    tower.begin_work()
    tower.at("2026-11-21 00:00:05").sweep()
    tower.at("2026-11-23 10:00").answer()
    assert offers(tower) == [BY_S]

    tower.hear("case.closed.v1", how="auto_closed", cycle=1)
    tower.at("2026-11-24 10:00").hear("case.reopened.v1", status="in_progress", cycle=2)
    assert offers(tower) == [BY_S, BACK]

    tower.at("2026-12-20 10:00").sweep()
    assert offers(tower) == [BY_S, BACK, BY_S]


ASIDE = pytest.mark.parametrize("how", ["archived", "forwarded"])


@ASIDE
def test_what_is_set_aside_may_be_objected_to_and_its_offer_stands(tower: Tower, how: str) -> None:
    tower.begin_work()
    tower.at("2026-11-21 00:00:05").sweep()

    tower.at("2026-11-21 02:00").hear(f"case.{how}.v1")
    assert offers(tower) == [BY_S]
    assert consented(tower.at("2026-11-21 10:00")) == []

    tower.at("2026-11-22 10:00").hear("case.objected.v1", status="unverified", cycle=2)
    tower.at("2026-11-22 10:00:30").sweep()
    tower.append()

    assert len(tower.entries("handovers")) == 1
    assert offers(tower) == [BY_S]


def refuse(tower: Tower, reason: str | None) -> None:
    with tower.db.begin() as tx:
        tx.get_one(Breaker, 1).reason = reason


def expire(tower: Tower) -> None:
    while tower.service.expire_offers():
        pass


@ASIDE
def test_what_was_set_aside_too_long_ago_to_be_objected_to_is_offered_no_more(
    tower: Tower, how: str
) -> None:
    tower.begin_work()
    tower.at("2026-11-21 00:00:05").sweep()
    tower.at("2026-11-23 10:00").hear(f"case.{how}.v1")

    expire(tower.at("2026-12-23 10:00"))
    assert offers(tower) == [BY_S]
    tower.service.caught_up.clear()
    expire(tower.at("2026-12-23 10:00:01"))  # an objection may be under way
    assert offers(tower) == [BY_S]
    tower.service.caught_up.set()
    refuse(tower, "clock_jump")
    expire(tower)  # the clock may be wrong
    assert offers(tower) == [BY_S]
    refuse(tower, None)
    expire(tower)
    expire(tower)
    assert offers(tower) == [BY_S, BACK]

    late(tower, "2026-12-23 09:59", "case.objected.v1", status="unverified", cycle=2)
    assert offers(tower) == [BY_S, BACK, BY_S]
    assert consented(tower.at("2026-12-23 11:00")) == [NUMBER]


@pytest.mark.parametrize(
    ("said", "last"), [("2026-12-07T02:00:00Z", "2026-12-07 10:00"), (None, "2026-12-23 10:00")]
)
def test_it_is_offered_as_long_as_routing_said_or_as_held_when_it_said_nothing(
    tower: Tower, said: str | None, last: str
) -> None:
    tower.begin_work()
    tower.at("2026-11-21 00:00:05").sweep()
    until = {"reopen_until": said} if said else {}
    tower.at("2026-11-23 10:00").hear("case.archived.v1", reason="incomplete", **until)
    if said is None:
        tower.database.psql("UPDATE case_state SET reopen_until = NULL")

    expire(tower.at(last))
    assert offers(tower) == [BY_S]
    expire(tower.at(f"{last}:01"))
    assert offers(tower) == [BY_S, BACK]


def test_the_offer_stands_in_a_case_that_was_handed_over_before_it_was_archived(
    tower: Tower,
) -> None:
    tower.begin_work()
    tower.at("2026-11-21 00:00:05").sweep()
    assert consented(tower.at("2026-11-21 08:00")) == [NUMBER]
    tower.at("2026-11-23 10:00").hear("case.archived.v1", reason="incomplete")

    expire(tower.at("2027-03-01 10:00"))

    assert offers(tower) == [BY_S]


def test_the_offers_of_archived_cases_are_found_without_reading_the_others(tower: Tower) -> None:
    asked = {"now": tower.clock.now(), "formerly": tower.clock.now(), "most": A_TURN}
    with tower.db.begin() as tx:
        tx.execute(sa.text("SET LOCAL enable_seqscan = off"))
        plan = tx.scalars(sa.text(f"EXPLAIN {_EXPIRED.text}"), asked).all()

    assert "case_state_aside_offer" in "".join(plan)


def test_who_joins_another_case_has_the_right_by_their_own_h(tower: Tower) -> None:
    """S counts with the other case from then on, and gives its own reporter the right."""
    tower.begin_work()
    tower.at("2026-11-21 00:00:05").sweep()

    tower.at("2026-11-21 02:00").hear("case.merged.v1", status="in_progress")
    assert offers(tower) == [BY_S, BACK]

    tower.at("2027-01-02 00:00:05").sweep()
    assert offers(tower) == [BY_S, BACK, BY_H]
    assert consented(tower.at("2027-01-02 10:00")) == [NUMBER]


def test_who_joins_another_case_after_their_h_has_the_right_still(tower: Tower) -> None:
    tower.begin_work()
    tower.at("2026-11-21 00:00:05").sweep()
    tower.at("2027-01-02 00:00:05").sweep()

    tower.at("2027-01-02 02:00").hear("case.merged.v1", status="in_progress")

    assert offers(tower) == [BY_S]
    assert consented(tower.at("2027-01-02 10:00")) == [NUMBER]


def test_the_offer_stands_in_a_case_that_was_handed_over_before_its_end(tower: Tower) -> None:
    tower.begin_work()
    tower.at("2026-11-21 00:00:05").sweep()
    assert consented(tower.at("2026-11-21 08:00")) == [NUMBER]

    tower.at("2026-11-23 10:00").answer()
    tower.hear("case.closed.v1", how="accepted", cycle=1)

    assert offers(tower) == [BY_S]


def test_a_limit_that_was_kept_and_an_end_take_one_offer_back_once(tower: Tower) -> None:
    """H has passed too, and stops with S."""
    tower.begin_work()
    tower.at("2027-01-02 00:00:05").sweep()

    late(tower, f"{S_ENDS} 15:00", "case.closed.v1", how="accepted", cycle=1)

    assert offers(tower) == [BY_S, BACK]
