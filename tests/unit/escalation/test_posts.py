"""Who is reached at a post, whoever is or is not there."""

from __future__ import annotations

from datetime import date
from itertools import product

import pytest

from services.escalation.domain import Addressee
from services.escalation.rules.posts import (
    ABOVE,
    NOT_HELD,
    Reached,
    Staffing,
    Standing,
    reach,
    standing,
)

TODAY = date(2026, 11, 10)
HOLDER, HEAD, COORDINATOR = (
    Addressee.HOLDER,
    Addressee.HEAD_OF_AGENCY,
    Addressee.HEAD_OF_COORDINATOR,
)
SEKDA, INSPECTORATE, BUPATI = Addressee.SEKDA, Addressee.INSPECTORATE, Addressee.BUPATI


def decreed(
    post: str,
    standing: str,
    agency: str | None = None,
    since: date = date(2026, 11, 1),
    until: date | None = None,
    id: int = 1,
) -> Staffing:
    return Staffing(id, post, agency, standing, since, until)


@pytest.mark.parametrize("post", Addressee)
def test_a_post_that_nothing_was_decreed_about_is_held(post: Addressee) -> None:
    assert standing([], post, "dlh", TODAY) is Standing.HELD


@pytest.mark.parametrize(
    ("meant", "agency", "to"),
    [
        (HOLDER, "dlh", HOLDER),
        (HOLDER, None, HOLDER),
        (HEAD, "dlh", HEAD),
        (HEAD, None, COORDINATOR),  # nobody has the case: the coordinator's head answers for it
        (COORDINATOR, None, COORDINATOR),
        (SEKDA, "dlh", SEKDA),
        (INSPECTORATE, "dlh", INSPECTORATE),
        (BUPATI, None, BUPATI),
    ],
)
def test_who_is_there_is_reached(meant: Addressee, agency: str | None, to: Addressee) -> None:
    assert reach([], meant, agency, TODAY) == Reached(to)


@pytest.mark.parametrize("how", ["absent", "vacant"])
@pytest.mark.parametrize(
    ("meant", "agency", "to"),
    [
        (HOLDER, "dlh", HEAD),
        (HOLDER, None, COORDINATOR),
        (HEAD, "dlh", SEKDA),
        (COORDINATOR, None, SEKDA),
        (SEKDA, None, BUPATI),
        (INSPECTORATE, "dlh", BUPATI),
        (BUPATI, None, BUPATI),  # nobody stands above
    ],
)
def test_an_empty_post_sends_it_one_up(
    how: str, meant: Addressee, agency: str | None, to: Addressee
) -> None:
    where = agency if meant in (HOLDER, HEAD) else None

    assert reach([decreed(meant, how, where)], meant, agency, TODAY) == Reached(to, Standing(how))


def test_it_goes_up_as_far_as_it_must() -> None:
    nobody = [decreed(HOLDER, "vacant", "dlh"), decreed(HEAD, "absent", "dlh"),
              decreed(SEKDA, "absent")]  # fmt: skip

    assert reach(nobody, HOLDER, "dlh", TODAY) == Reached(BUPATI, Standing.VACANT)


def test_who_acts_for_the_holder_is_reminded_at_the_post() -> None:
    acting = [decreed(HOLDER, "deputised", "dlh")]

    assert reach(acting, HOLDER, "dlh", TODAY) == Reached(HOLDER, Standing.DEPUTISED)


def test_what_passed_goes_above_a_deputy_as_far_as_it_must() -> None:
    acting = [decreed(HEAD, "deputised", "dlh")]
    assert reach(acting, HEAD, "dlh", TODAY, NOT_HELD) == Reached(SEKDA, Standing.DEPUTISED)

    acting.append(decreed(SEKDA, "deputised"))
    assert reach(acting, HEAD, "dlh", TODAY, NOT_HELD) == Reached(BUPATI, Standing.DEPUTISED)

    acting.append(decreed(BUPATI, "deputised"))
    assert reach(acting, HEAD, "dlh", TODAY, NOT_HELD) == Reached(BUPATI, Standing.DEPUTISED)


def test_a_deputy_is_reached_rather_than_nobody() -> None:
    nobody_above = [decreed(SEKDA, "deputised"), decreed(BUPATI, "absent")]

    assert reach(nobody_above, HEAD, "dlh", TODAY, NOT_HELD) == Reached(HEAD)
    assert reach(nobody_above, SEKDA, None, TODAY, NOT_HELD) == Reached(SEKDA, Standing.DEPUTISED)


def test_another_agencys_empty_post_changes_nothing() -> None:
    assert reach([decreed(HEAD, "vacant", "dishub")], HEAD, "dlh", TODAY) == Reached(HEAD)


@pytest.mark.parametrize(
    ("since", "until", "empty"),
    [
        (date(2026, 11, 10), None, True),
        (date(2026, 11, 11), None, False),
        (date(2026, 11, 1), date(2026, 11, 10), True),
        (date(2026, 11, 1), date(2026, 11, 9), False),
    ],
)
def test_a_decree_holds_on_its_days_both_ends_included(
    since: date, until: date | None, empty: bool
) -> None:
    found = standing([decreed(SEKDA, "absent", since=since, until=until)], SEKDA, None, TODAY)

    assert (found is Standing.ABSENT) is empty


def test_the_last_word_about_a_day_holds() -> None:
    words = [decreed(SEKDA, "absent", id=1), decreed(SEKDA, "held", id=2)]

    assert standing(words, SEKDA, None, TODAY) is Standing.HELD
    assert standing(list(reversed(words)), SEKDA, None, TODAY) is Standing.HELD


def test_however_posts_stand_somebody_is_reached_and_never_somebody_lower() -> None:
    order = [HOLDER, HEAD, COORDINATOR, INSPECTORATE, SEKDA, BUPATI]
    posts = [(HEAD, "dlh"), (COORDINATOR, None), (SEKDA, None), (INSPECTORATE, None),
             (BUPATI, None), (HOLDER, "dlh")]  # fmt: skip
    for ways in product(Standing, repeat=len(posts)):
        rows = [decreed(post, how, where) for (post, where), how in zip(posts, ways, strict=True)]
        for meant in Addressee:
            reached = reach(rows, meant, "dlh", TODAY)
            empty = standing(rows, reached.to, "dlh", TODAY) in (Standing.ABSENT, Standing.VACANT)
            assert order.index(reached.to) >= order.index(meant)
            assert not empty or reached.to not in ABOVE
