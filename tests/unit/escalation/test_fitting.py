"""Which limits hold for no case beside narrower ones, and which rungs are told out of order."""

from datetime import date

import pytest

from services.escalation.domain import Rule, Rung, limit_for
from services.escalation.rules.defaults import IN_FORCE, LADDER, LIMITS
from services.escalation.rules.fitting import (
    overridden,
    sorts,
    wrong_among_limits,
    wrong_among_rungs,
)
from services.escalation.watch.clockwork import Clock
from services.escalation.watch.workdays import Limit, Unit

ON = date(2026, 12, 1)
LATER = date(2027, 1, 1)


def rule(id: int, clock="S", kind=None, klass=None, since=ON) -> Rule:
    return Rule(id, clock, kind, klass, Limit(10, Unit.WORKING), since, "decree")


SEEDED = [
    rule(n, clock, kind, klass, IN_FORCE)
    for n, (clock, kind, klass, *_) in enumerate(LIMITS, start=1)
]


def wrong(*rules: Rule) -> list[tuple[str, str]]:
    return [(e["field"], e["rule"]) for e in wrong_among_limits([*SEEDED, *rules])]


def test_a_limit_for_all_that_would_hold_for_none_is_refused_and_names_what_stands_instead() -> (
    None
):
    [told] = wrong_among_limits([*SEEDED, rule(50)])

    assert (told["field"], told["rule"]) == ("kind", "overridden")
    assert told["message"] == (
        "It would hold for no case: narrower limits stand in its place, for"
        " supervisory complaint (limit 5); ordinary complaint (limit 4); aspiration (limit 6);"
        " information_request (limit 3)."
    )


@pytest.mark.parametrize(
    ("kind", "klass", "field"),
    [("complaint", None, "class"), (None, "ordinary", "kind"), (None, "supervisory", "kind")],
)
def test_so_is_one_for_a_kind_or_a_class_that_narrower_ones_name_whole(kind, klass, field) -> None:
    assert wrong(rule(50, "S", kind, klass)) == [(field, "overridden")]


@pytest.mark.parametrize(
    "rules",
    [
        [rule(50, "V")],  # in the place of the one for all
        [rule(50, "S", "complaint", "ordinary")],
        [rule(50, "S", "aspiration")],
        [rule(50, "F", "complaint"), rule(51, "F")],  # the other kinds are left
        [rule(50, "F", "complaint", "ordinary"), rule(51, "F", "complaint")],
        # two that fit as closely: the newer holds
        [rule(50, "F", "complaint"), rule(51, "F", None, "ordinary")],
        # a complaint is verified, and followed, before it has its class
        [rule(50, "V", "complaint", "ordinary"), rule(51, "V", "complaint", "supervisory"),
         rule(52, "V", "complaint")],
        # until what is narrower begins
        [rule(50, "F", "complaint", "ordinary", LATER),
         rule(51, "F", "complaint", "supervisory", LATER), rule(52, "F", "complaint")],
    ],
)  # fmt: skip
def test_one_that_holds_for_some_case_is_taken(rules) -> None:
    assert wrong(*rules) == []


def test_what_is_narrower_from_a_day_on_overrides_from_that_day() -> None:
    rules = [
        *SEEDED,
        rule(50, "F", "complaint", "ordinary", LATER),
        rule(51, "F", "complaint", "supervisory", LATER),
        rule(52, "F", "complaint"),
    ]

    assert overridden(rules, ON) == set()
    assert overridden(rules, LATER) == {52}
    assert overridden([*SEEDED, rule(50, since=LATER)], ON) == {50}  # on the day when it begins


@pytest.mark.parametrize("clock", Clock)
def test_every_sort_of_case_has_a_limit_from_the_beginning(clock) -> None:
    everything = rule(99, clock)

    assert all(limit_for(SEEDED, clock, *sort, ON) for sort in sorts(everything))


def rung(level: int, after: int, clock="V", klass=None, since=ON) -> Rung:
    return Rung(clock, klass, level, after, "sekda", since)


FIRST = [Rung(clock, klass, *rest, IN_FORCE) for clock, klass, *rest in LADDER]


def misplaced(*rungs: Rung) -> list[tuple[str, str]]:
    return [(e["field"], e["rule"]) for e in wrong_among_rungs([*FIRST, *rungs])]


OUT_OF_ORDER = [("after_days", "order")]


@pytest.mark.parametrize(
    "rungs",
    [
        [rung(1, 4)],  # after the second
        [rung(3, 2)],  # before the second
        [rung(2, 0), rung(1, 1)],
        [rung(2, 6, klass="ordinary")],
        [rung(1, 4, "S", "supervisory")],
        # what is decreed already for a later day stands beside it then
        [rung(2, 0, since=LATER), rung(1, 1)],
        [rung(3, 9, klass="ordinary"), rung(3, 6), rung(2, 7)],
    ],
)
def test_a_rung_that_would_be_told_before_a_lower_one_is_refused(rungs) -> None:
    assert misplaced(*rungs[:-1]) == []
    assert misplaced(*rungs) == OUT_OF_ORDER


def test_the_refusal_says_beside_which_rung() -> None:
    [told] = wrong_among_rungs([*FIRST, rung(1, 4)])

    assert told["message"] == (
        "Level 1 would be told after level 2 (by 3 working days, no class) from 2026-12-01 on:"
        " levels are told in their order."
    )


@pytest.mark.parametrize(
    "rungs",
    [
        [rung(2, 0)],  # at the same moment, the lower is told first
        [rung(3, 9), rung(2, 7), rung(1, 6)],
        [rung(2, 4, klass="ordinary"), rung(1, 3)],
        # what it does not stand beside: another's time, class, or what holds no more
        [rung(2, 1, since=date(2026, 6, 1)), rung(2, 3), rung(1, 2)],
        [rung(2, 1, "F", "ordinary"), rung(1, 1, "F")],
    ],
)
def test_a_rung_in_its_place_is_taken(rungs) -> None:
    assert misplaced(*rungs) == []


def test_what_stands_out_of_order_can_be_put_right_one_by_one() -> None:
    """Such rows were taken formerly."""
    formerly = [rung(2, 0), rung(1, 1), rung(3, 0)]

    assert misplaced(*formerly, rung(1, 0)) == []
    assert misplaced(*formerly, rung(2, 2)) == OUT_OF_ORDER
    assert misplaced(*formerly, rung(3, 5), rung(2, 2)) == []
