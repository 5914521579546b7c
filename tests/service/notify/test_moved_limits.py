"""What waits to tell that a limit passed is not told once other rules move it ahead; nor is a
reminder whose date is not so any more."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from tests.service.notify.desk import CONTACT, RAISED, Desk, furnish, known

ENDED = {"clock": "S", "cycle": 1, "due_at": "2026-12-07T15:59:59Z", "ends_on": "2026-12-07"}
PASSED = ("deadline.passed.v1", ENDED | {"at": "2026-12-07T16:00:03Z"})
ESCALATED = ("escalation.raised.v1", RAISED | ENDED | {"at": "2026-12-07T16:00:03Z"})
MOVED_AT = "2026-12-07T18:00:00Z"
REMINDER = {"due_at": ENDED["due_at"], "ends_on": ENDED["ends_on"], "cycle": 1}
OF_PASSING = ("deadline_passed", "escalation_raised", "post_raised")


def moved(day: str | None, reason: str = "limit", **which: Any) -> tuple[str, dict[str, Any]]:
    """The end lies on another day now, or nowhere while the clock stands."""
    after = day and f"{day}T15:59:59Z"
    told = {"before": ENDED["due_at"], "after": after, "ends_on": day, "reason": reason}
    clock = {"clock": "S", "cycle": 1, "at": MOVED_AT}
    return "deadline.recomputed.v1", clock | told | which


def states(desk: Desk) -> dict[str, str]:
    """Of what tells that a limit passed."""
    return {about: state for about, state, _ in desk.states() if about in OF_PASSING}


def hear(desk: Desk, *news: tuple[str, dict[str, Any]]) -> None:
    for type, data in news:
        desk.hear(type, **data)


@pytest.mark.parametrize("reason", ["limit", "calendar"])
def test_who_slept_hears_of_a_limit_that_was_moved_ahead_only_where_it_is_now(
    at_night: Desk, reason: str
) -> None:
    hear(at_night, PASSED, ESCALATED, moved("2026-12-10", reason))

    assert states(at_night) == dict.fromkeys(OF_PASSING, "overtaken")
    at_night.later(hours=7)
    at_night.send()
    assert at_night.postbox.recipients == [[CONTACT["email"]]]
    assert "Batas waktunya sekarang 10 Desember 2026." in at_night.postbox.mails[0].get_content()


@pytest.mark.parametrize(
    ("reason", "because"),
    [
        ("promise", "daripada yang tertulis di tanda terima Anda"),
        ("limit", "karena perubahan ketentuan"),
        ("calendar", "karena penyesuaian hari kerja"),
    ],
)
def test_a_mail_says_what_moved_the_limit(at_night: Desk, reason: str, because: str) -> None:
    hear(at_night, moved("2026-12-10", reason))
    at_night.later(hours=7)
    at_night.send()

    [mail] = at_night.postbox.mails
    assert because in mail.get_content()
    assert "Batas waktunya sekarang 10 Desember 2026." in mail.get_content()


@pytest.mark.parametrize("why", [moved(None, "calendar"), moved("2027-02-01", "reclassified")])
def test_who_slept_hears_nothing_of_a_limit_that_stands_or_has_another_class(
    at_night: Desk, why: tuple[str, dict[str, Any]]
) -> None:
    """There is no end to tell, or the new class is told by itself."""
    hear(at_night, PASSED, ESCALATED, why)

    assert states(at_night) == dict.fromkeys(OF_PASSING, "overtaken")
    at_night.later(hours=7)
    assert at_night.send() == 0


@pytest.mark.parametrize(
    "other",
    [
        moved("2026-12-06"),  # it has passed all the same
        moved("2026-12-10", cycle=2),
        moved("2026-12-10", clock="F"),
    ],
)
def test_what_passed_all_the_same_is_told(
    at_night: Desk, other: tuple[str, dict[str, Any]]
) -> None:
    hear(at_night, PASSED, other, ESCALATED)

    assert states(at_night) == dict.fromkeys(OF_PASSING, "due")


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_in_whatever_order_it_is_heard(at_night: Desk, order: tuple[int, ...]) -> None:
    news = (PASSED, ESCALATED, moved("2026-12-10"))
    bodies = [at_night.stream.body(type, **data) for type, data in news]

    for place in order:
        at_night.receive(bodies[place])
    at_night.retry()

    assert set(states(at_night).values()) == {"overtaken"}


def test_a_limit_that_passes_where_it_was_moved_is_told(at_night: Desk) -> None:
    later = {
        "due_at": "2026-12-10T15:59:59Z",
        "ends_on": "2026-12-10",
        "at": "2026-12-10T16:00:03Z",
    }
    hear(at_night, PASSED, moved("2026-12-10"))

    hear(at_night, (ESCALATED[0], ESCALATED[1] | later), (PASSED[0], PASSED[1] | later))

    assert states(at_night) == dict.fromkeys(OF_PASSING, "due")


def test_who_had_heard_that_it_passed_hears_where_it_is_now(desk: Desk) -> None:
    known(desk)
    hear(desk, PASSED)
    desk.send()

    hear(desk, moved("2026-12-10"))
    desk.send()

    told = [said["about"] for said in desk.said("message.delivered")]
    assert told[-2:] == ["deadline_passed", "deadline_recomputed"]


def test_what_was_kept_once_is_still_told_when_a_later_passing_is_not(desk: Desk) -> None:
    """Who had heard that it passed is owed that, however the limit was moved since."""
    known(desk)
    hear(desk, PASSED)
    desk.send()
    hear(desk, ("deadline.kept.v1", ENDED | {"at": "2026-12-07T16:00:05Z"}))

    hear(desk, (PASSED[0], PASSED[1] | {"at": "2026-12-07T16:00:09Z"}), moved("2026-12-10"))
    desk.send()

    told = [said["about"] for said in desk.said("message.delivered")]
    assert told[-3:] == ["deadline_passed", "deadline_kept", "deadline_recomputed"]


def reminders(desk: Desk) -> list[str]:
    return [state for about, state, _ in desk.states() if about == "deadline_approaching"]


@pytest.mark.parametrize(
    ("clock", "why", "told"),
    [
        ("D", moved("2026-12-10", "calendar"), ["deadline_recomputed"]),
        ("R", moved("2026-12-04", "limit"), ["deadline_recomputed"]),
        ("D", moved("2026-12-09", "resumed"), []),
        ("R", moved(None, "paused"), []),
    ],
    ids=["later", "sooner", "resumed", "paused"],
)
def test_who_slept_is_not_reminded_of_a_date_that_is_not_so_any_more(
    at_night: Desk, clock: str, why: tuple[str, dict[str, Any]], told: list[str]
) -> None:
    hear(at_night, ("deadline.approaching.v1", REMINDER | {"clock": clock}))
    hear(at_night, (why[0], why[1] | {"clock": clock}))

    assert reminders(at_night) == ["overtaken"]
    at_night.later(hours=7)
    at_night.send()
    assert [said["about"] for said in at_night.said("message.delivered")][1:] == told

    later = {"due_at": "2026-12-10T15:59:59Z", "ends_on": "2026-12-10"}
    hear(at_night, ("deadline.approaching.v1", REMINDER | later | {"clock": clock}))
    assert reminders(at_night)[1:] == ["due"]


@pytest.mark.parametrize("other", [{"clock": "R"}, {"cycle": 2}], ids=str)
def test_a_reminder_stands_when_another_limit_is_moved(
    at_night: Desk, other: dict[str, Any]
) -> None:
    hear(at_night, ("deadline.approaching.v1", REMINDER | {"clock": "D"}))
    hear(at_night, moved("2026-12-10", **{"clock": "D"} | other))

    assert reminders(at_night) == ["due"]


AGENCY = "pupr@kotabaru.example"
HELD = {"clock": "S", "to": "holder", "agency": "dpupr"}
POSTS_REMINDER = ("deadline.approaching.v1", REMINDER | HELD)


@pytest.fixture(autouse=True)
def agency(desk: Desk) -> None:
    furnish(desk, "holder", "dpupr", AGENCY)


def posts_mails(desk: Desk) -> list[str]:
    """What the agency is told in the morning."""
    desk.later(hours=7)
    desk.send()
    letters = zip(desk.postbox.recipients, desk.postbox.mails, strict=True)
    return [mail.get_content() for recipients, mail in letters if recipients == [AGENCY]]


@pytest.mark.parametrize("reason", ["limit", "calendar", "reclassified", "resumed"])
def test_a_post_is_reminded_of_where_a_limit_is_in_the_morning(at_night: Desk, reason: str) -> None:
    hear(at_night, POSTS_REMINDER, moved("2026-12-09", reason), moved("2026-12-10", reason))

    [mail] = posts_mails(at_night)
    assert "berakhir pada 10 Desember 2026." in mail


def test_a_post_is_reminded_of_no_limit_that_stands_and_of_it_when_that_goes_on(
    at_night: Desk,
) -> None:
    """Its time to be reminded of may be over by then: there would be no other."""
    hear(at_night, POSTS_REMINDER, moved(None, "paused"))
    assert posts_mails(at_night) == []

    at_night.later(days=3)
    hear(at_night, moved("2026-12-10", "resumed"))

    [mail] = posts_mails(at_night)
    assert "berakhir pada 10 Desember 2026." in mail
    hear(at_night, moved("2026-12-11", "calendar"))
    assert len(posts_mails(at_night)) == 1  # it was told


@pytest.mark.parametrize("left", ["returned", "handed_up", "disposed", "reassigned", "archived"])
def test_an_agency_that_has_lost_the_case_is_not_reminded_when_its_limit_goes_on(
    at_night: Desk, left: str
) -> None:
    hear(at_night, POSTS_REMINDER, moved(None, "paused"))
    at_night.later(days=3)
    hear(at_night, (f"case.{left}.v1", {}), moved("2026-12-10", "resumed"))

    assert posts_mails(at_night) == []


@pytest.mark.parametrize("news", ["deadline.approaching", "escalation.raised"])
def test_what_waits_to_tell_the_accused_unit_of_a_limit_is_told_it_no_more(
    at_night: Desk, news: str
) -> None:
    furnish(at_night, "head_of_agency", "dpupr", AGENCY)
    said = POSTS_REMINDER[1] | {"agency": "dpupr"}
    raised = {"level": 1, "to": "head_of_agency"} if news == "escalation.raised" else {}
    hear(at_night, (f"{news}.v1", said | raised), ("case.handed_up.v1", {}))

    assert posts_mails(at_night) == []


def test_a_desk_is_reminded_though_the_limit_stands(at_night: Desk) -> None:
    """Who decides may have changed when it goes on, and is not heard of here."""
    furnish(at_night, "holder", None, AGENCY)
    hear(at_night, (POSTS_REMINDER[0], POSTS_REMINDER[1] | {"agency": None}))
    hear(at_night, moved(None, "paused"))

    [mail] = posts_mails(at_night)
    assert "berakhir pada 7 Desember 2026." in mail


@pytest.mark.parametrize("other", [{"clock": "F"}, {"cycle": 2}], ids=str)
def test_a_posts_reminder_stands_when_another_limit_is_moved(
    at_night: Desk, other: dict[str, Any]
) -> None:
    hear(at_night, POSTS_REMINDER, moved("2026-12-10", **other), moved(None, "paused", **other))

    [mail] = posts_mails(at_night)
    assert "berakhir pada 7 Desember 2026." in mail


@pytest.mark.parametrize(
    ("moves", "told"),
    [
        ([moved("2026-12-10")], ["10 Desember 2026"]),
        ([moved(None, "paused")], []),
        ([moved(None, "paused"), moved("2026-12-10", "resumed")], ["10 Desember 2026"]),
    ],
    ids=["moved", "paused", "resumed"],
)
def test_a_posts_reminder_that_is_being_sent_is_tried_again_with_the_day_that_is_so(
    desk: Desk, moves: list[tuple[str, dict[str, Any]]], told: list[str]
) -> None:
    known(desk)
    hear(desk, POSTS_REMINDER)
    [claim] = desk.outgoing.claim(100)
    hear(desk, *moves)
    desk.postbox.script.append("rcpt 451 later")
    desk.outgoing.send(claim)

    mails = posts_mails(desk)
    assert [day in mail for day, mail in zip(told, mails, strict=True)] == [True] * len(told)


@pytest.mark.parametrize("type", ["case.resumed.v1", "case.objected.v1"])
def test_who_has_done_it_at_night_is_not_reminded_of_it_in_the_morning(
    at_night: Desk, type: str
) -> None:
    clock = "D" if "resumed" in type else "R"
    hear(at_night, ("deadline.approaching.v1", REMINDER | {"clock": clock}), (type, {}))

    assert reminders(at_night) == ["overtaken"]


@pytest.mark.parametrize(
    ("done_at", "left"), [("2026-11-30T17:20:00Z", []), ("2026-11-30T16:50:00Z", ["due"])]
)
def test_nor_is_who_had_done_it_before_the_reminder_is_heard(
    at_night: Desk, done_at: str, left: list[str]
) -> None:
    """What was done comes by another stream; what was done before it was said is something else."""
    reminder = REMINDER | {"clock": "D", "at": "2026-11-30T17:00:00Z"}
    hear(at_night, ("case.resumed.v1", {"at": done_at}), ("deadline.approaching.v1", reminder))

    assert reminders(at_night) == left


def test_a_reminder_that_is_being_sent_is_not_tried_again(desk: Desk) -> None:
    """Whoever may have it: nothing says what its date is now."""
    known(desk)
    hear(desk, ("deadline.approaching.v1", REMINDER | {"clock": "D"}))
    [claim] = desk.outgoing.claim(100)
    hear(desk, (moved(None)[0], moved(None, "paused")[1] | {"clock": "D"}))
    desk.postbox.script.append("drop")
    desk.outgoing.send(claim)

    desk.later(minutes=6)
    assert desk.send() == 0
    assert reminders(desk) == ["overtaken"]
