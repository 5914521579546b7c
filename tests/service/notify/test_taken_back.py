"""What is said not to be so is told to nobody who has not heard it, also while a try is under way;
and who may have heard it is told that it was not so."""

from __future__ import annotations

from typing import Any

import pytest

from services.notify.outgoing import LEASE
from tests.service.notify.desk import CONTACT, RAISED, SEKDA, Desk, furnish, known
from tests.service.notify.test_posts import KEPT, OFFERED, TAKEN_BACK

pytestmark = pytest.mark.fault

LIMIT = {"clock": "S", "cycle": 1, "due_at": "2026-12-07T15:59:59Z", "ends_on": "2026-12-07"}
PASSED = ("deadline.passed.v1", LIMIT)
ESCALATED = ("escalation.raised.v1", RAISED | LIMIT | {"at": "2026-12-07T16:00:03Z"})
WAS_KEPT = ("deadline.kept.v1", LIMIT | {"at": "2026-12-07T16:05:00Z"})
OFFER = ("escalation.offered.v1", OFFERED)
MOVED = (
    "deadline.recomputed.v1",
    {"clock": "S", "cycle": 1, "reason": "limit", "before": LIMIT["due_at"],
     "after": "2026-12-10T15:59:59Z", "ends_on": "2026-12-10", "at": "2026-12-07T18:00:00Z"},
)  # fmt: skip
LATER, REFUSED = "rcpt 451 4.3.0 later", "rcpt 550 5.1.1 no"

News = tuple[str, dict[str, Any]]


def hear(desk: Desk, *news: News) -> None:
    for type, data in news:
        desk.hear(type, **data)


def while_sending(desk: Desk, *news: News, reply: str) -> None:
    """All that is due is being sent when the news comes; then the server replies to each."""
    claims = desk.outgoing.claim(100)
    hear(desk, *news)
    desk.postbox.script.extend([reply] * len(claims) if reply else [])
    for claim in claims:
        desk.outgoing.send(claim)


def in_the_end(desk: Desk) -> dict[str, str]:
    """How each news that was known of last ended, after all tries."""
    for _ in range(4):
        desk.later(minutes=6)
        desk.send()
    return {about: state for about, state, _ in desk.states() if about != "received"}


@pytest.fixture
def told(desk: Desk) -> Desk:
    """A reporter and a post that can be written to."""
    known(desk)
    furnish(desk)
    return desk


@pytest.mark.parametrize(
    ("said", "back"),
    [
        (OFFER, ("escalation.offer_taken_back.v1", TAKEN_BACK)),
        (OFFER, ("escalation.handed_over.v1", {})),  # they consented already
        (PASSED, WAS_KEPT),
        (PASSED, MOVED),
        (ESCALATED, WAS_KEPT),  # to the post, too
        (ESCALATED, MOVED),
    ],
    ids=["offer-back", "offer-consented", "passed-kept", "passed-moved", "raised-kept",
         "raised-moved"],
)  # fmt: skip
def test_what_is_taken_back_while_it_is_tried_is_not_tried_again(
    told: Desk, said: News, back: News
) -> None:
    hear(told, said)
    abouts = {about for about, state, _ in told.states() if state == "due"}
    while_sending(told, back, reply=LATER)

    ended = in_the_end(told)

    assert {about: ended[about] for about in abouts} == dict.fromkeys(abouts, "overtaken")
    assert SEKDA not in {to for [to] in told.postbox.recipients}
    assert ended.get("deadline_kept") in (None, "overtaken")  # nobody had heard of it


@pytest.mark.parametrize("reply", ["", "drop"], ids=["taken", "unanswered"])
def test_what_may_have_arrived_counts_as_told_and_is_said_not_to_be_so(
    told: Desk, reply: str
) -> None:
    hear(told, PASSED)
    while_sending(told, WAS_KEPT, reply=reply)

    assert in_the_end(told) == {"deadline_passed": "delivered", "deadline_kept": "delivered"}


