"""A reporter corrects where news goes: what has not gone goes there, and nothing goes to both."""

from __future__ import annotations

import pytest

from services.notify import replacing
from services.notify.outgoing import LEASE
from tests.service.notify.desk import CONTACT, NEW, Desk
from tests.service.notify.test_bounces import report, told
from tests.service.notify.test_erasing import erase

OLD = CONTACT["email"]
NONE = {"name": None, "email": None, "phone": None, "address": None}
REFUSED, LATER = "rcpt 550 5.1.1 no", "rcpt 451 4.3.0 later"
ANSWER = ("case.answered.v1", {"cycle": 1, "at": "2026-11-09T02:00:00Z"})


def mails(desk: Desk) -> list[tuple[str, str]]:
    """To whom each mail went, and what it told, in order."""
    news = {
        "news_ends_here": "tidak lagi dikirim ke", "news_comes_here": "mulai sekarang dikirim ke",
        "here_in_english": "is sent to this address", "received": "Terima kasih telah melapor",
        "answered": "menyampaikan jawaban",
    }  # fmt: skip
    found = []
    for [to], mail in zip(desk.postbox.recipients, desk.postbox.mails, strict=True):
        found += [(to, about) for about, words in news.items() if words in mail.get_content()]
    assert len(found) == len(desk.postbox.mails)
    return found


def kept(desk: Desk) -> list[tuple[str, bool]]:
    """What is known of the reporter, and whether anything of a former address is left."""
    former = "SELECT state, EXISTS (SELECT FROM former_reach) FROM reporter"
    return desk.database.psql(former)


def answers(desk: Desk) -> list[str]:
    """What others heard of the notices of answers."""
    rows = "SELECT type, data ->> 'about', data ->> 'reason' FROM outbox ORDER BY id"
    return [r or "delivered" for _, about, r in desk.database.psql(rows) if about == "answered"]


def answered(desk: Desk, reply: str = "") -> None:
    """The server says so to the notice of an answer; what was told before went."""
    desk.hear_contact()
    desk.hear("case.opened.v1")
    desk.send()
    desk.postbox.script.extend([reply] if reply else [])
    desk.hear(ANSWER[0], **ANSWER[1])
    desk.send()


def test_what_waits_goes_to_the_new_address_and_each_is_told_once(desk: Desk) -> None:
    desk.hear_contact()
    body = desk.stream.replaced(**CONTACT | {"email": NEW, "language": "en"})
    desk.hear("case.opened.v1")
    assert [desk.receive(body) for _ in range(2)] == ["done", "known"]
    assert kept(desk) == [("held", True)]

    desk.send()

    welcome = next(m for m in desk.postbox.mails if "Thank you for reporting" in m.get_content())
    assert welcome["To"] == NEW
    assert "is sent to this address from now on" in desk.postbox.mails[-1].get_content()
    by_whom = sorted(to for [to] in desk.postbox.recipients)
    assert by_whom == [NEW, NEW, OLD]
    for mail in desk.postbox.mails:
        assert (OLD if mail["To"] == NEW else NEW) not in mail.as_string()
    assert kept(desk) == [("held", False)]
    said = [one["about"] for one in desk.said()]
    assert sorted(said) == ["news_comes_here", "received"]  # of the old one nobody hears


def test_the_same_address_is_told_nothing_and_read_in_the_new_language(desk: Desk) -> None:
    desk.hear_contact()
    desk.send()
    assert desk.hear_replaced(email=OLD.upper(), language="en") == "done"
    assert desk.send() == 0

    desk.hear("case.verified.v1")
    desk.send()

    assert desk.postbox.mails[-1]["Content-Language"] == "en"
    assert len(desk.postbox.mails) == 2


def test_an_answer_that_failed_is_told_anew_once(desk: Desk) -> None:
    answered(desk, REFUSED)
    for address in (NEW, "ketiga@surel-lain.example"):
        desk.hear_replaced(email=address)
        desk.send()

    assert [to for to, about in mails(desk) if about == "answered"] == [NEW]
    assert answers(desk) == ["rejected", "delivered"]
    [(cycle,)] = desk.database.psql(
        "SELECT DISTINCT data ->> 'cycle' FROM outbox WHERE data ->> 'about' = 'answered'"
    )
    assert cycle == "1"


