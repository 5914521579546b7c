"""Every answer after every other, the forbidden half too; and what must be said with each.

The expectations are written out here by hand from the rules, not read from the module.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

import contracts
from chassis.errors import Invalid, NotAllowed
from services.escalation.ombudsman.answers import (
    ASKS,
    FOLLOWS,
    MEANS,
    Answer,
    Declined,
    Part,
    Said,
    Standing,
    check,
)
from services.escalation.watch.clockwork import CLOCKWORK
from services.routing import life

NOW = datetime(2027, 1, 5, 8, tzinfo=UTC)
HANDED_OVER = NOW - timedelta(days=400)

# A row per last answer, a column per next one: + may follow.
ALLOWED = """
                   rec dec exa med cor rem clo
none               +   +   .   .   .   .   .
received           .   +   +   .   .   .   +
declined           +   .   .   .   .   .   .
under_examination  .   +   .   +   +   .   +
mediation          .   .   +   .   +   .   +
corrective_action  .   .   .   .   .   +   +
recommendation     .   .   .   .   .   .   +
closed             .   .   .   .   .   .   .
"""
ROWS = {name: signs for name, *signs in map(str.split, ALLOWED.strip().splitlines()[1:])}
LAST: tuple[Answer | None, ...] = (None, *Answer)


def after(last: Answer | None, decided_at: datetime | None = None) -> Standing:
    """A file whose last answer is that one."""
    return Standing(HANDED_OVER, last, decided_at or (last and HANDED_OVER))


def whole(answer: Answer, **other: object) -> Said:
    """An answer with which everything is said."""
    said = {
        "reason": Declined.INCOMPLETE if answer is Answer.DECLINED else None,
        "reference": "0123/LM/I/2027/BJM",
        "words": "Jembatan diperbaiki dalam 30 hari.",
        "at": NOW - timedelta(days=1),
    }
    return Said(answer, **said | other)  # type: ignore[arg-type]


@pytest.mark.parametrize(("last", "answer"), [*product(LAST, Answer)])
def test_only_the_table_says_what_may_follow(last: Answer | None, answer: Answer) -> None:
    allowed = ROWS[last or "none"][list(Answer).index(answer)] == "+"

    if allowed:
        check(whole(answer), after(last), NOW)
    else:
        with pytest.raises(NotAllowed, match=f"{answer} cannot follow"):
            check(whole(answer), after(last), NOW)


def test_every_answer_stands_in_the_table_and_can_be_reached() -> None:
    assert set(FOLLOWS) == set(LAST)
    assert set().union(*FOLLOWS.values()) == set(Answer)


def test_from_everywhere_there_is_a_way_to_the_end() -> None:
    reached, more = {Answer.CLOSED}, True
    while more:
        found = {last for last in LAST if last and FOLLOWS[last] & reached} - reached
        reached, more = reached | found, bool(found)

    assert reached == set(Answer)


NEEDED = {
    "received": {"reference"},
    "declined": {"reason", "words"},
    "under_examination": {"reference"},
    "mediation": {"reference"},
    "corrective_action": {"reference", "words"},
    "recommendation": {"reference", "words"},
    "closed": {"reference"},
}
BEFORE = {answer: next(last for last in LAST if answer in FOLLOWS[last]) for answer in Answer}


@pytest.mark.parametrize(("answer", "part"), [*product(Answer, Part)], ids="-".join)
def test_what_must_be_said_is_asked_for_by_name(answer: Answer, part: Part) -> None:
    silent = whole(answer, **{part: None})

    if part in NEEDED[answer]:
        with pytest.raises(Invalid) as refusal:
            check(silent, after(BEFORE[answer]), NOW)
        assert [(e["field"], e["rule"]) for e in refusal.value.errors] == [(part, "required")]
    else:
        check(silent, after(BEFORE[answer]), NOW)


@pytest.mark.parametrize("answer", [a for a in Answer if a is not Answer.DECLINED])
def test_only_who_declines_gives_a_reason(answer: Answer) -> None:
    with pytest.raises(Invalid) as refusal:
        check(whole(answer, reason=Declined.OTHER), after(BEFORE[answer]), NOW)

    assert refusal.value.errors[0]["field"] == "reason"


@pytest.mark.parametrize(
    ("at", "rule"),
    [
        (NOW + timedelta(minutes=5, seconds=1), "not_future"),
        (datetime.max.replace(tzinfo=UTC), "not_future"),
        (datetime.min.replace(tzinfo=UTC), "after_hand_over"),
        (datetime(2001, 1, 1, tzinfo=UTC), "after_hand_over"),
        (HANDED_OVER - timedelta(minutes=5, seconds=1), "after_hand_over"),
        (HANDED_OVER - timedelta(minutes=5), None),  # the Ombudsman's clock may be behind
        (NOW + timedelta(minutes=5), None),
    ],
)
def test_a_decision_lies_between_the_hand_over_and_now(at: datetime, rule: str | None) -> None:
    said = whole(Answer.RECEIVED, at=at)

    if rule is None:
        check(said, after(None), NOW)
        return
    with pytest.raises(Invalid) as refusal:
        check(said, after(None), NOW)
    assert (refusal.value.errors[0]["field"], refusal.value.errors[0]["rule"]) == ("at", rule)


@pytest.mark.parametrize(("seconds", "taken"), [(-301, False), (-300, True), (0, True)])
def test_nothing_is_decided_before_what_it_follows(seconds: int, taken: bool) -> None:
    received_at = NOW - timedelta(days=3)
    said = whole(Answer.UNDER_EXAMINATION, at=received_at + timedelta(seconds=seconds))

    if taken:
        check(said, after(Answer.RECEIVED, received_at), NOW)
        return
    with pytest.raises(Invalid) as refusal:
        check(said, after(Answer.RECEIVED, received_at), NOW)
    error = refusal.value.errors[0]
    assert (error["field"], error["rule"]) == ("at", "after_last_answer")


def test_what_is_decided_now_is_taken_though_the_hand_over_lies_ahead_by_this_clock() -> None:
    ahead = Standing(NOW + timedelta(hours=1))

    check(whole(Answer.RECEIVED, at=NOW), ahead, NOW)
    with pytest.raises(Invalid):
        check(whole(Answer.RECEIVED, at=NOW - timedelta(hours=1)), ahead, NOW)


def test_what_starts_a_clock_and_what_stops_it() -> None:
    moved = {
        answer: {str(clock): str(move) for clock, move in CLOCKWORK[what].items()}
        for answer, what in MEANS.items()
    }

    assert moved == {
        "corrective_action": {"C": "start"},
        "recommendation": {"C": "stop", "O": "start"},
        "closed": {"C": "stop", "O": "stop"},
    }


def test_routing_is_told_the_words_that_it_shows_and_no_others() -> None:
    assert {answer.value for answer in ASKS} == {answer.value for answer in life.ASKS}
    asking = contracts.schema("escalation.words_written.v1")["properties"]["answer"]["enum"]
    remarks = contracts.schema("escalation.remark_written.v1")["properties"]["answer"]["enum"]
    assert set(asking) == set(ASKS)
    assert set(remarks) == set(Answer) - ASKS