@pytest.mark.parametrize("back", ["escalation.offer_taken_back.v1", "escalation.handed_over.v1"])
def test_an_offer_that_was_taken_back_is_not_tried_again_whoever_may_have_it(
    told: Desk, back: str
) -> None:
    """Nothing would say that it is untrue."""
    hear(told, OFFER)
    data = TAKEN_BACK if "taken_back" in back else {}
    while_sending(told, (back, data), reply="drop")

    assert in_the_end(told)["escalation_offered"] == "overtaken"


def test_so_does_what_a_process_had_in_hand_that_died(told: Desk) -> None:
    hear(told, PASSED)
    told.outgoing.claim(100)
    hear(told, WAS_KEPT)
    told.later(seconds=LEASE.total_seconds() + 1)

    assert in_the_end(told) == {"deadline_passed": "delivered", "deadline_kept": "delivered"}


def test_a_refusal_ends_it_as_ever(told: Desk) -> None:
    hear(told, PASSED)
    while_sending(told, WAS_KEPT, reply=REFUSED)

    assert ("deadline_passed", "failed", "rejected") in told.states()


def test_what_was_fetched_and_given_back_is_not_sent_if_it_was_taken_back_meanwhile(
    told: Desk,
) -> None:
    hear(told, OFFER)
    assert told.outgoing.fetch(8) == 1
    hear(told, ("escalation.offer_taken_back.v1", TAKEN_BACK))
    told.outgoing.give_back()

    assert in_the_end(told) == {"escalation_offered": "overtaken"}
    assert told.postbox.mails == []


def test_who_slept_and_has_consented_is_not_offered_it_in_the_morning(at_night: Desk) -> None:
    hear(at_night, OFFER, ("escalation.handed_over.v1", {}))

    assert at_night.send() == 1  # what their consent brought about waits for nothing
    assert ("escalation_offered", "overtaken", None) in at_night.states()


def test_who_heard_of_the_escalation_hears_that_the_limit_was_kept(told: Desk) -> None:
    hear(told, ESCALATED)  # the other stream is first
    told.later(seconds=10)  # until nothing is heard of its passing
    told.send()
    hear(told, PASSED)
    told.postbox.script.append(LATER)
    told.send()

    hear(told, WAS_KEPT)

    ended = in_the_end(told)
    assert (ended["escalation_raised"], ended["deadline_passed"]) == ("delivered", "overtaken")
    assert ended["deadline_kept"] == "delivered"
    assert told.postbox.recipients.count([CONTACT["email"]]) == 2


def test_who_may_hear_of_the_escalation_just_now_hears_it_too(told: Desk) -> None:
    hear(told, ESCALATED)
    told.later(seconds=10)
    claims = told.outgoing.claim(100)
    hear(told, PASSED, WAS_KEPT)
    for claim in claims:
        told.outgoing.send(claim)

    ended = in_the_end(told)
    assert (ended["escalation_raised"], ended["deadline_passed"]) == ("delivered", "overtaken")
    assert ended["deadline_kept"] == "delivered"


def test_who_was_told_that_it_was_kept_is_not_told_again_of_what_they_never_heard(
    told: Desk,
) -> None:
    hear(told, PASSED)
    told.send()
    hear(told, WAS_KEPT)
    told.send()
    hear(told, (PASSED[0], PASSED[1] | {"at": "2026-12-07T16:06:00Z"}))
    hear(told, (KEPT[0], LIMIT | {"at": "2026-12-07T16:07:00Z"}))

    in_the_end(told)

    states = [(about, state) for about, state, _ in told.states()][1:]
    assert states[:2] == [("deadline_passed", "delivered"), ("deadline_kept", "delivered")]
    assert states[2:] == [("deadline_passed", "overtaken"), ("deadline_kept", "overtaken")]


def test_of_two_limits_that_were_kept_who_heard_of_the_first_only_hears_of_that(
    told: Desk,
) -> None:
    """Until then the first one's correction ended with the second's."""
    hear(told, PASSED)
    told.send()
    hear(told, WAS_KEPT, (PASSED[0], PASSED[1] | {"at": "2026-12-07T16:06:00Z"}))
    hear(told, (KEPT[0], LIMIT | {"at": "2026-12-07T16:07:00Z"}))

    assert "delivered" in {state for about, state, _ in told.states() if about == "deadline_passed"}
    assert in_the_end(told)["deadline_kept"] == "delivered"
