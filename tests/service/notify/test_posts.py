"""Who stands above a passed limit is written to at their post, and nobody is woken at night."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from prometheus_client import REGISTRY

from chassis.inbox import ANYBODY
from services.notify import posts
from services.notify.keyring import Keyring
from tests.service.notify.desk import CONTACT, NUMBER, RAISED, SEKDA, Desk, furnish, known

REMINDED = {"clock": "F", "to": "holder", "because": None, "agency": "dpupr"}


def failures() -> float:
    told = {"about": "post_raised", "outcome": "no_address"}
    return REGISTRY.get_sample_value("lapor_notify_messages_total", told) or 0.0


def test_an_escalation_is_told_to_the_post_and_to_the_reporter(desk: Desk) -> None:
    furnish(desk)
    known(desk)

    desk.hear("escalation.raised.v1", **RAISED)
    desk.later(seconds=10)  # until nothing is heard of its passing
    desk.send()

    assert sorted(to for [to] in desk.postbox.recipients) == sorted([SEKDA, CONTACT["email"]])
    mail = next(mail for mail in desk.postbox.mails if SEKDA in mail["To"])
    assert mail["Subject"] == "Eskalasi: batas waktu laporan telah terlewati"
    text = mail.get_content()
    assert NUMBER in text
    assert "dinaikkan kepada Sekretaris Daerah" in text
    assert "kode rahasia" not in text
    assert not [value for value in CONTACT.values() if len(value) > 2 and value in text]


def test_whoever_holds_the_case_is_reminded_at_the_desk(desk: Desk) -> None:
    furnish(desk, "holder", "dpupr", "penghubung.dpupr@kotabaru.example")
    furnish(desk, "holder", None, "koordinator@kotabaru.example")
    known(desk)

    desk.hear("deadline.approaching.v1", **REMINDED)
    desk.hear("deadline.approaching.v1", **REMINDED | {"clock": "V", "agency": None})
    desk.send()

    assert desk.postbox.recipients == [
        ["penghubung.dpupr@kotabaru.example"], ["koordinator@kotabaru.example"],
    ]  # fmt: skip


@pytest.mark.parametrize("decides", ["sekda", "inspectorate"])
def test_whoever_decides_in_the_coordinators_place_is_reminded(desk: Desk, decides: str) -> None:
    furnish(desk, "holder", None, "koordinator@kotabaru.example")
    furnish(desk, decides, None, "pemutus@kotabaru.example")
    known(desk)

    at_first = {"clock": "V", "agency": None, "to": decides}
    assert desk.hear("deadline.approaching.v1", **REMINDED | at_first) == "done"
    desk.send()

    assert desk.postbox.recipients == [["pemutus@kotabaru.example"]]


def test_others_hear_only_whether_the_reporter_was_told(desk: Desk) -> None:
    furnish(desk)
    known(desk)

    desk.hear("escalation.raised.v1", **RAISED)
    desk.later(seconds=10)  # until nothing is heard of its passing
    desk.send()

    assert [said["about"] for said in desk.said("message.")] == ["received", "escalation_raised"]


def test_a_post_without_an_address_is_counted_and_holds_up_nobody(desk: Desk) -> None:
    known(desk)
    before = failures()

    desk.hear("escalation.raised.v1", **RAISED)
    desk.later(seconds=10)  # until nothing is heard of its passing
    desk.send()

    assert failures() == before + 1
    assert desk.postbox.recipients == [[CONTACT["email"]]]
    assert ("post_raised", "failed", "no_address") in desk.states()
    assert desk.said("message.failed") == []


def test_a_reporter_who_cannot_be_reached_keeps_no_post_from_hearing(desk: Desk) -> None:
    furnish(desk)
    desk.hear("case.opened.v1", reachable=False)

    desk.hear("escalation.raised.v1", **RAISED)
    desk.send()

    assert desk.postbox.recipients == [[SEKDA]]


def test_the_same_event_again_writes_no_second_message(desk: Desk) -> None:
    furnish(desk)
    known(desk)
    body = desk.stream.body("escalation.raised.v1", **RAISED)

    for _ in range(3):
        desk.receive(body)
    desk.later(seconds=10)  # until nothing is heard of its passing
    desk.send()

    assert len(desk.postbox.mails) == 2


def test_a_limit_that_had_been_kept_is_told_to_nobody_who_slept(at_night: Desk) -> None:
    at_night.hear("deadline.passed.v1", clock="S", cycle=1)
    at_night.hear("escalation.raised.v1", **RAISED, cycle=1)
    at_night.hear("escalation.raised.v1", **RAISED | {"clock": "F"}, cycle=1)

    at_night.hear("deadline.kept.v1", clock="S", cycle=1)
    at_night.later(hours=7)
    at_night.send()

    told = {(about, state) for about, state, _ in at_night.states()}
    assert ("deadline_kept", "due") not in told
    assert {state for about, state in told if about == "deadline_passed"} == {"overtaken"}
    assert sorted(to for [to] in at_night.postbox.recipients) == sorted([SEKDA, CONTACT["email"]])
    assert all("tindak lanjut pertama" in m.get_content() for m in at_night.postbox.mails)


OFFERED = {"reason": "settlement_passed", "at": "2026-12-07T16:00:03.250Z"}
ANEW = {"reason": "handover_limit", "at": "2026-12-07T16:05:00Z"}
TAKEN_BACK = {"offered_at": OFFERED["at"], "at": ANEW["at"]}
KEPT = ("deadline.kept.v1", {"clock": "S", "cycle": 1})
MOVED = ("deadline.recomputed.v1", {"clock": "S", "cycle": 1, "reason": "limit"})


def offers(desk: Desk) -> list[str]:
    return [state for about, state, _ in desk.states() if about == "escalation_offered"]


@pytest.mark.parametrize("why", [KEPT, MOVED], ids=["kept", "moved"])
@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_who_slept_is_not_offered_the_ombudsman_by_a_limit_that_had_not_passed(
    at_night: Desk, why: tuple[str, dict[str, Any]], order: tuple[int, ...]
) -> None:
    bodies = [
        at_night.stream.body("escalation.offered.v1", **OFFERED),
        at_night.stream.body("escalation.offer_taken_back.v1", **TAKEN_BACK),
        at_night.stream.body(why[0], **why[1]),
    ]

    for place in order:
        at_night.receive(bodies[place])
    at_night.retry()

    assert offers(at_night) == ["overtaken"]


@pytest.mark.parametrize("together", [True, False])
def test_who_slept_is_offered_it_by_the_limit_that_gives_the_right(
    at_night: Desk, together: bool
) -> None:
    bodies = [
        at_night.stream.body("escalation.offered.v1", **OFFERED),
        at_night.stream.body("escalation.offer_taken_back.v1", **TAKEN_BACK),
        at_night.stream.body("escalation.offered.v1", **ANEW),
        at_night.stream.body(KEPT[0], **KEPT[1]),
    ]

    if together:
        at_night.notify.inbox.receive_all([(body, ANYBODY) for body in bodies])
    else:
        for body in reversed(bodies):
            at_night.receive(body)
        at_night.retry()

    assert offers(at_night) == ["overtaken", "due"]
    at_night.later(hours=7)
    at_night.send()
    assert at_night.said("message.delivered")[-1]["about"] == "escalation_offered"


@pytest.mark.parametrize("clock", ["S", "H"])
@pytest.mark.parametrize("first", ["offered", "kept"])
def test_that_one_limit_was_kept_takes_no_offer_back(
    at_night: Desk, clock: str, first: str
) -> None:
    """Another one may give the right: only who watches them all knows."""
    news = [("escalation.offered.v1", OFFERED), (KEPT[0], KEPT[1] | {"clock": clock})]
    for type, data in news if first == "offered" else reversed(news):
        at_night.hear(type, **data)

    assert offers(at_night) == ["due"]


def test_whatever_order_and_batch_the_news_of_a_kept_limit_comes_in(at_night: Desk) -> None:
    limit = {"clock": "S", "cycle": 1, "ends_on": "2026-12-07"}
    passed = at_night.stream.body("deadline.passed.v1", **limit)
    kept = at_night.stream.body("deadline.kept.v1", **limit)
    at_night.notify.inbox.receive_all([(passed, ANYBODY), (kept, ANYBODY)])
    at_night.hear("escalation.raised.v1", **RAISED | limit)
    at_night.hear("escalation.raised.v1", **RAISED | limit | {"ends_on": "2026-12-08"})

    at_night.later(hours=7)
    at_night.send()

    assert sorted(to for [to] in at_night.postbox.recipients) == sorted([SEKDA, CONTACT["email"]])
    assert all("8 Desember" in mail.get_content() for mail in at_night.postbox.mails)


def test_a_limit_that_passes_after_all_is_told_again(desk: Desk) -> None:
    furnish(desk)
    known(desk)
    limit = {"clock": "S", "cycle": 1, "ends_on": "2026-12-07"}
    desk.hear("deadline.passed.v1", **limit, at="2026-12-08T01:00:00Z")
    desk.hear("deadline.kept.v1", **limit, at="2026-12-08T01:00:00.5Z")
    desk.hear("deadline.passed.v1", **limit, at="2026-12-08T01:00:10Z")
    desk.hear("escalation.raised.v1", **RAISED | limit, at="2026-12-08T01:00:10Z")
    desk.send()

    told = [(about, state) for about, state, _ in desk.states()]
    assert told.count(("deadline_passed", "delivered")) == 1
    reached = [SEKDA, CONTACT["email"], CONTACT["email"]]
    assert sorted(to for [to] in desk.postbox.recipients) == sorted(reached)


@pytest.mark.parametrize(
    ("reply", "kept"), [("rcpt 451 later", "overtaken"), ("drop", "delivered")]
)
def test_only_who_cannot_have_heard_that_it_passed_is_told_nothing(
    desk: Desk, reply: str, kept: str
) -> None:
    known(desk)
    desk.postbox.script.append(reply)
    desk.hear("deadline.passed.v1", clock="S", cycle=1)
    desk.send()

    desk.hear("deadline.kept.v1", clock="S", cycle=1)
    for _ in range(2):  # the first one goes before the second
        desk.later(minutes=6)
        desk.send()

    assert ("deadline_kept", kept, None) in desk.states()


def test_who_had_heard_that_it_passed_hears_that_it_was_kept(desk: Desk) -> None:
    furnish(desk)
    known(desk)
    desk.hear("deadline.passed.v1", clock="S", cycle=1)
    desk.send()

    desk.hear("deadline.kept.v1", clock="S", cycle=1)
    desk.send()

    assert [said["about"] for said in desk.said("message.")][-2:] == [
        "deadline_passed", "deadline_kept",
    ]  # fmt: skip


def test_what_a_clock_brings_about_at_night_is_told_in_the_morning(at_night: Desk) -> None:
    at_night.hear("escalation.raised.v1", **RAISED)
    assert at_night.send() == 0
    at_night.later(hours=6, minutes=29)
    assert at_night.send() == 0

    at_night.later(minutes=2)

    assert at_night.send() == 2
    assert sorted(to for [to] in at_night.postbox.recipients) == sorted([SEKDA, CONTACT["email"]])


def test_what_somebody_did_is_told_at_night_too_and_waits_for_nothing(at_night: Desk) -> None:
    at_night.hear("escalation.raised.v1", **RAISED)
    at_night.hear("case.answered.v1")

    assert at_night.send() == 1
    assert at_night.said("message.delivered")[-1]["about"] == "answered"


def test_what_waits_for_the_morning_is_not_stuck(at_night: Desk) -> None:
    at_night.hear("escalation.raised.v1", **RAISED)
    at_night.later(hours=3)
    at_night.notify.watch()

    assert REGISTRY.get_sample_value("lapor_notify_unsent") == 0
    assert REGISTRY.get_sample_value("lapor_notify_oldest_unsent_seconds") == 0

    at_night.later(hours=5)
    at_night.notify.watch()
    assert REGISTRY.get_sample_value("lapor_notify_unsent") == 2


def test_an_address_stands_in_no_row_in_clear_and_moves_to_a_new_key(desk: Desk) -> None:
    furnish(desk)
    [(row,)] = desk.database.psql("SELECT post::text FROM post")
    assert SEKDA not in row
    assert SEKDA.encode().hex() not in row

    old = desk.settings.keyring()
    keys = {1: old._keys[1], 2: bytes(range(32))}
    newer = Keyring(2, keys)
    with desk.db.begin() as tx:
        assert (posts.rewrap(tx, newer), posts.rewrap(tx, newer)) == (1, 0)
    with desk.db.begin() as tx:
        reach = posts.reach(posts.rows(tx, ["sekda"])["sekda"], Keyring(2, {2: keys[2]}))
    assert reach is not None
    assert reach.email == SEKDA
