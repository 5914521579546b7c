"""Nobody is woken by what a clock alone brought about, and nothing else waits."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import contracts
from services.notify import domain, quiet
from services.notify.domain import About
from services.notify.quiet import Quiet

WITA = ZoneInfo("Asia/Makassar")
NIGHT = Quiet(21, 6)


def at(time: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-10 {time}").replace(tzinfo=WITA)


@pytest.mark.parametrize(
    ("time", "hours", "minutes"),
    [
        ("20:59:59", 0, 0),
        ("21:00:00", 9, 0),
        ("23:30:00", 6, 30),
        ("00:00:00", 6, 0),
        ("05:59:00", 0, 1),
        ("06:00:00", 0, 0),
        ("12:00:00", 0, 0),
    ],
)
def test_it_is_quiet_until_the_morning(time: str, hours: int, minutes: int) -> None:
    left = timedelta(hours=hours, minutes=minutes)

    assert NIGHT.left(at(time)) == left
    assert not left or NIGHT.left(at(time) + left) == timedelta()


@pytest.mark.parametrize(
    ("quiet", "time", "hours"),
    [
        (Quiet(0, 6), "23:59:59", 0),
        (Quiet(0, 6), "00:00:00", 6),
        (Quiet(12, 14), "13:00:00", 1),
        (Quiet(12, 14), "14:00:00", 0),
        (Quiet(7, 7), "07:00:00", 0),  # from an hour to itself: never
    ],
)
def test_any_two_hours_can_be_the_night(quiet: Quiet, time: str, hours: int) -> None:
    assert quiet.left(at(time)) == timedelta(hours=hours)


# Who brings a news about. Of those that either may, the event says which of them did.
CLOCKS = {
    About.DEADLINE_APPROACHING, About.DEADLINE_PASSED, About.DEADLINE_KEPT,
    About.DEADLINE_RECOMPUTED, About.ESCALATION_RAISED, About.ESCALATION_OFFERED,
    About.POST_REMINDED, About.POST_RAISED,
}  # fmt: skip
PEOPLE = {
    About.RECEIVED, About.VERIFIED, About.DISPOSED, About.RETURNED, About.HANDED_UP,
    About.DATA_REQUESTED,
    About.DATA_REQUEST_CANCELLED, About.FOLLOWED_UP, About.ANSWERED, About.OBJECTED,
    About.REOPENED, About.FORWARDED, About.RECALLED, About.RECLASSIFIED, About.MERGED,
    About.WITHDRAWN, About.REFUSED, About.PROTECTED, About.REASSIGNED, About.OMBUDSMAN_ANSWERED,
    About.WORD_RELAYED, About.NEWS_COMES_HERE, About.NEWS_ENDS_HERE,
    About.HANDED_OVER,  # the reporter consented, maybe before the limit passed: nothing tells that
}  # fmt: skip
EITHER = {
    About.CLOSED: lambda data: data["how"] == "auto_closed",
    About.ARCHIVED: lambda data: data["reply_id"] is None,
    About.RESUMED: lambda data: data["how"] == "silent",
}


def told() -> list[tuple[About, dict[str, Any]]]:
    """Every news with the data of each example in the contracts that tells it."""
    types = {rule.type for rule in domain.RULES}
    examples = [(t, each["data"]) for t in types for each in contracts.examples(t).values()]
    found = [(domain.about(type, data), data) for type, data in examples]
    found += [(domain.TO_POSTS[t], data) for t, data in examples if t in domain.TO_POSTS]
    return [(news, data) for news, data in found if news is not None]


def test_of_every_news_it_is_known_whether_a_clock_brings_it_about() -> None:
    assert set(About) == CLOCKS | PEOPLE | set(EITHER)
    assert {news for news, _ in told()} == set(About) - domain.TO_FORMER
    for news, is_clocks in EITHER.items():
        assert {is_clocks(data) for about, data in told() if about is news} == {True, False}


def test_only_what_a_clock_alone_brought_about_waits() -> None:
    for news, data in told():
        waits = EITHER[news](data) if news in EITHER else news in CLOCKS

        assert (quiet.wait(news, data, at("23:00:00"), NIGHT) > timedelta()) is waits, (news, data)
        assert quiet.wait(news, data, at("23:00:00"), None) == timedelta()
