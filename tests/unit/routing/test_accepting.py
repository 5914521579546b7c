"""What one reporter says of an answer, and what another reporter's no leaves of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chassis.errors import NotAllowed
from services.routing import accepting, accusing, domain
from services.routing.life import Action, Closing, Outcome, Status
from tests.unit.routing.acts import COORDINATOR, LIAISON, NOW, RULES, TEXT, case

ANSWERED = case(Status.ANSWERED, outcome=Outcome.FULFILLED, received_at=NOW)
CONTENT = accepting.rate(accepting.accept(ANSWERED, NOW, RULES), 5)
GOES_ON = accepting.go_along(domain.disagree(ANSWERED, NOW, RULES)[1], CONTENT)


def word(of: domain.Case) -> tuple[Status, Closing | None, int | None]:
    return of.status, of.closed_how, of.stars


def test_what_a_no_means_goes_by_how_it_stands_for_who_says_it() -> None:
    """The case that is handled may be closed for its own reporter, and answered for another."""
    closed_here = {"status": Status.CLOSED, "closed_how": Closing.ACCEPTED}
    for own, meant, objections in (
        (Status.ANSWERED, Action.OBJECT, 1),
        (Status.CLOSED, Action.REOPEN, 0),
    ):
        stands = replace(ANSWERED, **closed_here | {"status": own})
        action, after = domain.disagree(stands, NOW, RULES)
        assert (action, after.objections) == (meant, objections)


def test_a_word_stays_and_a_silence_does_not() -> None:
    assert word(GOES_ON) == (Status.IN_PROGRESS, Closing.ACCEPTED, 5)
    silent = domain.auto_close(replace(ANSWERED, stars=2), NOW, RULES, cycle=1)
    _, after = domain.disagree(ANSWERED, NOW, RULES)
    assert word(accepting.go_along(after, silent)) == (Status.IN_PROGRESS, None, None)


def test_only_who_was_content_is_not_asked_of_the_next_answer() -> None:
    for before, rests in ((GOES_ON, True), (domain.disagree(ANSWERED, NOW, RULES)[1], False)):
        again = domain.answer(before, LIAISON, RULES, outcome=Outcome.EXPLAINED, text=TEXT)
        assert accepting.rests(again) is rests
        assert not accepting.rests(before)
    assert not accepting.rests(CONTENT)


def test_what_was_overtaken_counts_for_a_case_that_is_handled_and_closes_one_that_follows() -> None:
    _, after = domain.disagree(ANSWERED, NOW, RULES)
    for verb in (accepting.accept, accepting.rate):
        with pytest.raises(NotAllowed):
            verb(after, *((NOW, RULES) if verb is accepting.accept else (5,)))

    rated = accepting.rate(after, 5, overtaken=True)
    assert word(accepting.accept(rated, NOW, RULES, overtaken=True)) == word(GOES_ON)
    follower = replace(rated, merged_into="KTB-11111-11111")
    left = accepting.accept(follower, NOW, RULES, overtaken=True)
    assert word(left) == (Status.CLOSED, Closing.ACCEPTED, 5)
    assert (left.merged_into, left.ended_at) == (None, NOW)


def test_who_follows_has_no_word_but_their_own() -> None:
    silent, content = case(Status.IN_PROGRESS), replace(GOES_ON, number="KTB-22222-22222")
    assert word(domain.follow(silent, GOES_ON)) == (Status.IN_PROGRESS, None, None)
    assert word(domain.follow(content, silent, 1)) == (Status.IN_PROGRESS, Closing.ACCEPTED, 5)


def test_who_was_content_stays_so_when_their_case_is_merged_or_handed_up() -> None:
    into = case(Status.IN_PROGRESS, number="KTB-11111-11111")
    merged, parent = domain.merge(CONTENT, COORDINATOR, into, RULES)
    assert word(merged) == (Status.IN_PROGRESS, Closing.ACCEPTED, 5)
    assert word(parent) == (Status.IN_PROGRESS, None, None)

    up = accusing.name_accused(GOES_ON, COORDINATOR, RULES, units=["dpupr"])
    assert word(up) == (Status.UNVERIFIED, Closing.ACCEPTED, 5)
