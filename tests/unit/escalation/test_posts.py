"""Who is reached at a post, whoever is or is not there."""

from __future__ import annotations

from datetime import date
from itertools import combinations, product

import pytest

from services.escalation.domain import Addressee, Desk
from services.escalation.rules.posts import (
    ABOVE,
    COMPLAINED_ABOUT,
    HEADS,
    LATE_ITSELF,
    NOT_HELD,
    SUPERIORS,
    Desks,
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


COORDINATORS, ARBITERS, SUPERVISORS = Desk.COORDINATOR, Desk.ARBITER, Desk.SUPERVISOR


@pytest.mark.parametrize(
    ("meant", "decider", "to"),
    [
        (HOLDER, COORDINATORS, HOLDER),
        (HOLDER, ARBITERS, SEKDA),  # who is the arbiter
        (HOLDER, SUPERVISORS, INSPECTORATE),
        (HEAD, COORDINATORS, COORDINATOR),
        (HEAD, ARBITERS, SEKDA),
        (HEAD, SUPERVISORS, INSPECTORATE),
        (COORDINATOR, ARBITERS, COORDINATOR),  # whoever is named is meant
        (SEKDA, SUPERVISORS, SEKDA),
    ],
)
def test_while_no_agency_has_a_case_its_holder_is_the_desk_that_decides(
    meant: Addressee, decider: Desk, to: Addressee
) -> None:
    assert reach([], meant, None, TODAY, desks=Desks(decider)) == Reached(to)
    with_an_agency = reach([], meant, "dlh", TODAY, desks=Desks(decider))
    assert with_an_agency == Reached(meant)


@pytest.mark.parametrize(
    ("complained_about", "decider", "meant", "agency", "to", "because"),
    [
        ({COORDINATORS}, ARBITERS, HOLDER, None, SEKDA, None),
        ({COORDINATORS}, ARBITERS, COORDINATOR, None, SEKDA, COMPLAINED_ABOUT),
        ({COORDINATORS}, COORDINATORS, HOLDER, None, SEKDA, COMPLAINED_ABOUT),
        ({COORDINATORS}, ARBITERS, HOLDER, "dlh", HOLDER, None),
        ({COORDINATORS}, ARBITERS, HEAD, "dlh", HEAD, None),
        ({ARBITERS}, COORDINATORS, HOLDER, None, HOLDER, None),
        ({ARBITERS}, COORDINATORS, SEKDA, "dlh", BUPATI, COMPLAINED_ABOUT),
        ({SUPERVISORS}, COORDINATORS, INSPECTORATE, "dlh", BUPATI, COMPLAINED_ABOUT),
        ({COORDINATORS, ARBITERS}, SUPERVISORS, HOLDER, None, INSPECTORATE, None),
        ({COORDINATORS, ARBITERS}, SUPERVISORS, COORDINATOR, None, BUPATI, COMPLAINED_ABOUT),
    ],
)
def test_a_desk_that_the_case_complains_about_is_passed_by(
    complained_about: set[Desk],
    decider: Desk,
    meant: Addressee,
    agency: str | None,
    to: Addressee,
    because: str | None,
) -> None:
    desks = Desks(decider, frozenset(complained_about))

    assert reach([], meant, agency, TODAY, desks=desks) == Reached(to, because)


def test_an_empty_post_above_does_not_bring_it_back_to_who_is_complained_about() -> None:
    desks = Desks(ARBITERS, frozenset({COORDINATORS}))
    nobody = [decreed(SEKDA, "vacant"), decreed(BUPATI, "absent")]
    acting = [decreed(SEKDA, "deputised"), decreed(BUPATI, "absent")]

    assert reach(nobody, COORDINATOR, None, TODAY, NOT_HELD, desks).to is BUPATI
    assert reach(acting, COORDINATOR, None, TODAY, NOT_HELD, desks).to is SEKDA


def test_however_posts_stand_nobody_is_reached_who_is_complained_about() -> None:
    posts = [(HOLDER, None), (COORDINATOR, None), (SEKDA, None), (INSPECTORATE, None),
             (BUPATI, None)]  # fmt: skip
    several = [frozenset(some) for n in range(1, 4) for some in combinations(Desk, n)]
    for ways in product(Standing, repeat=len(posts)):
        rows = [decreed(post, how, where) for (post, where), how in zip(posts, ways, strict=True)]
        for accused, decider, meant in product(several, Desk, Addressee):
            reached = reach(rows, meant, None, TODAY, NOT_HELD, Desks(decider, accused)).to
            assert reached not in {HEADS[desk] for desk in accused}
            assert reached is not HOLDER or COORDINATORS not in accused


def test_no_desk_is_the_uppermost_post() -> None:
    """Above whoever is complained about somebody is left to be told."""
    assert set(HEADS) == set(Desk)
    assert set(HEADS.values()) <= set(ABOVE)


SEATS = {"diskominfo": COORDINATORS, "setda": ARBITERS, "inspektorat": SUPERVISORS}


@pytest.mark.parametrize(
    ("meant", "agency", "decider", "to", "because"),
    [
        (HEAD, "inspektorat", COORDINATORS, HEAD, None),  # its own head hears of it first
        (INSPECTORATE, "inspektorat", COORDINATORS, SEKDA, LATE_ITSELF),
        (INSPECTORATE, None, SUPERVISORS, SEKDA, LATE_ITSELF),
        (INSPECTORATE, "dlh", SUPERVISORS, INSPECTORATE, None),
        (SEKDA, "inspektorat", COORDINATORS, SEKDA, None),
        (SEKDA, "setda", COORDINATORS, BUPATI, LATE_ITSELF),
        (SEKDA, None, ARBITERS, BUPATI, LATE_ITSELF),
        (HEAD, None, ARBITERS, SEKDA, None),
        (SEKDA, "dlh", ARBITERS, SEKDA, None),
        (INSPECTORATE, "setda", COORDINATORS, INSPECTORATE, None),
        (COORDINATOR, None, COORDINATORS, COORDINATOR, None),
        (SEKDA, "diskominfo", COORDINATORS, SEKDA, None),
        (BUPATI, "setda", ARBITERS, BUPATI, None),
    ],
)
def test_who_is_late_does_not_hear_of_it_as_who_stands_above(
    meant: Addressee, agency: str | None, decider: Desk, to: Addressee, because: str | None
) -> None:
    desks = Desks(decider, seats=SEATS)

    reached = reach([], meant, agency, TODAY, NOT_HELD, desks, desks.head(agency))

    assert reached == Reached(to, because)


@pytest.mark.parametrize("how", ["absent", "vacant", "deputised"])
def test_what_goes_past_who_is_late_goes_on_as_far_as_it_must(how: str) -> None:
    desks = Desks(seats=SEATS)
    posts = [decreed(SEKDA, how)]

    reached = reach(posts, INSPECTORATE, "inspektorat", TODAY, NOT_HELD, desks, INSPECTORATE)

    assert reached == Reached(BUPATI, LATE_ITSELF)


def test_that_the_case_complains_about_who_is_late_is_said_first() -> None:
    desks = Desks(COORDINATORS, frozenset({SUPERVISORS, ARBITERS}), SEATS)

    reached = reach([], INSPECTORATE, "inspektorat", TODAY, NOT_HELD, desks, INSPECTORATE)

    assert reached == Reached(BUPATI, COMPLAINED_ABOUT)


def test_whoever_is_named_and_heads_a_desk_has_somebody_above() -> None:
    assert set(SUPERIORS) == set(HEADS.values()) - {COORDINATOR}
    assert {SUPERIORS.get(above) for above in SUPERIORS.values()} <= {BUPATI, None}