def test_what_is_not_the_latest_any_more_is_not_told_anew(desk: Desk) -> None:
    answered(desk, REFUSED)
    desk.hear("case.objected.v1", at="2026-11-10T02:00:00Z")
    desk.send()

    desk.hear_replaced()
    desk.send()

    assert answers(desk) == ["rejected"]


def test_without_an_address_what_failed_counts_as_of_who_left_none(desk: Desk) -> None:
    answered(desk, REFUSED)
    desk.hear("case.verified.v1")

    desk.hear_replaced(**NONE)
    desk.send()

    assert answers(desk) == ["rejected", "no_address"]
    assert desk.states()[-3:] == [
        ("verified", "failed", "no_address"), ("answered", "failed", "no_address"),
        ("news_ends_here", "delivered", None),
    ]  # fmt: skip
    assert mails(desk) == [(OLD, "received"), (OLD, "news_ends_here")]


def test_who_left_none_is_told_from_then_on(desk: Desk) -> None:
    assert desk.hear_replaced() == "done"  # before anything else is heard
    desk.hear("case.opened.v1", reachable=False)
    desk.hear(ANSWER[0], **ANSWER[1])
    desk.send()

    assert mails(desk) == [(NEW, "news_comes_here"), (NEW, "answered")]


def test_a_mail_that_comes_back_from_the_old_address_is_told_at_the_new_one(desk: Desk) -> None:
    answered(desk)
    sent = desk.postbox.mails[-1]
    desk.hear_replaced()
    desk.send()

    assert [told(desk, report(sent)) for _ in range(2)] == [1, 0]
    desk.send()

    assert [to for to, about in mails(desk) if about == "answered"] == [OLD, NEW]
    assert answers(desk) == ["delivered", "rejected", "delivered"]


def test_a_try_that_the_old_server_put_off_is_made_anew_at_the_new_one(desk: Desk) -> None:
    """With all its tries, after the old address had used some of them up."""
    answered(desk, LATER)

    desk.hear_replaced()
    desk.send()

    assert [to for to, about in mails(desk) if about == "answered"] == [NEW]
    assert ("answered", "overtaken", None) in desk.states()
    assert answers(desk) == ["delivered"]


def to_whom(desk: Desk) -> set[str]:
    """Whoever got the answer, after a process died while it sent it and the address changed."""
    answered(desk)
    desk.postbox.mails.clear()
    desk.postbox.recipients.clear()
    desk.hear("case.closed.v1", at="2026-11-12T02:00:00Z", how="accepted")
    [claim] = desk.outgoing.claim(1)
    desk.outgoing._attempt(claim, desk.outgoing._channel)  # and nobody writes down what came of it
    desk.hear_replaced()
    desk.later(seconds=LEASE.total_seconds() + 1)
    desk.outgoing = desk.with_keyring(desk.keyring)
    desk.send()
    closed = (m for m in desk.postbox.mails if "ditutup" in m.get_content())
    return {str(mail["To"]) for mail in closed}


def test_what_the_old_address_may_have_is_tried_again_there_alone(desk: Desk) -> None:
    assert to_whom(desk) == {OLD}
    assert kept(desk) == [("held", False)]


def test_without_that_both_would_have_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broken variant looks for the address at each try."""
    monkeypatch.setattr(replacing.ledger, "may_have_gone", lambda *_: False)

    assert to_whom(desk) == {OLD, NEW}


def test_a_try_under_way_that_the_old_address_refuses_is_told_at_the_new_one(desk: Desk) -> None:
    desk.hear_contact()
    desk.send()
    desk.hear(ANSWER[0], **ANSWER[1])
    [claim] = desk.outgoing.claim(1)
    desk.hear_replaced()
    desk.postbox.script.append(REFUSED)
    desk.outgoing.send(claim)
    assert answers(desk) == ["rejected"]

    desk.send()

    assert [to for to, about in mails(desk) if about == "answered"] == [NEW]


def test_an_old_server_that_is_away_holds_up_nothing(desk: Desk) -> None:
    desk.hear_contact()
    desk.send()
    desk.hear_replaced()
    desk.postbox.script.append(LATER)  # to the old address, which is written to first
    desk.send()
    desk.hear("case.opened.v1")
    desk.hear(ANSWER[0], **ANSWER[1])
    desk.send()

    assert mails(desk)[1:] == [(NEW, "news_comes_here"), (NEW, "answered")]
    assert kept(desk) == [("held", True)]
    desk.later(minutes=5)
    desk.send()
    assert mails(desk)[-1] == (OLD, "news_ends_here")


def test_of_two_in_a_row_the_later_one_holds_and_each_address_is_told_once(desk: Desk) -> None:
    last = "ketiga@surel-lain.example"
    desk.hear_contact()
    desk.send()
    for address in (NEW, last):
        desk.hear_replaced(email=address)
    desk.send()

    assert sorted(mails(desk)) == sorted([
        (OLD, "received"), (OLD, "news_ends_here"), (NEW, "news_ends_here"),
        (last, "news_comes_here"),
    ])  # fmt: skip


def test_who_was_not_told_that_news_comes_is_not_told_so_later(desk: Desk) -> None:
    last = "ketiga@surel-lain.example"
    desk.hear_replaced()
    [claim] = desk.outgoing.claim(1)
    desk.hear_replaced(email=last)
    desk.postbox.script.append(LATER)
    desk.outgoing.send(claim)
    desk.later(minutes=5)
    desk.send()

    assert sorted(mails(desk)) == [(last, "news_comes_here"), (NEW, "news_ends_here")]


def test_after_erasing_nothing_is_stored_nor_told(desk: Desk) -> None:
    desk.hear_contact()
    desk.hear_replaced()
    assert erase(desk)

    assert desk.hear_replaced(email="ketiga@surel-lain.example") == "done"
    desk.send()

    assert mails(desk) == []
    assert kept(desk) == [("erased", False)]
    assert desk.database.psql("SELECT identity FROM reporter") == [(None,)]


def test_a_database_that_was_restored_comes_to_the_same_under_the_same_ids(desk: Desk) -> None:
    said = [desk.stream.contact(), desk.stream.replaced(email=NEW, language="id")]
    for _ in range(2):
        for body in said:
            assert desk.receive(body) == "done"
        desk.send()
        tables = "message, attempt, reporter, former_reach, inbox, position, outbox, stream"
        assert kept(desk) == [("held", False)]
        desk.database.psql(f"TRUNCATE {tables}")

    assert len(desk.postbox.ids) == 6
    assert desk.postbox.ids[:3] == desk.postbox.ids[3:]
    assert desk.postbox.recipients[:3] == desk.postbox.recipients[3:]


def test_nobody_floods_a_mailbox_by_having_what_waits_go_there(desk: Desk) -> None:
    """What was put off for the one mailbox has no room in the next one either."""
    numbers = [f"KTB-{n:05}-00000" for n in range(12)]
    desk.settings = desk.settings.__class__(**vars(desk.settings) | {"mailbox_limit": 4})
    desk.notify.settings = desk.settings
    desk.outgoing = desk.with_keyring(desk.keyring)
    for number in numbers:
        desk.hear_contact(number)
    desk.send()
    assert desk.postbox.recipients == [[OLD]] * 4

    for number in numbers:
        desk.hear_replaced(number)
    desk.send()

    assert desk.postbox.recipients.count([NEW]) == 4
    assert desk.postbox.recipients.count([OLD]) == 4  # nor are the old ones all told at once


def test_keys_move_for_what_still_goes_to_a_former_address(desk: Desk) -> None:
    desk.hear_contact()
    desk.hear_replaced()
    old = desk.keyring._keys[1]
    both, new = type(desk.keyring)(2, {1: old, 2: b"n" * 32}), type(desk.keyring)(2, {2: b"n" * 32})
    with desk.db.begin() as tx:
        assert replacing.reporters.rewrap(tx, both) == 2

    desk.outgoing = desk.with_keyring(new)
    desk.send()

    assert (OLD, "news_ends_here") in mails(desk)
